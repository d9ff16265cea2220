"""Prometheus's own tool on the metrics, the alert rules and the dashboard's questions."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from monitoring.tools import CHART, EXAMPLES
from monitoring_site import get, served


PROMTOOL = shutil.which("promtool") or "promtool"
HERE = Path(__file__).parent
DASHBOARD: dict[str, Any] = json.loads((CHART / "dashboard.json").read_text())
RULES = yaml.safe_load((CHART / "alerts.yaml").read_text())["groups"][0]["rules"]


def promtool(*words: str, given: str = "") -> str:
    """Run promtool and return what it said. Raise AssertionError if it complains."""
    done = subprocess.run([PROMTOOL, *words], input=given, capture_output=True, text=True, timeout=300, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def exposition() -> str:
    """Return the metrics of a node of which all is known."""
    with served(asked=True) as port:
        return get(port, "/metrics")[1]


def questions() -> Iterator[str]:
    """Yield each expression of the dashboard."""
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def names(text: str) -> set[str]:
    """Return the names of our metrics in an expression."""
    return set(re.findall(r"octo_node_\w+", text))


def test_the_metrics_follow_the_conventions() -> None:
    """`promtool check metrics` has nothing to say against the metrics, not even a warning."""
    assert promtool("check", "metrics", given=exposition()).strip() == ""


def test_every_alert_is_raised_and_not_raised() -> None:
    """`promtool test rules` has a series for each alert that raises it, and one node for which none is raised."""
    promtool("check", "rules", str(CHART / "alerts.yaml"))
    promtool("test", "rules", str(HERE / "alerts.yaml"))
    tested = (HERE / "alerts.yaml").read_text()
    assert not [rule["alert"] for rule in RULES if rule["alert"] not in tested]


def test_nobody_asks_for_a_metric_that_is_not_there() -> None:
    """Alerts, dashboard and examples use metrics that a node has, by their names."""
    known = {line.split("{")[0].split(" ")[0] for line in exposition().splitlines() if not line.startswith("#")}
    asked = {name for rule in RULES for name in names(rule["expr"])} | {
        name for one in questions() for name in names(one)
    }
    for example in EXAMPLES.glob("*.yaml"):
        asked |= names(example.read_text())
    assert asked <= known


def test_the_dashboards_questions_can_be_asked(tmp_path: Path) -> None:
    """Each expression of the dashboard is one, by promtool; Grafana's own variables have a value then."""
    values = {"$__rate_interval": "1m", "$job": ".*", "$node": ".*"}
    rules = []
    for number, expression in enumerate(questions()):
        for name, value in values.items():
            expression = expression.replace(name, value)  # noqa: PLW2901 - one after the other
        rules.append({"record": f"question:{number}", "expr": expression})
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(file))


def test_the_example_of_a_scrape_is_one() -> None:
    """The configuration for Prometheus, with the rules beside it, is one that it takes."""
    promtool("check", "config", str(EXAMPLES / "prometheus.yaml"))
