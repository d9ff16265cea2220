"""What the chart makes for the Prometheus operator has the form that it wants, and promtool takes the rules."""

from pathlib import Path

import yaml
from chart import helm
from monitoring.test_promtool import promtool
from monitoring.test_schemas import complaint


def test_the_operators_resources_are_valid(tmp_path: Path) -> None:
    """PodMonitor and PrometheusRule are what the operator's own schemas say."""
    parts = {f"metrics.{part}.enabled": True for part in ("podMonitor", "prometheusRule")}
    rendered = helm.render(**{"metrics.enabled": True}, **parts)
    (monitor,), (rule,) = rendered.of("PodMonitor").values(), rendered.of("PrometheusRule").values()
    assert complaint(monitor) == ""
    assert complaint(rule) == ""
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(rule["spec"]))
    promtool("check", "rules", str(file))
