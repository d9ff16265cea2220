"""What these tests need besides octo-node: prometheus and chromium of Debian, libraries of scripts/test-monitoring."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from processes import ROOT


REQUIRED = "OCTO_TEST_MONITORING"  # `required`: what is missing is a failure
CHART = ROOT / "docker" / "helm" / "octopus" / "monitoring"
EXAMPLES = ROOT / "docker" / "monitoring"
NODE_MODULES = ROOT / ".venv" / "npm" / "monitoring" / "node_modules"
AXE = NODE_MODULES / "axe-core" / "axe.min.js"
CHROMIUM = "/usr/bin/chromium"


def is_required() -> bool:
    """Return whether these tests may not be left out."""
    return os.environ.get(REQUIRED) == "required"


def missing() -> str:
    """Return in words what isn't here; empty if all is."""
    return ", ".join(_missing())


def _missing() -> Iterator[str]:
    if not shutil.which("promtool"):
        yield "promtool"
    if not Path(CHROMIUM).exists():
        yield "chromium"
    for name in ("playwright", "grafana_foundation_sdk"):
        if importlib.util.find_spec(name) is None:
            yield name
    if not AXE.exists():
        yield "axe-core"
    if not (NODE_MODULES / "@kubernetes-models").is_dir():
        yield "@kubernetes-models"
