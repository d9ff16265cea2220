"""The fault matrix: in each cell a node meets a fault in one phase of its life.

A quick selection runs always; `scripts/soak faults` runs all of it (OCTO_TEST_FAULTS=all).
"""

import json
from pathlib import Path

import pytest
from processes import descendants, status, wait_until
from scripted import nothing_left
from standin.octopus import integrity

from . import network
from .matrix import Cell, Ends, GoesOn
from .phases import BY_NAME
from .rig import SECRETS, Rig
from .table import note, wanted


pytestmark = pytest.mark.faults


@pytest.mark.parametrize("cell", wanted(), ids=str)
def test_a_fault(tmp_path: Path, cell: Cell) -> None:
    """The exit code and the words are the cell's; no process, zombie, half-written file or secret is left."""
    phase = BY_NAME[cell.phase]
    environ = {**phase.environ, **cell.fault.environ}
    with network.own(wanted=cell.fault.needs_network), Rig(tmp_path, cell.mode, cell.driver, environ) as rig:
        rig.phase, rig.verb = cell.phase, cell.phase.strip("`")
        cell.fault.prepare(rig)
        phase.reach(rig)
        cell.fault.strike(rig)
        code, allowed = _follow(rig, cell)
        assert code in allowed, rig.node.log
        _look_for_what_is_left(rig)
        if isinstance(cell.outcome, Ends):
            cell.fault.heal(rig)
        assert rig.is_whole(integrity) == []
    note(cell)


def _follow(rig: Rig, cell: Cell) -> tuple[int, tuple[int, ...]]:
    """Follow the node to its end; return its exit code, and those that the cell allows."""
    phase, outcome = BY_NAME[cell.phase], cell.outcome
    match outcome:
        case Ends():
            code = rig.node.wait()
            assert outcome.said in rig.node.log + rig.node.termination, rig.node.log
            return code, outcome.codes
        case GoesOn():
            if not rig.is_over:
                rig.node.wait_log(outcome.said)
                _look_for_zombies(rig)
            cell.fault.heal(rig)
            return (cell.fault.finish or phase.finish)(rig), outcome.codes or (phase.code,)


def _look_for_zombies(rig: Rig) -> None:
    """Whoever has ended is reaped."""

    def zombies() -> list[int]:
        return [pid for pid in descendants(rig.node.pid) if status(pid).get("State", "")[:1] == "Z"]

    wait_until(lambda: not zombies(), what="no zombie is left")


def _look_for_what_is_left(rig: Rig) -> None:
    """After the end no process of the node is left, no half of a file, no secret in what it wrote."""
    wait_until(lambda: nothing_left(rig.node), what="no process is left")
    if rig.left.exists():
        assert [line for line in rig.left.read_text().splitlines() if not line.startswith("1 ")] == []
    for path in rig.node.run_dir.glob("*"):
        if path.suffix == ".json" and not (rig.is_garbled and path.name != "node.json"):
            json.loads(path.read_text())
    written = [rig.node.log, rig.node.termination]
    written += [path.read_text(errors="replace") for path in rig.node.run_dir.glob("*") if path.is_file()]
    assert not [secret for secret in SECRETS for text in written if secret in text]
    key = rig.node.root / "masterKey" / "OctopusServer"
    assert not key.exists() or key.read_text().endswith("\n")
    assert list(rig.node.run_dir.glob(".*")) == [] or rig.was_killed
