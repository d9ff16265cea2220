"""The stand-in for Octopus.Server does what is known of the real one."""

import base64
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyodbc
import pytest
from processes import wait_until
from standin.octopus import integrity
from standin.octopus.sql import Database
from standin.octopus.testing import KEY, Node
from standin.sqlserver.testing import SqlServer


OTHER_KEY = base64.b64encode(b"fedcba9876543210").decode()


def connected(node: Node) -> pyodbc.Connection:
    """A connection to the node's database."""
    return Database(node.connection_string).open()


def test_a_new_database_is_created_and_its_node_runs(make: Callable[..., Node]) -> None:
    """From nothing to a node that answers, with the default licence, folders and cap set."""
    node = make()
    node.configure("--create")
    node.succeed("path", "--clusterShared=/shared", "--cacheDirectory=/cache")
    node.succeed("license", f"--licenseBase64={base64.b64encode(b'<License/>').decode()}")
    node.succeed("node", "--TASKCAP", "7")
    node.start()
    assert node.ping() == 200
    assert node.ask("GET", "/api/serverstatus/hosted/internal", key="")[0] == 200
    assert node.field("/api/octopusservernodes/OctopusServerNodes-octopus-0", "MaxConcurrentTasks") == 7
    assert node.succeed("show-master-key", "--console", "--instance=OctopusServer").strip() == KEY
    assert "already exists" in node.succeed("database", "--create")
    assert "up to date" in node.succeed("database-upgrade-status")
    with connected(node) as connection:
        history = connection.execute("SELECT Node, Version FROM OctopusServerInstallationHistory").fetchall()
        assert [tuple(row) for row in history] == [("octopus-0", "2026.2.197")]
        assert integrity(connection) == []


def test_a_second_node_joins_without_create(make: Callable[..., Node]) -> None:
    """Both nodes are alive in the summary, and a stopped one is offline."""
    first, second = make("octopus-0"), make("octopus-1")
    first.configure("--create")
    second.configure()
    first.start()
    second.start()

    def offline() -> dict[str, bool]:
        found = first.field("/api/octopusservernodes/summary", "Nodes")
        assert isinstance(found, list)
        return {node["Name"]: node["IsOffline"] for node in found}

    assert offline() == {"octopus-0": False, "octopus-1": False}
    assert second.stop() == 0
    assert offline() == {"octopus-0": False, "octopus-1": True}


def test_a_missing_database_is_refused_without_create(make: Callable[..., Node]) -> None:
    """A node doesn't create a database nobody asked for."""
    node = make()
    node.register()
    said = node.refuse("database", f"--connectionString={node.connection_string}", f"--masterKey={KEY}")
    assert "does not exist" in said


def test_a_wrong_or_missing_master_key_is_refused(make: Callable[..., Node]) -> None:
    """A database keeps the key it was made with."""
    first, second = make("octopus-0"), make("octopus-1")
    first.configure("--create")
    second.register()
    words = ("database", f"--connectionString={second.connection_string}")
    assert "must be supplied" in second.refuse(*words, "--create").replace("\n", " ")
    assert "not the one" in second.refuse(*words, f"--masterKey={OTHER_KEY}")
    assert "16 bytes" in second.refuse(*words, "--masterKey=short")
    second.environment["STANDIN_OCTOPUS_WRONG_KEY_EXIT"] = "100"
    assert second.command(*words, f"--masterKey={OTHER_KEY}").returncode == 100


def test_a_configuration_without_its_machine_key_is_useless(make: Callable[..., Node]) -> None:
    """The master key in a configuration file of another machine can't be read."""
    node = make()
    node.configure("--create")
    (Path(node.environment["STANDIN_OCTOPUS_ROOT"]) / "etc/octopus/machinekey").unlink()
    done = node.command("show-master-key")
    assert done.returncode == 100
    assert "Unable to parse configuration key 'Octopus.Storage.MasterKey' as a 'Byte[]'" in done.stderr


@pytest.mark.parametrize("schema", ["classic", "status", "bare"])
def test_an_upgrade_waits_for_no_live_node_in_any_schema(make: Callable[..., Node], schema: str) -> None:
    """A live node of another name blocks the upgrade; after its orderly stop it goes through."""
    old = make("octopus-0", "2026.2.197")
    old.environment["STANDIN_OCTOPUS_SCHEMA"] = schema
    old.configure("--create")
    old.start()
    new = make("octopus-1", "2026.3.11")
    new.register()
    words = ("database", f"--connectionString={new.connection_string}", f"--masterKey={KEY}")
    assert "requires an upgrade" in new.succeed("database-upgrade-status", words[1])
    assert "other Octopus Server nodes running: octopus-0" in new.refuse(*words, "--upgrade")
    assert old.stop() == 0
    assert "Executing SQL Server script" in new.succeed(*words, "--upgrade")
    refused = old.refuse("run", "--noninteractive")
    assert "Unexpected upgrade history detected" in refused
    assert "Extra upgrade script(s) found: " in old.refuse("node", "--drain=false")
    with connected(new) as connection:
        assert integrity(connection) == []


def test_two_migrations_at_once_show_in_the_data(make: Callable[..., Node]) -> None:
    """Without the server's own lock, an overlap corrupts what `integrity` looks at."""
    first = make("octopus-0")
    first.configure("--create")
    newer = [make(f"octopus-{number}", "2026.3.11") for number in (1, 2)]
    for node in newer:
        node.register()
        node.environment |= {"STANDIN_OCTOPUS_NO_UPGRADE_LOCK": "1", "STANDIN_OCTOPUS_MIGRATION": "1.5"}
    words = ["database", f"--connectionString={first.connection_string}", f"--masterKey={KEY}", "--upgrade"]
    running = [
        subprocess.Popen([node.server, *words], env=node.environment, stdout=subprocess.DEVNULL) for node in newer
    ]
    assert [process.wait(20) for process in running] == [0, 0]
    with connected(first) as connection:
        found = integrity(connection)
    assert any("overlap" in sign for sign in found)
    assert any("were counted" in sign for sign in found)


def test_a_node_over_another_schema_shows_in_the_data(make: Callable[..., Node]) -> None:
    """A node that goes on running while its schema is upgraded is found out."""
    old, new = make("octopus-0"), make("octopus-1", "2026.3.11")
    old.configure("--create")
    old.start()
    new.environment["STANDIN_OCTOPUS_NO_NODE_CHECK"] = "1"
    new.configure("--upgrade")
    with connected(new) as connection:
        wait_until(lambda: any("octopus-0 runs 2026.2.197" in sign for sign in integrity(connection)))


def test_run_upgrades_by_itself(make: Callable[..., Node]) -> None:
    """The server migrates an older schema at its start."""
    make("octopus-0").configure("--create")
    node = make("octopus-0", "2026.3.11")
    node.register()
    node.succeed("database", f"--connectionString={node.connection_string}", f"--masterKey={KEY}")
    assert "has to be upgraded" in node.refuse("node", "--taskCap=3")
    node.succeed("configure", f"--webListenPrefixes=http://*:{node.port}", "--skipDatabaseSchemaUpgradeCheck")
    node.start()
    assert node.field("/api", "Version") == "2026.3.11"
    node.succeed("node", "--taskCap=3")


def test_drain_is_a_flag_that_outlives_the_process(make: Callable[..., Node]) -> None:
    """The ping says 418 from the drain to its end, across a restart."""
    node = make()
    node.configure("--create")
    node.start()
    node.succeed("node", "--drain=true")
    assert node.ping() == 418
    node.stop()
    node.start()
    assert node.ping() == 418
    node.succeed("node", "--drain=false")
    assert node.ping() == 200


def test_drain_waits_for_tasks_then_cancels_them(make: Callable[..., Node]) -> None:
    """A drained node takes nothing new; what runs is waited for, then canceled."""
    node = make()
    node.configure("--create")
    node.start()
    task = node.task(Seconds=30)
    assert "running task" in node.refuse("node", "--drain=true", "--wait=1")
    assert node.state(task) == "Executing"
    node.succeed("node", "--drain=true", "--wait=0", "--cancel-tasks", "--cancel-wait=10")
    assert node.state(task) == "Canceled"
    node.ask("POST", "/api/tasks", {"Arguments": {"Seconds": 1}})
    time.sleep(0.4)
    assert node.field("/api/tasks?states=Queued", "TotalResults") == 1


def test_an_old_server_stops_waiting_early(make: Callable[..., Node]) -> None:
    """Versions before 2025.3.10568 take a node for drained too early; older ones know no --cancel-wait."""
    node = make(version="2024.1.100")
    node.environment["STANDIN_OCTOPUS_DRAIN_CUT"] = "0.5"
    node.configure("--create")
    node.start()
    task = node.task(Seconds=30)
    said = node.succeed("node", "--drain=true", "--wait=600")
    assert "Node appears to be offline so it is considered drained." in said
    assert node.state(task) == "Executing"
    assert "--cancel-wait" in node.refuse("node", "--drain=true", "--cancel-wait=1")


def test_tasks_are_real_processes_that_can_be_canceled(make: Callable[..., Node]) -> None:
    """Success, failure and cancellation are told apart."""
    node = make()
    node.configure("--create")
    node.start()
    long = node.task(Seconds=30)
    short = node.task(Seconds=0)
    failed = node.task(Command=[sys.executable, "-c", "raise SystemExit(3)"])
    wait_until(lambda: node.state(short) == "Success")
    wait_until(lambda: node.state(failed) == "Failed")
    node.ask("POST", f"/api/Spaces-1/tasks/{long}/cancel")
    wait_until(lambda: node.state(long) == "Canceled")


def test_tasks_come_in_pages_and_by_space(make: Callable[..., Node]) -> None:
    """A collection has 30 items unless told otherwise, and hides other spaces and system tasks."""
    node = make()
    node.configure("--create")
    node.start()
    node.succeed("node", "--drain=true")
    for number in range(32):
        node.ask("POST", "/api/tasks", {"Name": f"Task {number}"})
    node.ask("POST", "/api/Spaces-2/tasks", {})
    node.ask("POST", "/api/tasks", {"System": True})
    items = node.field("/api/tasks", "Items")
    assert isinstance(items, list)
    assert len(items) == 30
    assert node.field("/api/tasks", "TotalResults") == 32
    assert node.field("/api/tasks?spaces=all&includeSystem=true&take=100", "TotalResults") == 34


def test_term_stops_the_server_in_order(make: Callable[..., Node]) -> None:
    """A stop ends the scripts and exits as told; a killed node cancels its tasks when it is back."""
    node = make()
    node.configure("--create")
    node.start()
    first = node.task(Seconds=30)
    assert node.stop() == 0
    node.start()
    assert node.state(first) == "Canceled"
    second = node.task(Seconds=2)
    node.stop(signal.SIGKILL)
    node.start()
    assert node.state(second) == "Canceled"
    node.environment["STANDIN_OCTOPUS_TERM_EXIT"] = "143"
    node.stop()
    node.start()
    assert node.stop(signal.SIGINT) == 143
    node.start()
    assert node.stop(signal.SIGALRM) == -signal.SIGALRM, "which .NET doesn't catch"


def test_the_api_wants_a_key(make: Callable[..., Node]) -> None:
    """401 without a key, 403 without the right, and nothing is asked of anonymous calls."""
    node = make()
    node.environment["STANDIN_OCTOPUS_READONLY_KEY"] = "API-READ"
    node.configure("--create")
    node.start()
    assert node.ask("GET", "/api", key="")[0] == 200
    assert node.ask("GET", "/api/tasks", key="")[0] == 401
    assert node.ask("GET", "/api/tasks", key="API-WRONG")[0] == 401
    assert node.ask("GET", "/api/tasks", key="API-READ")[0] == 200
    assert node.ask("POST", "/api/tasks", {}, key="API-READ")[0] == 403
    assert node.ask("GET", "/api/serverstatus/system-info")[0] == 200


def test_the_command_line_fails_as_documented(make: Callable[..., Node]) -> None:
    """2 for an unknown verb, 1 for an unknown option, 100 for a crash; options in any case."""
    node = make()
    assert node.command("dance").returncode == 2
    assert "Unrecognized" in node.refuse("version", "--loudly")
    assert node.succeed("VERSION", "--Format=json").strip() == '{"Version": "2026.2.197"}'
    assert "--masterkey" in node.succeed("help", "database").lower()
    assert "has not been configured" in node.refuse("show-master-key")
    node.control.write_text(json.dumps({"fail": {"version": {"code": 100, "text": "no luck", "times": 1}}}))
    assert node.command("version").returncode == 100
    assert node.command("version").returncode == 0


def test_the_journal_tells_what_was_run_and_how(make: Callable[..., Node]) -> None:
    """A line for the start with what the parent handed over, one for the end with the exit code."""
    node = make()
    node.environment["SECRET_OF_THE_TEST"] = "value"
    node.succeed("version")
    begin, end = (json.loads(line) for line in node.journal.read_text().splitlines())
    assert (begin["event"], begin["verb"], begin["exit"]) == ("start", "version", None)
    assert (end["event"], end["exit"], end["pid"]) == ("end", 0, begin["pid"])
    assert "SECRET_OF_THE_TEST" in begin["environment"]
    assert int(begin["SigBlk"], 16) == 0
    assert begin["pdeathsig"] == 0


def test_an_outage_of_sql_is_survived(make: Callable[..., Node], octopus_sql: SqlServer) -> None:
    """Requests that need SQL answer 500 meanwhile, and 200 afterwards; the server stays up."""
    node = make()
    node.configure("--create")
    node.start()
    octopus_sql.stop()
    wait_until(lambda: node.ping() == 500)
    assert node.ask("GET", "/api/serverstatus/hosted/internal", key="")[0] == 500
    octopus_sql.restart()
    wait_until(lambda: node.ping() == 200)
    assert node.stop() == 0
