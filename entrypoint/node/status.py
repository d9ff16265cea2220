"""Status: what the state files say of this node."""

import json
import os
from collections.abc import Mapping

from entrypoint import oom, statefile, whereabouts
from entrypoint.exitcodes import ExitCode


def status(environ: Mapping[str, str] = os.environ, *, as_json: bool) -> ExitCode:
    """Print where the node is; return DONE, or PROBE_NO if no node lives here."""
    folder = statefile.find_folder(environ)
    names = (statefile.NODE, statefile.PREPARE, statefile.SETTLE, statefile.DRAIN)
    states = {name: state for name in names if (state := statefile.read(folder, name)) is not None}
    node = states.get(statefile.NODE)
    lives = node is not None and statefile.is_live(node)
    if as_json:
        print(json.dumps({"live": lives, **states}, indent=2))
    else:
        print("\n".join(_lines(environ, states)))
    return ExitCode.DONE if lives else ExitCode.PROBE_NO


def _lines(environ: Mapping[str, str], states: Mapping[str, Mapping[str, object]]) -> list[str]:
    lines = [whereabouts.sentence(environ)]
    dockerd = states.get(statefile.NODE, {}).get("dockerd")
    if isinstance(dockerd, dict):
        process = f"process {dockerd['pid']}, " if "pid" in dockerd else ""
        lines.append(f"dockerd is {dockerd['state']}: {process}restarts: {dockerd['restarts']}")
    killed = oom.killed_since(environ, states.get(statefile.NODE, {}))
    if killed:
        lines.append(oom.sentence(killed))
    timeline = states.get(statefile.SETTLE, {}).get("timeline")
    if timeline:
        lines.append(str(timeline))
    if statefile.DRAIN in states:
        lines.append("it is drained on purpose: `octo-node undrain` has it take tasks again")
    return lines
