"""Starts the stand-in SQL Server as Microsoft's image starts theirs: the password of `sa` is in the environment.

Like every SQL Server it can encrypt, with a certificate that it makes itself if it is given none:
https://learn.microsoft.com/sql/database-engine/configure-windows/configure-sql-server-encryption
"""

import os
import sys

from standin.sqlserver.__main__ import main


password = os.environ.get("MSSQL_SA_PASSWORD") or os.environ.get("SA_PASSWORD") or "Passw0rd!"
sys.argv[1:] = ["--host=0.0.0.0", "--port=1433", "--data=/var/opt/mssql/data", "--tls=on", f"--login=sa:{password}"]
main()
