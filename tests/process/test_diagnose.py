"""`octo-node diagnose`: one archive with everything but secrets, in every phase, whatever hangs."""

import os
import subprocess
from pathlib import Path

import pytest
from node import DATABASE, Node
from processes import OCTO_NODE, ROOT, enter
from standin.sqlserver.testing import PASSWORD, SqlServer
from tarballs import unpacked


SECRETS = {
    "MASTER_KEY": "Y2FuYXJ5IG1hc3RlcmtleQ==",
    "ADMIN_PASSWORD": "canary-of-the-admin",
    "ADMIN_API_KEY": "API-CANARYOFTHEADMIN",
    "OCTO_NODE_API_KEY": "API-CANARYOFTHENODE",
    "IMPORT_PASSWORD": "canary-of-the-import",
    "SSL_CERTIFICATE_PASSWORD": "canary-of-the-certificate",
}
FOREIGN = "canary-of-somebody-else"
SQL_PASSWORD = "canary-of-the-database;1"


@pytest.fixture
def sql(tmp_path: Path) -> SqlServer:
    """Give a SQL Server whose login has a password that nothing else has."""
    return SqlServer(tmp_path / "sql", tls="off", login=f"octopus:{SQL_PASSWORD}")


def connection_string(sql: SqlServer) -> str:
    """Return the connection string with that password, quoted."""
    return f"Server=127.0.0.1,{sql.port};Database={DATABASE};User Id=octopus;Password='{SQL_PASSWORD}';Encrypt=False"


def diagnosed(node: Node, *words: str) -> dict[str, str]:
    """Return what `octo-node diagnose` collects beside a node; no secret is in it."""
    command = [*enter(node.pid), *OCTO_NODE, "diagnose", "--output", "-", *words]
    environment = {name: value for name, value in node.environment.items() if value}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) < 20_000_000
    found = unpacked(done.stdout)
    for secret in (*SECRETS.values(), SQL_PASSWORD, SQL_PASSWORD.partition(";")[0], FOREIGN, PASSWORD):
        assert not [name for name, text in found.items() if secret in text], secret
    return found


def test_a_node_that_is_up(tmp_path: Path, sql: SqlServer) -> None:
    """Everything that helps is there: status, check, the plan, logs of octo-node and of the server; and no secret."""
    with sql.launch(), Node(tmp_path / "node", None, **SECRETS, AWS_SECRET_ACCESS_KEY=FOREIGN) as node:
        node.environment["DB_CONNECTION_STRING"] = connection_string(sql)
        node.start().wait_phase("up")
        log = node.root / "home/octopus/.octopus/OctopusServer/Server/Logs/OctopusServer.txt"
        with log.open("a") as file:
            file.write("".join(f"the server says {secret}\n" for secret in SECRETS.values()))
        step = subprocess.Popen([*enter(node.pid), "sh", "-c", "exec sleep 1000 1000", f"--password={FOREIGN}"])
        found = diagnosed(node)
        step.kill()
        step.wait()

        assert "sleep (2 arguments)" in found["processes.txt"]
        assert "octopus-0 is up" in found["status.txt"]
        assert "this node would start" in found["check.txt"]
        assert "the server says ********" in found["octopus-server.log"]
        assert "The node is preparing" in found["octo-node.log"]
        assert "prepare: `database` ended." in found["octo-node.log"]
        assert "MASTER_KEY=********" in found["environment.txt"]
        assert "OCTOPUS_SERVER_NODE_NAME=octopus-0" in found["environment.txt"]
        assert "AWS_SECRET_ACCESS_KEY=(not octo-node's)" in found["environment.txt"]
        assert "Octopus.Server run" in found["processes.txt"]
        assert '"phase": "up"' in found["state.txt"]
        assert "/repository: user " in found["volumes.txt"]
        assert "==> /proc/self/mountinfo <==" in found["kernel.txt"]


def test_a_node_that_waits_for_what_hangs(tmp_path: Path, sql: SqlServer) -> None:
    """While SQL Server hangs, and before anything is configured, the archive is made all the same."""
    with sql.launch(), Node(tmp_path / "node", None, **SECRETS) as node:
        sql.control(hang="prelogin")
        node.environment["DB_CONNECTION_STRING"] = f"{connection_string(sql)};Connect Timeout=3"
        node.start().wait_phase("preparing")
        found = diagnosed(node)

        assert "waiting for SQL Server" in found["status.txt"]
        assert "this node wouldn't start (exit code 12)" in found["check.txt"]


def alone(folder: Path, *above: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `octo-node diagnose` in `folder`, where no node runs, below the command `above`."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "OCTO_NODE_ROOT": str(folder / "root"),
    } | environ
    command = [*above, *OCTO_NODE, "diagnose"]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_where_no_node_runs(tmp_path: Path) -> None:
    """Without a node, or any settings, there is an archive that says so, in the current folder."""
    done = alone(tmp_path, OCTOPUS_SERVER_NODE_NAME="a b/../c")
    assert done.returncode == 0, done.stderr
    [archive] = tmp_path.glob("octo-node-a-b-..-c-*.tar.gz")
    found = unpacked(archive.read_bytes())
    assert (
        done.stdout
        == f"{archive.name}: {len(found)} files, {archive.stat().st_size / 1024:.0f} KiB. Secrets are masked.\n"
    )
    assert "You must accept the EULA" in found["check.txt"]
    assert "[exit code 10]" in found["check.txt"]


def test_no_room(tmp_path: Path) -> None:
    """Where there is no room the exit code is 18, the sentence says what to do, and nothing is left behind."""
    done = alone(tmp_path, "prlimit", "--fsize=1000")
    assert done.returncode == 18
    assert "can't be written to" in done.stderr
    assert done.stderr.endswith("octo-node explain 18\n")
    assert list(tmp_path.iterdir()) == []
    with Path("/dev/full").open("wb") as full:
        command = [*OCTO_NODE, "diagnose", "--output", "-"]
        code = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=120, check=False
        ).returncode
    assert code == 18
