"""Metrics in the chart: nothing unless they are enabled; then probes by HTTP, and what Prometheus and Grafana take."""

import json

import pytest
import yaml
from chart import helm
from values import CHART


ALL = {"metrics.enabled": True} | {
    f"metrics.{part}.enabled": True for part in ("podMonitor", "prometheusRule", "dashboard")
}
KINDS = ("PodMonitor", "PrometheusRule")


def test_without_metrics_there_are_none() -> None:
    """By default no port is listened on, probes are commands, and no object of another operator is made."""
    rendered = helm.render()
    (container,) = rendered.containers
    assert "OCTO_NODE_HTTP" not in {variable["name"] for variable in container["env"]}
    assert all("exec" in container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness"))
    assert not {found["kind"] for found in rendered.objects} & set(KINDS)
    parts = {f"metrics.{part}.enabled": True for part in ("podMonitor", "prometheusRule", "dashboard")}
    assert len(helm.render(**parts).objects) == len(rendered.objects)


@pytest.mark.parametrize("port", [9464, 9999])
def test_probes_are_asked_where_octo_node_listens(port: int) -> None:
    """With metrics kubelet asks octo-node by HTTP, on the port that it listens on, and starts no process for it."""
    (container,) = helm.render(**{"metrics.enabled": True, "metrics.port": port}).containers
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    variables = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert variables["OCTO_NODE_HTTP"] == f":{port}"
    for kind, path in (("startup", "/startupz"), ("liveness", "/livez"), ("readiness", "/readyz")):
        probe = container[f"{kind}Probe"]
        assert probe["httpGet"] == {"path": path, "port": "metrics"}
        assert "exec" not in probe
    assert ports["metrics"] == port


def test_what_prometheus_and_grafana_are_given() -> None:
    """The PodMonitor selects the nodes; rules and dashboard are those of docker/monitoring, for this release."""
    rendered = helm.render(**ALL)
    (monitor,) = rendered.of("PodMonitor").values()
    (nodes,) = rendered.nodes
    labels = nodes["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels[monitor["spec"]["jobLabel"]] == "octopus"
    (rule,) = rendered.of("PrometheusRule").values()
    assert rule["spec"] == yaml.safe_load((CHART / "monitoring" / "alerts.yaml").read_text())
    (dashboard,) = [found for name, found in rendered.of("ConfigMap").items() if name.endswith("-dashboard")]
    (text,) = dashboard["data"].values()
    assert json.loads(text) == json.loads((CHART / "monitoring" / "dashboard.json").read_text())
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_a_network_policy_lets_scrapers_in() -> None:
    """With a NetworkPolicy the port is open to those of metrics.from, and no port where there are no metrics."""
    closed = helm.render(**{"octopus.networkPolicy.enabled": True})
    opened = helm.render(**{"octopus.networkPolicy.enabled": True, "metrics.enabled": True})
    (before,), (after,) = closed.of("NetworkPolicy").values(), opened.of("NetworkPolicy").values()
    added = [rule for rule in after["spec"]["ingress"] if rule not in before["spec"]["ingress"]]
    assert added == [{"ports": [{"port": "metrics"}]}]


def test_the_variable_has_a_value_of_its_own() -> None:
    """OCTO_NODE_HTTP in extraEnv is refused: port and probes would be others'."""
    done = helm.template(
        **{"octopus.databaseConnectionString": helm.CONNECTION, "octopus.extraEnv[0].name": "OCTO_NODE_HTTP"}
    )
    assert done.returncode
    assert "metrics.port" in done.stderr
