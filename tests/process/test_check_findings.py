"""`octo-node check`: what it finds of a database, the volumes, the licence and the other nodes."""

import base64
import datetime
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import odbcini
import pytest
from node import DATABASE, Node
from processes import OCTO_NODE, ROOT
from standin.sqlserver.testing import SqlServer


KEY = {"MASTER_KEY": "c2l4dGVlbiBieXRlcyBsbw=="}


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    """Start a SQL Server with the database, which is empty."""
    with SqlServer.start(tmp_path_factory.mktemp("sql"), tls="off") as started:
        started.query("master", f"CREATE DATABASE {DATABASE}")
        yield started
        started.control()


def check(node: Node, code: int, **environ: str) -> dict[str, tuple[str, str]]:
    """Run `octo-node check --json` where the node would run; return result and sentence of each topic, the worst."""
    environment = {name: value for name, value in (node.environment | environ).items() if value}
    command = [*OCTO_NODE, "check", "--json"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    told: dict[str, Any] = json.loads(done.stdout)
    assert (told["schema"], told["code"]) == (1, code)
    order = ("passed", "unknown", "warned", "failed")
    found = sorted(told["checks"], key=lambda each: order.index(each["result"]))
    return {each["topic"]: (each["result"], each["sentence"]) for each in found}


@pytest.mark.parametrize("driver", list(odbcini.libraries()))
def test_what_is_wrong_with_a_database(tmp_path: Path, sql: SqlServer, driver: str) -> None:
    """Version, collation, rights and clock are read with each driver, and each finding says what to do."""
    with Node(tmp_path / "node", sql, **odbcini.environment(tmp_path, [driver])) as node:
        sql.control()
        found = check(node, 0)
        for topic in ("login", "sql version", "collation", "rights", "clock", "nodes", "node name", "volumes", "dns"):
            assert found[topic][0] == "passed", found[topic]
        assert "2022" in found["sql version"][1]

        sql.control(
            roles={"db_owner": 0, "sysadmin": 0},
            permissions={"CONTROL": 0, "CREATE ANY DATABASE": 0},
            collation="Latin1_General_CS_AS",
            properties={"productversion": "12.0.6024.0", "collation": "Latin1_General_BIN"},
            clock=-600,
        )
        found = check(node, 16)
        assert {topic: found[topic][0] for topic in ("sql version", "collation", "rights", "clock")} == {
            "sql version": "failed",
            "collation": "failed",
            "rights": "failed",  # a start has to make the schema
            "clock": "warned",
        }
        assert "SQL Server is 2014 (12.0.6024.0), and Octopus needs 2016 or later" in found["sql version"][1]
        assert "ahead of SQL Server's" in found["clock"][1]
        found = check(node, 16, DB_CONNECTION_STRING=sql.connection_string("Other"))
        assert found["rights"][1].startswith("The login may not create the database Other: have an administrator")
        assert "The collation that a new database gets is Latin1_General_BIN" in found["collation"][1]
        sql.control(properties={"productversion": "12.0.2000.8", "engineedition": 5})
        assert check(node, 0)["sql version"] == ("passed", "SQL Server is Azure SQL Database.")


def test_what_the_database_does_not_tell(tmp_path: Path, sql: SqlServer) -> None:
    """What SQL Server won't answer is unknown, and ends nothing."""
    with Node(tmp_path, sql) as node:
        refused = {"number": 229, "message": "The SELECT permission was denied", "class": 14}
        sql.control(statement_errors=[{"match": "PROPERTY|IS_ROLE|SYSUTC", **refused}])
        found = check(node, 0)
        for topic in ("sql version", "collation", "rights", "clock"):
            assert found[topic][0] == "unknown", found[topic]


def licence(days: int, nodes: int) -> str:
    """Return the base64 of a licence that ends in so many days, for so many nodes."""
    ends = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days)
    text = f'<License Signature="x"><ValidTo>{ends}</ValidTo><NodeLimit>{nodes}</NodeLimit></License>'
    return base64.b64encode(text.encode()).decode()


def test_other_nodes(tmp_path: Path) -> None:
    """A node that lives elsewhere is named and counted; its marks tell whether the volumes are the same."""
    with SqlServer.start(tmp_path / "sql", tls="off") as sql, Node(tmp_path / "first", sql, **KEY) as first:
        first.start().wait_phase("up")
        with Node(tmp_path / "second", sql, OCTOPUS_SERVER_NODE_NAME="octopus-1", **KEY) as second:
            found = check(second, 0, OCTOPUS_SERVER_BASE64_LICENSE=licence(400, 1))
            assert found["nodes"] == ("passed", "Other nodes that are alive: octopus-0.")
            assert found["volumes"][0] == "warned"
            assert "octopus-0 left no mark in " in found["volumes"][1]
            assert "The licence is for 1 node, and with this one 2 are alive" in found["licence"][1]

            found = check(
                second, 0, OCTO_NODE_ROOT=str(first.root), OCTOPUS_SERVER_CONFIGURATION_DIRECTORY=str(tmp_path)
            )
            assert found["volumes"][0] == "passed"
            assert found["node name"] == ("passed", "No other node has the name octopus-1.")

            result, sentence = check(second, 0, OCTOPUS_SERVER_NODE_NAME="octopus-0")["node name"]
            assert result == "warned"
            assert sentence.startswith("Another node with the name octopus-0 gives signs of life")
            found = check(second, 11, MASTER_KEY="")
            assert "there is no master key for it" in found["database"][1]
        with Node(tmp_path / "newer", sql, "2026.3.50", OCTOPUS_SERVER_NODE_NAME="octopus-1", **KEY) as newer:
            result, sentence = check(newer, 0)["database"]
            assert result == "warned"
            assert sentence.startswith("A start would wait for octopus-0")
        with Node(tmp_path / "older", sql, "2025.4.1", OCTOPUS_SERVER_NODE_NAME="octopus-1", **KEY) as older:
            assert "newer than this server" in check(older, 14)["database"][1]
