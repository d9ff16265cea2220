"""From nothing to a node that answers, and what a second start remembers."""

import base64
import json
import os
import signal
import subprocess
from pathlib import Path

import pyodbc
import pytest
from node import DATABASE, Node, boot, commands
from processes import wait_until
from standin.sqlserver.testing import SqlServer


ALL = ["create-instance", "database", "configure", "path", "admin", "node"]
# on a database that is configured, the administrator comes last: nobody else may write meanwhile
AGAIN = ["create-instance", "database", "configure", "path", "node", "admin"]


def admin(sql: SqlServer) -> list[tuple[str, str]]:
    """Return name and stored password of every user."""
    return [(name, text) for name, text in sql.query(DATABASE, "SELECT Username, JSON FROM dbo.[User]")]


def test_new_database(tmp_path: Path, sql: SqlServer) -> None:
    """A new database is made with seven commands at most, in order, and the log ends with the timeline."""
    with Node(tmp_path, sql, TASK_CAP="3") as node:
        found = boot(node)

    assert found == ALL
    assert "node octopus-0 is up after" in node.log
    for part in ("preflight", "sql", "guard", "commands", "server"):
        assert f"{part} " in node.log.split("is up after")[1].splitlines()[0]


def test_unchanged_restart(tmp_path: Path, sql: SqlServer) -> None:
    """A restart with nothing changed runs no configure command."""
    with Node(tmp_path, sql, TASK_CAP="3") as node:
        boot(node)

        assert boot(node) == []
        assert "no command is run" in node.log


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"TASK_CAP": "7"}, ["node"]),
        ({"ADMIN_PASSWORD": "An0ther-password!"}, ["admin"]),
        ({"OCTOPUS_GRPC_SERVICES_PORT": "9443"}, ["configure"]),
        ({"OCTO_NODE_APPLY": "all"}, AGAIN),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_one_change(tmp_path: Path, sql: SqlServer, change: dict[str, str], expected: list[str]) -> None:
    """A restart with one variable changed runs only what depends on it, and the next one nothing."""
    with Node(tmp_path, sql, TASK_CAP="3") as node:
        boot(node)
        node.environment |= change

        assert boot(node) == expected
        node.environment.pop("OCTO_NODE_APPLY", None)
        assert boot(node) == []


def test_second_node_leaves_the_administrator(tmp_path: Path, sql: SqlServer) -> None:
    """A second node on the database leaves a password alone that the administrator has changed."""
    with Node(tmp_path / "one", sql) as one, Node(tmp_path / "two", sql, OCTOPUS_SERVER_NODE_NAME="octopus-1") as two:
        one.environment["MASTER_KEY"] = two.environment["MASTER_KEY"] = "6EdU6IWsCtMEwk0kPKflQQ=="
        boot(one)
        server = [str(tmp_path / "one/Octopus/Octopus.Server"), "admin", "--instance=OctopusServer"]
        changed = [*server, "--username=admin", "--password=Changed-in-the-portal1"]
        subprocess.run(changed, env=one.environment, check=True, capture_output=True)
        before = admin(sql)

        assert boot(two) == ["create-instance", "database", "configure", "path"]
        assert admin(sql) == before


def test_new_pod_with_a_licence(tmp_path: Path, sql: SqlServer) -> None:
    """A new pod on a finished database applies the licence and sets its own paths; restarted, it runs nothing."""
    licence = {"OCTOPUS_SERVER_BASE64_LICENSE": base64.b64encode(b"<License/>").decode()}
    key = {"MASTER_KEY": "6EdU6IWsCtMEwk0kPKflQQ=="}
    with Node(tmp_path / "one", sql, **key) as one, Node(tmp_path / "two", sql, **key, **licence) as two:
        boot(one)

        assert boot(two) == ["create-instance", "database", "configure", "path", "license"]
        assert boot(two) == []


def kill_during(node: Node, verb: str) -> None:
    """Start the node and kill all of it while the configure command `verb` runs."""
    node.control(hang=[verb])
    node.start()
    wait_until(lambda: verb in commands(node), what=f"{verb} runs")
    node.close()
    node.control()


@pytest.mark.parametrize("given", [{}, {"ADMIN_PASSWORD": "", "ADMIN_API_KEY": ""}], ids=["given", "default"])
def test_cut_off_before_the_administrator(tmp_path: Path, sql: SqlServer, given: dict[str, str]) -> None:
    """A node that is killed between the database and the administrator leaves neither to chance: the next makes it."""
    key = {"MASTER_KEY": "6EdU6IWsCtMEwk0kPKflQQ=="}
    with Node(tmp_path / "one", sql, **key, **given) as one, Node(tmp_path / "two", sql, **key, **given) as two:
        kill_during(one, "admin")
        assert admin(sql) == []

        assert boot(two)[-1] == "admin"
        assert [name for name, _ in admin(sql)] == ["admin"]


def test_cut_off_and_restarted(tmp_path: Path, sql: SqlServer) -> None:
    """A container that was killed between two commands goes on where it was, with the key it drew."""
    with Node(tmp_path, sql, TASK_CAP="3") as node:
        kill_during(node, "configure")

        assert boot(node) == ["configure", "path", "node", "admin"]
        assert boot(node) == []


def test_another_database_of_the_same_name(tmp_path: Path, sql: SqlServer) -> None:
    """The memory isn't believed for a database that was dropped and made anew."""
    with Node(tmp_path, sql, MASTER_KEY="6EdU6IWsCtMEwk0kPKflQQ==", TASK_CAP="3") as node:
        boot(node)
        wait_until(lambda: drop(sql), what="the database is dropped")

        assert boot(node) == ALL


def drop(sql: SqlServer) -> bool:
    """Drop the database; return False while a session is still in it (error 3702)."""
    try:
        sql.query("master", f"DROP DATABASE [{DATABASE}]")
    except pyodbc.Error as error:
        if "3702" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize("what", ["config", "machinekey"])
def test_changed_files(tmp_path: Path, sql: SqlServer, what: str) -> None:
    """The memory isn't believed once the configuration file or the machine key is another."""
    with Node(tmp_path, sql, MASTER_KEY="6EdU6IWsCtMEwk0kPKflQQ==") as node:
        boot(node)
        found = [path for path in node.root.rglob("*") if path.is_file() and what in path.name.lower()]
        assert found
        for path in found:
            path.unlink()

        assert boot(node)[:2] == ["create-instance", "database"]


def test_no_secret_in_any_process(tmp_path: Path, sql: SqlServer) -> None:
    """No process of a booted node has a secret in its environment or its command line."""
    licence = "PExpY2Vuc2U+PE5hbWU+c2VjcmV0LWxpY2VuY2U8L05hbWU+PC9MaWNlbnNlPg=="
    secrets = {
        "MASTER_KEY": "6EdU6IWsCtMEwk0kPKflQQ==",
        "OCTOPUS_SERVER_BASE64_LICENSE": licence,
        "IMPORT_PASSWORD": "import-secret",
        "SSL_CERTIFICATE_PASSWORD": "certificate-secret",
        "OCTO_NODE_API_KEY": "API-ANOTHERSECRET",
    }
    with Node(tmp_path, sql, **secrets) as node:
        node.start().wait_phase("up")
        values = [*secrets.values(), node.environment["ADMIN_PASSWORD"], node.environment["ADMIN_API_KEY"]]
        values += [node.environment["DB_CONNECTION_STRING"], "Password=", "DB_CONNECTION_STRING"]
        pids = node.pids()
        assert len(pids) >= 2
        for pid in pids:
            for name in ("environ", "cmdline"):
                text = Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
                assert "STANDIN_OCTOPUS_ROOT" in text or name == "cmdline", "that isn't its environment"
                assert [value for value in values if value in text] == [], (pid, name)
        everything = (
            node.log + node.termination + "".join(path.read_text(errors="replace") for path in node.run_dir.iterdir())
        )
        assert [value for value in values[:-1] if value in everything] == []


def test_kept_secret(tmp_path: Path, sql: SqlServer) -> None:
    """OCTO_NODE_KEEP_ENV leaves the named secret, and no other, in the server's environment."""
    with Node(
        tmp_path, sql, SSL_CERTIFICATE_PASSWORD="kept-secret", OCTO_NODE_KEEP_ENV="SSL_CERTIFICATE_PASSWORD"
    ) as node:
        node.start().wait_phase("up")
        environ = Path(f"/proc/{node.server()}/environ").read_bytes().decode().split("\0")

        assert "SSL_CERTIFICATE_PASSWORD=kept-secret" in environ
        assert not [entry for entry in environ if entry.startswith(("ADMIN_PASSWORD", "DB_CONN"))]


def test_values_from_files(tmp_path: Path, sql: SqlServer) -> None:
    """NAME_FILE gives a value from a file, secrets included."""
    with Node(tmp_path, sql, ADMIN_PASSWORD="", DB_CONNECTION_STRING="") as node:
        (tmp_path / "password").write_text("From-a-file1\n")
        (tmp_path / "connection").write_text(sql.connection_string(DATABASE) + "\n")
        node.environment["ADMIN_PASSWORD_FILE"] = str(tmp_path / "password")
        node.environment["DB_CONNECTION_STRING_FILE"] = str(tmp_path / "connection")

        assert "admin" in boot(node)


def test_drawn_master_key(tmp_path: Path, sql: SqlServer) -> None:
    """A new key for a new database is saved on /masterKey before it is used, for its owner only, and never logged."""
    with Node(tmp_path, sql) as node:
        (node.root / "masterKey").mkdir()
        boot(node)
        saved = node.root / "masterKey/OctopusServer"
        told = subprocess.run(
            [str(tmp_path / "Octopus/Octopus.Server"), "show-master-key", "--instance=OctopusServer"],
            env=node.environment,
            capture_output=True,
            text=True,
            check=True,
        )

        assert saved.read_text().strip() in told.stdout
        assert len(base64.b64decode(saved.read_text())) == 32  # as this version draws it
        assert saved.stat().st_mode & 0o777 == 0o600
        assert saved.read_text().strip() not in node.log


def test_no_master_key_for_an_old_database(tmp_path: Path, sql: SqlServer) -> None:
    """Without its master key a database is left alone, and the sentence names the variable (11)."""
    with Node(tmp_path / "one", sql) as one, Node(tmp_path / "two", sql) as two:
        boot(one)

        assert two.start().wait() == 11
        assert commands(two) == []
        assert "set MASTER_KEY" in two.termination


def test_import(tmp_path: Path, sql: SqlServer) -> None:
    """An export in /import goes into a new database, once."""
    with Node(tmp_path, sql) as node:
        (node.root / "import").mkdir()
        (node.root / "import/metadata.json").write_text(json.dumps({"Version": "2026.2.197"}))

        assert boot(node).count("import") == 1
        assert boot(node) == []


def test_undrained_at_start(tmp_path: Path, sql: SqlServer) -> None:
    """A node that was drained when it stopped comes up undrained, unless that isn't wanted."""
    with Node(tmp_path, sql) as node:
        node.start().wait_phase("up")
        assert node.verb("drain", "--wait", "10").returncode == 0
        node.terminate()

        node.environment["OCTO_NODE_UNDRAIN"] = "never"
        node.start().wait_phase("up")
        assert node.verb("probe", "liveness").stdout.strip() == "liveness: 418"
        node.terminate()

        del node.environment["OCTO_NODE_UNDRAIN"]
        node.start().wait_phase("up")
        assert node.verb("probe", "liveness").stdout.strip() == "liveness: 200"


def test_killed_helpers(tmp_path: Path, sql: SqlServer) -> None:
    """A settle that is killed is started again: the node still comes up."""
    with Node(tmp_path, sql, STANDIN_OCTOPUS_READY_AFTER="2") as node:
        node.start().wait_phase("starting")
        settle = wait_until(lambda: [pid for pid in node.pids()[1:] if "settle" in cmdline(pid)], what="settle runs")
        os.kill(settle[0], signal.SIGKILL)

        node.wait_phase("up")
        assert "settle was ended by signal KILL" in node.log


def cmdline(pid: int) -> str:
    """Return the command line of a process, empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""
