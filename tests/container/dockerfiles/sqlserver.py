"""Starts the stand-in SQL Server as Microsoft's image starts theirs: the password of `sa` is in the environment."""

import os
import sys

from standin.sqlserver.__main__ import main


password = os.environ.get("MSSQL_SA_PASSWORD") or os.environ.get("SA_PASSWORD") or "Passw0rd!"
sys.argv[1:] = ["--host=0.0.0.0", "--port=1433", "--data=/var/opt/mssql/data", f"--login=sa:{password}"]
main()
