"""Dashboard and examples have the form that Grafana, Kubernetes and KEDA want."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard
from monitoring.tools import CHART, EXAMPLES, NODE_MODULES


NODE = Path(sys.executable).with_name("node")
MODELS = {
    "ScaledObject": "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject",
    "PodMonitor": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor",
    "PrometheusRule": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule",
}
# the models name each other's files without an ending
RESOLVE = "require('module').registerHooks({resolve(s, c, n) {try {return n(s, c)} catch {return n(s + '.js', c)}}});"
VALIDATE = RESOLVE + "const {%s: Model} = require(process.argv[1]); new Model(JSON.parse(process.argv[2])).validate()"


def complaint(made: dict[str, Any]) -> str:
    """Return what the schema of a custom resource says against `made`; nothing if it is one."""
    kind = made["kind"]
    model = str(NODE_MODULES / MODELS[kind])
    done = subprocess.run(
        [str(NODE), "-e", VALIDATE.replace("%s", kind), model, json.dumps(made)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stderr if done.returncode else ""


def test_the_dashboard_is_one_of_grafanas() -> None:
    """Grafana's own models read the dashboard, and nothing of it gets lost on the way."""
    register_default_plugins()
    given = json.loads((CHART / "dashboard.json").read_text())
    read = dashboard.Dashboard.from_json(given)
    assert read.panels is not None
    assert len(read.panels) == len(given["panels"])
    ids = [panel["id"] for panel in given["panels"]]
    assert len(ids) == len(set(ids))


def test_panels_lie_beside_each_other() -> None:
    """No panel of the dashboard covers another, and none is wider than the grid."""
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads((CHART / "dashboard.json").read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_the_scalers_are_what_kubernetes_takes() -> None:
    """The HorizontalPodAutoscaler and the ScaledObject are valid, and a misspelt field would be told."""
    hpa = yaml.safe_load((EXAMPLES / "hpa.yaml").read_text())
    kubernetes_validate.validate(hpa, kubernetes_validate.latest_version(), strict=True)
    scaled = yaml.safe_load((EXAMPLES / "keda.yaml").read_text())
    assert complaint(scaled) == ""
    scaled["spec"]["triggers"] = "none"
    assert "triggers" in complaint(scaled)


@pytest.mark.parametrize("kind", MODELS)
def test_a_wrong_resource_would_be_told(kind: str) -> None:
    """The schemas refuse what is none: else they would prove nothing."""
    assert complaint({"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "x"}, "spec": 5})
