"""The situation of the database, in the terms in which the plan decides."""

import datetime
from dataclasses import dataclass

from entrypoint.sqlserver.connection_string import ConnectionString


@dataclass(frozen=True, slots=True)
class Situation:
    """The facts that decide which commands run.

    Attributes: `is_new`, the database has no schema yet; `is_finished`, somebody finished configuring it: it has
    users; `is_older`, its schema is older than this server, or of a version that isn't told; `has_admin`, it has
    the administrator already; `validated`, the applied state is of this database; `everything`, nothing is left out;
    `version`, this server's.
    """

    is_new: bool
    is_finished: bool
    is_older: bool
    has_admin: bool
    validated: bool
    everything: bool
    version: str

    @property
    def needs_schema(self) -> bool:
        """Whether the schema has to be made or upgraded first."""
        return self.is_new or self.is_older


def identity(created: datetime.datetime | None, where: ConnectionString) -> dict[str, str] | None:
    """Return what tells a database from any other, one made later under the same name included; None for none."""
    if created is None:
        return None
    return {"server": where.address, "name": where.database, "created": str(created)}


def place(where: ConnectionString) -> dict[str, str]:
    """Return where the database is, whether it is there or not."""
    return {"server": where.address, "name": where.database}


def named(where: ConnectionString) -> str:
    """Return what a message calls the database."""
    return f"The database {where.database} on {where.address}"
