"""The cluster that KUBECONFIG names, as tests use it: through kubectl."""

import functools
import json
import os
import shutil
import subprocess
from typing import Any


MISSING = "no cluster answers here (KUBECONFIG, `kubectl get nodes`)"
KUBECTL = shutil.which("kubectl") or "kubectl"


@functools.cache
def is_there() -> bool:
    """Return whether there is a cluster: one that KUBECONFIG names, never one that kubectl finds by itself."""
    if not os.environ.get("KUBECONFIG"):
        return False
    try:
        return kubectl("get", "nodes", "--request-timeout=10s", check=False, seconds=60).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def is_required() -> bool:
    """Return whether a missing cluster is a failure."""
    return os.environ.get("OCTO_TEST_KUBERNETES") == "required"


def kubectl(
    *words: str, check: bool = True, given: object = None, seconds: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run kubectl and return what came of it; `given`, as JSON, is its stdin. AssertionError if it fails."""
    done = subprocess.run(
        [KUBECTL, *words],
        input=json.dumps(given) if given is not None else "",
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )
    assert not check or done.returncode == 0, f"kubectl {' '.join(words)}: {done.returncode}\n{done.stderr}"
    return done


def objects(kind: str, *words: str) -> list[dict[str, Any]]:
    """Return the objects of a kind."""
    return list(json.loads(kubectl("get", kind, "--output=json", *words).stdout)["items"])
