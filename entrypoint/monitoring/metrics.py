"""The metrics, by Prometheus's conventions: base units, `_total` for counters, `_info` for what is only told.

A metric whose value nobody knows isn't there: 0 would be a lie.
"""

import datetime
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from entrypoint.base.phases import Phase

from .snapshot import Snapshot


def registry(snapshot: Snapshot) -> CollectorRegistry:
    """Return a registry that has the metrics of `snapshot`."""
    made = CollectorRegistry(auto_describe=False)
    made.register(_Metrics(snapshot))
    return made


class _Metrics(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        """Yield all metrics that have a value."""
        for part in (_life, _boot, _dockerd, _probes, _resources, _database):
            yield from (metric for metric in part(self._snapshot) if metric.samples)


def _gauge(name: str, text: str, value: object) -> GaugeMetricFamily:
    """Return a gauge; without a sample if `value` is None."""
    metric = GaugeMetricFamily(f"octo_node_{name}", text)
    if isinstance(value, bool | int | float):
        metric.add_metric([], float(value))
    return metric


def _counter(name: str, text: str, value: object) -> CounterMetricFamily:
    metric = CounterMetricFamily(f"octo_node_{name}", text)
    if isinstance(value, int | float):
        metric.add_metric([], float(value))
    return metric


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(f"octo_node_{name}", text, labels=[label])
    for word, value in values.items():
        metric.add_metric([word], value)
    return metric


def _life(snapshot: Snapshot) -> Iterator[Metric]:
    node, drain = snapshot.part("node"), snapshot.part("drain")
    told = snapshot.part("versions")
    versions = {
        "version": snapshot.version,
        "octopus": str(told.get("server") or ""),
        "schema": str(told.get("schema") or ""),
    }
    yield InfoMetricFamily("octo_node_build", "Versions of octo-node, Octopus Server and the schema.", value=versions)
    phases = {phase.value: float(snapshot.is_live and snapshot.phase == phase) for phase in Phase}
    yield _labelled("phase", "Where the node is in its life: 1 for the phase that it is in.", "phase", phases)
    yield _gauge("phase_seconds", "How long the node has been in its phase.", snapshot.phase_seconds)
    yield _counter("orphans_reaped", "Orphaned processes that process 1 has reaped.", node.get("reaped"))
    yield _gauge("drain_wanted", "Whether a drain was asked for since the start.", drain.get("wanted"))
    yield _gauge("draining", "Whether the server takes no new tasks.", drain.get("in_force"))
    yield _gauge("drain_seconds", "How long ago the drain was asked for.", _seconds_since(drain.get("since")))
    end = snapshot.part("last_end")
    yield _gauge("last_exit_code", "Exit code of the node before this start.", end.get("code"))


def _boot(snapshot: Snapshot) -> Iterator[Metric]:
    boot = snapshot.part("boot")
    steps = {str(step["name"]): float(step["seconds"]) for step in boot.get("steps", ())}
    yield _labelled("boot_step_seconds", "How long each step of the start took, or takes.", "step", steps)
    yield _gauge("boot_seconds", "How long the start took, or takes.", boot.get("seconds"))
    yield _gauge("schema_lock_wait_seconds", "How long the start waited for other nodes' work.", steps.get("guard"))
    commands = snapshot.prepare.get("commands")
    yield _gauge("configure_commands", "Commands of Octopus Server that the start ran.", commands)


def _dockerd(snapshot: Snapshot) -> Iterator[Metric]:
    dockerd = snapshot.part("dockerd")
    if dockerd:
        yield _gauge("dockerd_up", "Whether dockerd answers and starts containers.", dockerd.get("state") == "ready")
        yield _counter("dockerd_restarts", "How often dockerd was started again.", dockerd.get("restarts"))
        yield _gauge("dockerd_containers", "Containers that run in dockerd.", dockerd.get("containers"))


def _probes(snapshot: Snapshot) -> Iterator[Metric]:
    answers = snapshot.answers
    good = {kind: float(answer.yes) for kind, answer in answers.items()}
    yield _labelled("probe_success", "Whether the last answer to a probe was a yes.", "probe", good)
    seconds = {kind: answer.seconds for kind, answer in answers.items()}
    yield _labelled("probe_duration_seconds", "How long the last answer to a probe took.", "probe", seconds)
    counts = CounterMetricFamily("octo_node_probe_answers", "Answers to probes.", labels=["probe", "answer"])
    for (kind, yes), count in snapshot.counts.items():
        counts.add_metric([kind, "yes" if yes else "no"], count)
    yield counts


def _resources(snapshot: Snapshot) -> Iterator[Metric]:
    group = snapshot.part("container")
    yield _gauge("memory_usage_bytes", "Memory of the control group.", group.get("memory_bytes"))
    yield _gauge("memory_limit_bytes", "Memory that the control group may use.", group.get("memory_limit_bytes"))
    yield _gauge("memory_peak_bytes", "Memory of the control group at its highest.", group.get("memory_peak_bytes"))
    yield _counter("oom_kills", "Processes that the kernel killed for want of memory.", group.get("oom_kills"))
    yield _counter("cpu_seconds", "CPU time of the control group.", group.get("cpu_seconds"))
    yield _gauge("cpu_limit_cores", "CPUs that the control group may use.", group.get("cpu_limit"))
    server = snapshot.part("server")
    yield _gauge("server_up", "Whether Octopus Server runs.", bool(server) if snapshot.facts else None)
    cpu = CounterMetricFamily("octo_node_process_cpu_seconds", "CPU time of a process.", labels=["process"])
    resident = {}
    for name, process in (("server", server), ("dockerd", snapshot.part("dockerd"))):
        if process.get("cpu_seconds") is not None:
            cpu.add_metric([name], process["cpu_seconds"])
            resident[name] = float(process.get("memory_bytes") or 0)
    yield cpu
    yield _labelled("process_resident_memory_bytes", "Resident memory of a process.", "process", resident)


def _database(snapshot: Snapshot) -> Iterator[Metric]:
    yield _gauge("facts_age_seconds", "Age of what isn't looked at for each scrape.", snapshot.age)
    yield _counter("observer_restarts", "Restarts of the process that gathers it.", snapshot.observer_restarts)
    sql = snapshot.part("sql")
    is_up = sql.get("answers") is True if sql.get("address") else None  # who gives no answer in time isn't up
    yield _gauge("sql_up", "Whether SQL Server took the login and answered.", is_up)
    yield _gauge("sql_login_seconds", "How long SQL Server took for a login.", sql.get("login_seconds"))
    yield _gauge("sql_answer_seconds", "How long SQL Server took to answer `SELECT 1`.", sql.get("answer_seconds"))
    tasks, nodes = snapshot.items("tasks"), snapshot.items("nodes")
    yield _gauge("tasks_running", "Tasks that this node works on.", None if tasks is None else len(tasks))
    ages = [task["seconds"] for task in tasks or () if task.get("seconds") is not None]
    yield _gauge("oldest_task_seconds", "How long the longest of them has run.", max(ages, default=None))
    yield _gauge("tasks_queued", "Tasks that wait for any node to take them.", snapshot.facts.get("queued"))
    if nodes is not None:
        yield _gauge("nodes_known", "Nodes that the database knows.", len(nodes))
        yield _gauge("nodes_live", "Nodes that seem to live.", sum(node.get("is_alive") is True for node in nodes))
        own: Mapping[str, Any] = next((node for node in nodes if node.get("is_this")), {})
        yield _gauge("task_cap", "Tasks that this node works on at once, at most.", own.get("cap"))


def _seconds_since(moment: object) -> float | None:
    """Return the seconds since a time in ISO 8601; None if it is none."""
    try:
        return max(time.time() - datetime.datetime.fromisoformat(str(moment)).timestamp(), 0.0)
    except ValueError:
        return None
