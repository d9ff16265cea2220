"""The seccomp profile in the forms that it is shipped in: `octo-node.json`, and a manifest that is made from it."""

import json
from pathlib import Path
from typing import Any


PROFILE = Path(__file__).resolve().parents[1] / "docker" / "seccomp" / "octo-node.json"
MANIFEST = PROFILE.with_name("seccompprofile.yaml")
_HEAD = """\
# For the Security Profiles Operator. Made by scripts/docs from octo-node.json: change that.
apiVersion: security-profiles-operator.x-k8s.io/v1beta1
kind: SeccompProfile
metadata:
  name: octo-node
spec:
"""


def read() -> dict[str, Any]:
    """Return the profile."""
    found: dict[str, Any] = json.loads(PROFILE.read_text())
    return found


def manifest() -> str:
    """Return the manifest: the same calls, without conditions on the architecture, which the operator doesn't have."""
    profile = read()
    lines = [_HEAD, f"  defaultAction: {profile['defaultAction']}\n", "  architectures:\n"]
    lines += [f"    - {each['architecture']}\n" for each in profile["archMap"]]
    lines.append("  syscalls:\n")
    for rule in profile["syscalls"]:
        lines += [f"    - action: {rule['action']}\n", "      names:\n"]
        lines += [f"        - {name}\n" for name in rule["names"]]
        lines += ["      args:\n"] if "args" in rule else []
        for each in rule.get("args", []):
            lines += [
                f"        {'- ' if key == 'index' else '  '}{key}: {each[key]}\n" for key in ("index", "value", "op")
            ]
    return "".join(lines)
