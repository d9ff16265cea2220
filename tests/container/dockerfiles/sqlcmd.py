#!/usr/bin/python3
"""As much of sqlcmd as a healthcheck needs: -U, -P, -Q, and the rest ignored."""

import sys

import pyodbc


given = dict(zip(sys.argv[1:], sys.argv[2:], strict=False))
login = f"DRIVER=FreeTDS;SERVER=127.0.0.1;PORT=1433;UID={given['-U']};PWD={{{given['-P']}}};TDS_Version=7.4"
rows = pyodbc.connect(login, autocommit=True, timeout=5).execute(given["-Q"])
for row in rows.fetchall() if rows.description else ():
    print("\t".join(map(str, row)))
