"""A stand-in for SQL Server: TDS 7.4 over TCP for real drivers, SQLite behind it."""
