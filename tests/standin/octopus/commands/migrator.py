"""Octopus.Migrator import."""

import json
import time
from pathlib import Path

from standin.octopus import about, instances
from standin.octopus.failures import ControlledFailureError
from standin.octopus.log import say
from standin.octopus.options import Options

from .settings import keep, ready_database


def import_(options: Options) -> int:
    """Import an export of the same version; the stand-in only counts that it did."""
    if not options.get("directory") or not options.get("password"):
        raise ControlledFailureError("Please specify --directory and --password.")
    metadata = Path(options.get("directory")) / "metadata.json"
    if not metadata.is_file():
        raise ControlledFailureError(f"The folder '{metadata.parent}' holds no export: no metadata.json.")
    exported = json.loads(metadata.read_text() or "{}").get("Version", about.version())
    if exported != about.version() and not options.has("ignore-version-check"):
        raise ControlledFailureError(f"The export is of version {exported}, this server is {about.version()}.")
    with ready_database(options, instances.chosen(options)) as connection:
        if not options.has("dry-run"):
            keep(connection, "imports", {str(time.time_ns()): str(metadata.parent)})
    say("Import completed")
    return 0
