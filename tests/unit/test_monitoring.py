"""What is served by HTTP: metrics, health endpoints and the page, whatever a client sends and whoever is silent."""

import contextlib
import json
import os
import random
import socket
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
import readings
from monitoring_site import FACTS, get, is_closed, served, slow_clients
from processes import wait_until
from prometheus_client.parser import text_string_to_metric_families

from entrypoint.base import command_lines, listen_address, procfs
from entrypoint.monitoring import listener, observation, server
from entrypoint.prepare.preflight import checks
from entrypoint.structured_log import logger


EMPTY_ELEMENTS = {"meta", "link"}
USUAL = {"ACCEPT_EULA": "Y", "DB_CONNECTION_STRING": "Server=db;Database=Octo;User Id=u;Password=p"}


class Page(HTMLParser):
    """The elements of a page, each with its attributes and whatever texts there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY_ELEMENTS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)


def samples(text: str) -> dict[str, float]:
    """Return the samples of an exposition: name and labels, and value."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (":9464", ("", 9464)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("[::1]:65535", ("::1", 65535)),
        ("9464", None),
        ("db:9464", None),
        ("::1:9464", None),
        ("[127.0.0.1]:9464", None),
        ("0.0.0.0:0", None),
        ("0.0.0.0:65536", None),
        ("0.0.0.0:٣", None),
        ("", None),
    ],
)
def test_an_address_is_an_ip_address_and_a_port(text: str, place: tuple[str, int] | None) -> None:
    """Whatever else is written as OCTO_NODE_HTTP is refused: a name would be asked of a resolver, which may hang."""
    try:
        found = listen_address.parse(text)
    except ValueError:
        found = None
    assert found == place


def test_a_port_of_the_server_is_refused() -> None:
    """A port that Octopus.Server itself will listen on is named before anything is started; another one is taken."""
    for port, name in (("8080", "OCTO_NODE_WEB_PORT"), ("8443", "OCTOPUS_GRPC_SERVICES_PORT")):
        found = checks.problems(readings.configuration({**USUAL, "OCTO_NODE_HTTP": f":{port}"}), untouched=True)
        assert [sentence for _, sentence in found if name in sentence and port in sentence]
    found = checks.problems(readings.configuration({**USUAL, "OCTO_NODE_HTTP": ":9464"}), untouched=True)
    assert not [sentence for _, sentence in found if "OCTO_NODE_HTTP" in sentence]


def test_a_taken_port_is_told_once_and_had_later(capfd: pytest.CaptureFixture[str]) -> None:
    """A port that is taken is one warning, however long it stays so, and is listened on once it is free."""
    taken = socket.create_server(("127.0.0.1", 0))
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            taken.close()

    port = taken.getsockname()[1]
    with listener.bind("127.0.0.1", port, logger("http", []), pause) as found:
        assert found.getsockname()[1] == port
    assert len(pauses) == 3
    assert capfd.readouterr().err.count("can't be had") == 1


def test_metrics_tell_the_facts() -> None:
    """The metrics have the values of the facts, in base units."""
    with served() as port:
        status, text = get(port, "/metrics")
    found = samples(text)
    assert status == 200
    assert found["octo_node_tasks_running"] == 2
    assert found["octo_node_tasks_queued"] == 7
    assert found["octo_node_oldest_task_seconds"] == 200
    assert found["octo_node_memory_limit_bytes"] == 4 << 30
    assert found["octo_node_process_cpu_seconds_total{process=server}"] == 81.5
    assert found["octo_node_boot_step_seconds{step=commands}"] == 8.2
    assert found["octo_node_nodes_known"] == 2
    assert found["octo_node_nodes_live"] == 1
    assert found["octo_node_sql_answer_seconds"] == 0.0012
    assert found["octo_node_build_info{octopus=2026.2.197,schema=2026.2.197,version=0.1.0}"] == 1
    assert all(name.startswith("octo_node_") for name in found)


def test_phase_and_its_seconds_are_of_one_moment(tmp_path: Path) -> None:
    """Phase, its seconds and the sentence are of one read of the state file, whatever the older facts say."""
    folder = tmp_path / "run"
    folder.mkdir(0o700)
    now, offset = time.monotonic(), time.time() - time.monotonic()
    state = {"pid": os.getpid(), "start": procfs.start_time(os.getpid()), "clock": offset, "phase": "stopping"}
    (folder / "node.json").write_text(json.dumps({**state, "phases": {"up": now - 900, "stopping": now - 30}}))
    with served(OCTO_NODE_RUN_DIR=str(folder)) as port:
        found = samples(get(port, "/metrics")[1])
        page = get(port, "/")[1]
    assert FACTS["node"]["phase"] == "up"
    assert found["octo_node_phase{phase=stopping}"] == 1
    assert 30 <= found["octo_node_phase_seconds"] < 900, "not the 4000 s of the phase before"
    assert "The node is stopping" in page
    assert "4000" not in page


@pytest.mark.parametrize("age", [None, 61.0])
def test_what_nobody_knows_is_no_metric(age: float | None) -> None:
    """Facts that are too old, or were never told, are left out: a 0 in their place would be a lie."""
    with served(age=age) as port:
        found = samples(get(port, "/metrics")[1])
        page = get(port, "/")[1]
    assert not [name for name in found if "tasks" in name or "sql" in name or "memory" in name]
    assert found.get("octo_node_facts_age_seconds") == age
    assert "told of SQL Server" in page or "looked at yet" in page


def test_openmetrics_is_given_to_those_who_ask_for_it() -> None:
    """A scraper that prefers OpenMetrics gets it, with its end mark."""
    with served() as port:
        text = get(port, "/metrics", Accept="application/openmetrics-text; version=1.0.0")[1]
    assert text.endswith("# EOF\n")


def test_the_page_can_be_read_by_everybody() -> None:
    """The page has a language, landmarks, one first heading, captions and scopes in its tables, and a live sentence."""
    with served() as port:
        page = Page(get(port, "/")[1])
    names = [name for name, _ in page.elements]
    assert not page.open
    assert ("html", {"lang": "en"}) in page.elements
    assert [names.count(name) for name in ("header", "main", "footer", "h1", "title")] == [1] * 5
    assert names.count("table") == names.count("caption") >= 3
    assert all(attributes.get("scope") for name, attributes in page.elements if name == "th")
    assert all(attributes.get("aria-hidden") == "true" for name, attributes in page.elements if name == "svg")
    assert [attributes for _, attributes in page.elements if attributes.get("role") == "status"]
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.elements


def test_the_page_takes_nothing_for_its_own() -> None:
    """Whatever stands in a task's description is text; nothing is loaded from elsewhere, and no script stands in it."""
    evil = "</dd><script>alert(1)</script>\x00\ud800"
    facts = {**FACTS, "tasks": [{"id": evil, "description": evil, "state": evil, "seconds": 1}], "warnings": [evil]}
    with served(facts) as port:
        page = Page(get(port, "/")[1])
    assert [attributes for name, attributes in page.elements if name == "script"] == [{"src": "page.js", "defer": ""}]
    assert any("<script>alert(1)" in text for text in page.texts)
    links = [attributes.get("href") or attributes.get("src") or "" for _, attributes in page.elements]
    assert not [link for link in links if "//" in link]


def test_facts_of_any_shape_are_answered() -> None:
    """Facts with parts that are missing or unknown are a page and metrics all the same."""
    shapes: list[dict[str, object]] = [{"node": {}}, dict.fromkeys(FACTS) | {"schema": "x"}, {"tasks": [], "nodes": []}]
    for facts in shapes:
        with served(facts) as port:
            assert get(port, "/")[0] == 200
            assert get(port, "/metrics")[0] == 200


def test_nothing_else_is_answered() -> None:
    """Other paths are 404, other methods 405; a HEAD has no body."""
    with served() as port:
        assert get(port, "/../../etc/passwd")[0] == 404
        assert get(port, "/", method="POST")[0] == 405
        assert get(port, "/metrics", method="HEAD") == (200, "")


def test_slow_clients_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """200 clients that never end their request hold up nobody, and are sent away after their time."""
    monkeypatch.setattr(server, "LIFE_IN_A_CROWD", 0.5)
    with served() as port, slow_clients(port, 200) as clients:
        assert get(port, "/metrics")[0] == 200
        wait_until(lambda: all(is_closed(client) for client in clients), 60, what="the slow ones are sent away")
        assert get(port, "/livez")[0] == 503


def test_a_client_that_trickles_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then doesn't make a connection live longer."""
    monkeypatch.setattr(server, "LIFE_SECONDS", 0.5)
    with served() as port, slow_clients(port, 1) as (client,):

        def trickle() -> bool:
            try:
                client.sendall(b"x")
            except OSError:
                return True
            return is_closed(client)

        wait_until(trickle, 60, what="it is sent away")


def test_one_connection_is_one_answer() -> None:
    """Requests that are sent one behind the other get one answer: nobody's connection holds many."""
    with served() as port, socket.create_connection(("127.0.0.1", port), 20) as client:
        client.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
    assert received.count(b"HTTP/1.1 404") == 1
    assert b"Connection: close" in received


def test_random_bytes_are_refused() -> None:
    """Bytes that are no HTTP leave the server as it was."""
    chance = random.Random(15)
    with served() as port:
        for _ in range(50):
            # who is refused before all was sent may find the connection closed
            with socket.create_connection(("127.0.0.1", port), 20) as client, contextlib.suppress(OSError):
                client.sendall(chance.randbytes(chance.randrange(1, 20000)))
                client.shutdown(socket.SHUT_WR)
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            client.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 20000)
            assert b"431" in client.recv(4096)
        assert get(port, "/metrics")[0] == 200


def test_an_observer_that_crashes_or_babbles_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that crashes, is silent or prints what is no observation is over, and the reason is told."""
    program = tmp_path / "observe"
    program.write_text(
        f"""#!/bin/sh
echo >>{tmp_path}/runs
case $(wc -l <{tmp_path}/runs) in
1) echo '{{"queued": 1}}'; echo '[]'; echo 'no JSON'; kill -SEGV $$ ;;
2) exec head -c 1000000 /dev/zero ;;
*) exec sleep 60 ;;
esac
"""
    )
    program.chmod(0o755)
    monkeypatch.setattr(command_lines, "own", lambda _verb: [str(program)])
    observer = observation.Observer((), logger("http", []))
    assert observer.last() == observation.Observation({}, None, is_stale=True)
    assert observer.watch() == "ended by signal SEGV"
    assert observer.last().document == {"queued": 1}
    assert "without an end" in observer.watch()
    monkeypatch.setattr(observation, "SILENCE_SECONDS", 0.2)
    assert "said nothing" in observer.watch()
