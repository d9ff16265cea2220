"""How findings are shown: a table on a terminal, a line each on a pipe, JSON for programs."""

import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import findings
from .findings import Finding, Result


SCHEMA = 1  # of the JSON; docs/check.md
_STYLES = {Result.PASSED: "green", Result.UNKNOWN: "dim", Result.WARNED: "yellow", Result.FAILED: "bold red"}


def show(found: Sequence[Finding], commands: Sequence[str]) -> None:
    """Print the findings, the worst last, the `commands` that a start would run, and a closing line."""
    ordered = [finding for result in Result for finding in found if finding.result is result]
    console = Console(highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        console.print(_table(ordered))
    else:
        for finding in ordered:
            print(f"{finding.result:<7}  {finding.topic}: {finding.sentence}")
    print(*commands, sep="\n", end="\n" if commands else "")
    sys.stdout.flush()
    console.print(Text(findings.closing(list(found)), "bold"), soft_wrap=not console.is_terminal)


def _table(found: Sequence[Finding]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in found:
        table.add_row(Text(finding.result, _STYLES[finding.result]), finding.topic, Text(finding.sentence))
    return table


def as_json(found: Sequence[Finding], commands: Sequence[str]) -> str:
    """Return it as JSON: `docs/check.md` describes it."""
    failed = [finding for finding in found if finding.result is Result.FAILED]
    return json.dumps(
        {
            "schema": SCHEMA,
            "code": findings.worst(found),
            "summary": findings.closing(list(found)),
            "problems": [{"code": finding.code, "problem": finding.sentence} for finding in failed],
            "warnings": [finding.sentence for finding in found if finding.result is Result.WARNED],
            "checks": [
                {"topic": each.topic, "result": each.result, "sentence": each.sentence, "code": each.code}
                for each in found
            ],
            "commands": list(commands),
        },
        indent=2,
    )
