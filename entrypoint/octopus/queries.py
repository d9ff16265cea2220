"""Queries of the Octopus database; one that the database can't answer is not an error."""

import pyodbc

from entrypoint.sqlserver.connect import Connection, Rows
from entrypoint.sqlserver.error_classes import classify


# no such column, table or function, no right to read it (object, column, database's state, server's state), values of
# other kinds than we expect
_UNKNOWN = {195, 206, 207, 208, 229, 230, 241, 245, 262, 297, 300, 371, 402, 8114, 8116, 8117}


class UnknownError(Exception):
    """The database doesn't tell."""


def rows(connection: Connection, statement: str, *parameters: str) -> Rows:
    """Return the rows of a question. Raise UnknownError if the database doesn't tell, pyodbc.Error for the rest."""
    try:
        return connection.execute(statement, *parameters)
    except pyodbc.Error as error:
        if classify(error).number in _UNKNOWN:
            raise UnknownError(str(error)) from error
        raise


def columns(connection: Connection, table: str) -> set[str]:
    """Return the lower-case names of a table's columns; none if there is no such table, or it isn't shown to us."""
    found = rows(connection, "SELECT name FROM sys.columns WHERE object_id = OBJECT_ID(?)", f"dbo.[{table}]")
    return {name.lower() for (name,) in found}
