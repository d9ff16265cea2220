"""Explains why Octopus.Server refuses a database."""

import re

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode

from .command_runner import CommandError


# as it stands in OctopusDeploy issue 7790
_OTHER_SCHEMA = re.compile(r"unexpected upgrade history|extra upgrade script", re.IGNORECASE)
# a licence that is missing or isn't enough (issues 7266, 9828; the words differ), not one that was only looked at
_LICENCE = re.compile(r"\blicen[cs]e|\bsubscription\b", re.IGNORECASE)
# what SQL Server says, of which the schema's own words are a part (issue 9141: an upgrade that looks at the licence)
_SQL = re.compile(r"SqlException|\binvalid (?:column|object) name\b", re.IGNORECASE)
_MISSED = re.compile(r"\bfail|compliant|requir|missing|expired|invalid|\b(no|not|without)\b", re.IGNORECASE)


def explain(error: CommandError, verb: str) -> NodeError:
    """Return `error`, that of the configure command `verb`, with what to do about it, if the server itself refused.

    A schema that another version has changed is 14; a licence that is missed leaves the code as it is.
    """
    if _OTHER_SCHEMA.search(error.output):
        return NodeError(
            ExitCode.NEWER_DATABASE,
            "Octopus.Server refuses the database, because a version that this one doesn't follow has changed its "
            f"schema: start that version or a later one, or restore a backup made before it ran.\n{error}",
        )
    lines = [line for line in error.output.splitlines() if "PASS" not in line and _LICENCE.search(line)]
    if verb == "database" and not _SQL.search(error.output) and any(_MISSED.search(line) for line in lines):
        sentence = str(error).partition("\n")[0]
        return CommandError(
            f"{sentence} It needs a licence that covers this version: set OCTOPUS_SERVER_BASE64_LICENSE to the base64 "
            "of one (from https://oc.to/ControlCenter), or renew it.",
            error.output,
        )
    return error
