"""The stand-in for Octopus.Server in its five ages, and what is switched in it."""

import base64
import http.client
import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import wait_until
from standin.octopus import about, switches
from standin.octopus.instances import machine_name
from standin.octopus.sql import Database
from standin.octopus.testing import KEY, Node


Make = Callable[..., Node]
AGES = list(about.AGES.values())
UNKNOWN = "Unrecognized command line arguments: "
LONG_KEY = base64.b64encode(bytes(range(32))).decode()
OPENSSL = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "1"]
PING = "/api/octopusservernodes/ping"


@pytest.fixture
def node(make: Make) -> Node:
    """A node of today's version that runs."""
    found = make()
    found.configure("--create")
    return found


def known(make: Make, version: str, *words: str) -> bool:
    """Whether a version knows a command's options; what else the command needs is not there."""
    return UNKNOWN not in (done := make(version=version).command(*words)).stderr and done.returncode != 2


@pytest.mark.parametrize(
    ("words", "since"),
    [
        (("path", "--eventExports=/x"), "2023.3"),
        (("path", "--nugetRepository=/x"), "2020.3"),
        (("path", "--cacheDirectory=/x"), "2020.3"),
        (("configure", "--grpcListenPort=8443"), "2025.3"),
        (("configure", "--sendTelemetry=False"), "2022.1"),
        (("configure", "--usernamePasswordIsEnabled=True"), "2020.3"),
        (("create-instance", "--serverNodeName=x"), "2019.9"),
        (("node", "--drain=true", "--cancel-wait=1"), "2024.2"),
        (("database-upgrade-status",), "2023.4.1149"),
    ],
)
def test_options_are_known_from_an_age_on(make: Make, words: tuple[str, ...], since: str) -> None:
    """An option or a verb is refused by the ages before it, and by no other."""
    found = {version: known(make, version, *words) for version in AGES}
    assert found == {version: about.ordered(version) >= about.ordered(since) for version in AGES}


def test_unknown_options_are_named_together(make: Make) -> None:
    """A refusal names all of them, changes nothing, and a test can have any option refused, or known."""
    node = make(version="2022.4.8319")
    node.register()
    assert f"{UNKNOWN}--eventExports=/e --dance" in node.refuse(
        "path", "--eventExports=/e", "--dance", "--artifacts=/a"
    )
    node.switch(unknown_options=["artifacts"], known_options=["eventExports"])
    assert f"{UNKNOWN}--artifacts=/a" in node.refuse("path", "--eventExports=/e", "--artifacts=/a")


@pytest.mark.parametrize(("version", "size"), [(version, 32 if version >= "2024.4" else 16) for version in AGES])
def test_master_keys_have_the_size_of_their_age(make: Make, version: str, size: int) -> None:
    """A key that is drawn has 32 bytes since 2024.4; 16 bytes are taken by all, 32 by those that draw them."""
    node = make(version=version)
    node.register()
    node.succeed("database", f"--connectionString={node.connection_string}", "--create")
    drawn = node.succeed("show-master-key").strip()
    assert len(base64.b64decode(drawn)) == size
    assert ("16 bytes" in node.command("set-master-key", f"--masterKey={LONG_KEY}").stderr) == (size == 16)
    node.succeed("set-master-key", f"--masterKey={KEY}")


def test_the_master_key_is_shown_in_several_shapes(node: Node) -> None:
    """On a line, without an end of line, below a banner; any command's last line may have no end."""
    assert node.succeed("show-master-key") == f"{KEY}\n"
    node.switch(show_master_key="unterminated")
    assert node.succeed("show-master-key") == KEY
    node.switch(show_master_key="banner")
    assert node.succeed("show-master-key").endswith(f":\n{KEY}\n")
    node.switch(unterminated=True)
    assert node.succeed("show-master-key").endswith(f":\n{KEY}")


def test_a_machine_has_its_name_up_to_the_first_dot() -> None:
    """As .NET's Environment.MachineName."""
    assert machine_name() == socket.gethostname().split(".")[0]


def test_people_log_in_once_the_provider_is_on(node: Node) -> None:
    """A new database has the provider off; it is a setting of all nodes."""
    node.start()
    body = {"Username": "admin", "Password": "Passw0rd123"}
    assert node.ask("POST", "/api/users/login", body, key="")[0] == 401
    node.succeed("configure", "--usernamePasswordIsEnabled=True")
    assert node.ask("POST", "/api/users/login", body, key="")[0] == 200
    assert node.ask("POST", "/api/users/login", body | {"Password": "x"}, key="")[0] == 401


def test_the_cache_is_the_nodes_own(node: Node) -> None:
    """--cacheDirectory goes into the node's configuration file, the other folders into the database."""
    node.succeed("path", "--cacheDirectory=/cache", "--artifacts=/artifacts")
    configuration = json.loads(node.succeed("show-configuration", "--format=json"))
    assert configuration["Octopus.Node.Cache"] == "/cache"
    assert "/artifacts" not in configuration.values()
    with_artifacts = "SELECT JSON FROM Configuration WHERE Id = 'folders'"
    connection = Database(node.connection_string).open()
    assert json.loads(connection.execute(with_artifacts).fetchval()) == {"artifacts": "/artifacts"}
    connection.close()


def test_which_tasks_run_while_a_person_is_waited_for(node: Node) -> None:
    """A task with an intervention in a child step keeps its slot and works on; one that only waits is queued."""
    node.start()
    child = node.task(Seconds=30, Interruption="child-step")
    _, made = node.ask("POST", "/api/tasks", {"Arguments": {"Seconds": 0, "Interruption": "manual"}})
    assert isinstance(made, dict)
    waiting = f"/api/tasks/{made['Id']}"
    wait_until(lambda: node.field(waiting, "HasPendingInterruptions"))
    assert (node.state(child), node.field(waiting, "State")) == ("Executing", "Queued")
    assert node.field(f"/api/tasks/{child}", "HasPendingInterruptions") is True
    assert node.field("/api/octopusservernodes/OctopusServerNodes-octopus-0/details", "RunningTasks") == 1
    node.succeed("node", "--drain=true", "--wait=0", "--cancel-tasks", "--cancel-wait=10")
    assert (node.state(child), node.field(waiting, "State")) == ("Canceled", "Queued")
    node.succeed("node", "--drain=false")
    node.ask("POST", f"{waiting}/resume")
    wait_until(lambda: node.field(waiting, "State") == "Success")


def test_a_build_of_the_same_release_is_compatible(make: Make) -> None:
    """Scripts decide, not versions: a build of the same release goes both ways, unless it brought a script."""
    newer, older = make("octopus-0", "2026.2.210"), make("octopus-1", "2026.2.197")
    newer.configure("--create")
    newer.start()
    assert newer.stop() == 0
    older.configure()
    older.start()
    assert older.field("/api", "Version") == "2026.2.197"
    assert older.stop() == 0


def test_extra_scripts_are_refused_by_every_command(make: Make) -> None:
    """The refusal is a controlled failure that names the scripts."""
    newer, older = make("octopus-0", "2026.2.210"), make("octopus-1", "2026.2.197")
    for node in (newer, older):
        node.switch(schema_per="version")
    newer.configure("--create")
    older.register()
    words = (f"--connectionString={older.connection_string}", f"--masterKey={KEY}")
    for command in (("database", *words), ("database", *words, "--skipDatabaseCompatibilityCheck")):
        done = older.command(*command)
        assert (done.returncode, "Unexpected upgrade history detected" in done.stderr) in {(1, True), (0, False)}
    for verb in (("run", "--noninteractive"), ("node", "--drain=false"), ("configure",), ("path", "--artifacts=/a")):
        assert "Extra upgrade script(s) found: Octopus.Core" in older.refuse(*verb)


def test_an_upgrade_wants_a_licence_since_2025(make: Make) -> None:
    """Without one it is refused by those ages; the check can be skipped; a free one is known to the oldest."""
    old = make("octopus-0", "2022.4.8319")
    old.configure("--create")
    words = ("database", f"--connectionString={old.connection_string}", f"--masterKey={KEY}", "--upgrade")
    new = make("octopus-0", "2025.3.14357")
    del new.environment["STANDIN_OCTOPUS_LICENSE_REQUIRED"]
    new.register()
    assert "FAIL: Your Octopus Server would not be compliant with your license" in new.refuse(*words)
    new.succeed(*words, "--skipLicenseCheck")
    assert f"{UNKNOWN}--free" in new.refuse("license", "--free")
    oldest = make("octopus-0", "2020.3.1")
    assert UNKNOWN not in oldest.command("license", "--free").stderr


def test_an_unhandled_exception_is_long(node: Node) -> None:
    """Its message stands first, above a stack trace of more lines than anybody keeps, in colours if wanted."""
    node.control.write_text(json.dumps({"fail": {"path": {"text": "no such thing", "stack": True}}, "ansi": True}))
    done = node.command("path", "--artifacts=/a")
    lines = done.stderr.splitlines()
    assert done.returncode == 100
    assert lines[0] == "\x1b[31;1mUnhandled exception: System.InvalidOperationException: no such thing"
    assert len([line for line in lines if line.startswith("   at ")]) == 40


@pytest.mark.parametrize("exits", ["waited", "never", "always"])
def test_a_drain_sets_the_flag_however_it_ends(node: Node, exits: str) -> None:
    """With tasks left, `node --drain=true` ends with 0 or 1; the flag is set all the same."""
    node.start()
    node.switch(drain_exit=exits)
    node.task(Seconds=30)
    assert node.command("node", "--drain=true").returncode == (exits == "always")
    assert node.command("node", "--drain=true", "--wait=1").returncode == (exits != "never")
    assert node.ping() == 418


@pytest.mark.parametrize("key", ["Id", "NodeId", "OctopusServerNodeId"])
@pytest.mark.parametrize("offline", [True, False])
def test_the_columns_of_the_status_table_vary(make: Make, key: str, *, offline: bool) -> None:
    """Whichever they are, a node that runs is told from one that stopped."""
    node = make()
    node.switch(status_key=key, status_offline=offline, version_column="binary", node_id="number")
    node.configure("--create")
    node.start()
    node.stop()
    connection = Database(node.connection_string).open()
    statement = "SELECT name FROM sys.columns WHERE object_id = OBJECT_ID('OctopusServerNodeStatus')"
    columns = {row[0] for row in connection.execute(statement).fetchall()}
    assert key in columns
    assert ("IsOffline" in columns) is offline
    assert isinstance(connection.execute("SELECT Version FROM OctopusServerInstallationHistory").fetchval(), bytes)
    connection.close()
    node.start()
    assert [found["IsOffline"] for found in summary(node)] == [False]


def summary(node: Node) -> list[dict[str, object]]:
    """The nodes' summary."""
    found = node.field("/api/octopusservernodes/summary", "Nodes")
    assert isinstance(found, list)
    return found


def test_other_answers_are_ordered(node: Node) -> None:
    """A status with headers, for the ping or the API, so many times; a slow answer; then the API's own again."""
    node.start()
    login = {"path": "ping", "status": 302, "headers": {"Location": "/app#/users/sign-in"}, "times": 1}
    busy = {"path": "api", "status": 429, "retry_after": 7, "times": 1}
    node.control.write_text(json.dumps({"answers": [login, busy, {"path": "/api/tasks", "wait": 0.2}]}))
    assert raw(node, PING) == (302, "/app#/users/sign-in", None)
    assert raw(node, "/api") == (429, None, "7")
    assert (raw(node, PING)[0], raw(node, "/api")[0]) == (200, 200)
    assert node.ask("GET", "/api/tasks")[0] == 200


def raw(node: Node, path: str) -> tuple[int, str | None, str | None]:
    """Status, Location and Retry-After of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.status, answer.getheader("Location"), answer.getheader("Retry-After")
    connection.close()
    return found


@pytest.mark.parametrize(
    ("body", "more"), [("endless", 1 << 20), ("headers", 1 << 17), ("trickle", 120), ("garbage", 16)]
)
def test_an_answer_may_be_none(node: Node, body: str, more: int) -> None:
    """A body or headers without an end, a byte a second, or something that isn't HTTP."""
    node.start()
    node.control.write_text(json.dumps({"answers": {"body": body}}))
    got = 0
    with socket.create_connection(("127.0.0.1", node.port), timeout=5) as client:
        client.sendall(b"GET /api HTTP/1.1\r\nHost: x\r\n\r\n")
        while got < more:
            got += len(client.recv(65536))


def test_requests_are_limited(node: Node) -> None:
    """So many a minute from one address, the ping only if told; since 2026.3 by default."""
    node.switch(rate_limit=2)
    node.start()
    assert [raw(node, "/api")[0] for _ in range(3)] == [200, 200, 429]
    assert raw(node, PING)[0] == 200
    node.switch(rate_limit_ping=True)
    node.stop()
    node.start()
    wait_until(lambda: raw(node, PING)[0] == 429)


def test_http_is_redirected_where_tls_is_forced(make: Make, tmp_path: Path) -> None:
    """303 to the https address (Issues 3659)."""
    node, certificate = make(), tmp_path / "tls.pem"
    subprocess.run(
        [*OPENSSL, "-keyout", certificate, "-out", tmp_path / "crt"],
        check=True,
        capture_output=True,
    )
    certificate.write_text(certificate.read_text() + (tmp_path / "crt").read_text())
    node.environment["SSL_CERTIFICATE_FILE"] = str(certificate)
    node.configure("--create")
    https = node.port + 1
    prefixes = f"http://localhost:{node.port},https://localhost:{https}"
    node.succeed("configure", f"--webListenPrefixes={prefixes}", "--webForceSSL=True")
    node.start()
    assert raw(node, "/api")[:2] == (303, f"https://127.0.0.1:{https}/api")


@pytest.mark.parametrize("switch", switches.BY_NAME.values(), ids=lambda switch: switch.name)
def test_switches(switch: switches.Switch) -> None:
    """Each names its source, and its value for each age is one of those that are tried."""
    assert switch.source
    assert {value for _, value in switch.changes} <= set(switch.values)
