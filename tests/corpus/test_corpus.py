"""Settings files in the shapes that people use: each boots with both drivers, or is refused with the right sentence."""

import json
import random
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import odbcini
import pytest
import yaml
from corpus import containers
from corpus.containers import Container
from node import Node
from processes import NAMESPACE, OCTO_NODE
from standin.sqlserver import tls
from standin.sqlserver.testing import SqlServer


EXPECTED: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("expected.yaml").read_text())
BOOTS = [name for name, expected in EXPECTED.items() if "node" in expected]
REFUSED = [name for name, expected in EXPECTED.items() if "code" in expected]
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# makes the container's own host name, names of hosts, certificates and files; then it becomes the command
INSIDE = f"""
hostname "$1" && mount --bind "$2/hosts" /etc/hosts && mount -t tmpfs none /run && cp -R "$2/run/." /run &&
mount --bind "$2/certificates" {CERTIFICATES} && shift 2 && exec "$@"
"""


@pytest.fixture(params=list(odbcini.libraries()))
def driver(request: pytest.FixtureRequest) -> str:
    """Each of the two ODBC drivers."""
    return str(request.param)


def inside(folder: Path, container: Container, hosts: str = "", certificate: str = "") -> tuple[str, ...]:
    """Return the command that runs another one in namespaces with what `container` has; `folder` is for its files."""
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{hosts}")
    (folder / "certificates").write_text(Path(CERTIFICATES).read_text() + certificate)
    (folder / "run").mkdir()
    for path, content in container.files.items():
        file = folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    for path in container.folders:
        (folder / path.lstrip("/")).mkdir(parents=True)
    return ("unshare", "-u", "sh", "-c", INSIDE, "sh", container.host, str(folder))


def put_into(node: Node, container: Container, folder: Path, driver: str) -> None:
    """Give the node the container's environment, and none but that and what the test itself needs."""
    usual = {"PATH", "PYTHONPATH", "DISABLE_DIND"}
    ours = {name: value for name, value in node.environment.items() if name in usual or name.startswith("STANDIN_")}
    places = {name: value for name, value in node.environment.items() if name.startswith("OCTO_NODE_")}
    dockerd = folder / "bin" / "dockerd"  # as the official image has it
    dockerd.parent.mkdir()
    dockerd.symlink_to("/bin/true")
    node.environment = {
        **ours,
        "PATH": f"{dockerd.parent}:{ours['PATH']}",
        **container.environment,
        **places,
        **odbcini.environment(folder, [driver]),
        "SSL_CERT_FILE": CERTIFICATES,
        "STANDIN_OCTOPUS_DRIVER": odbcini.libraries()[odbcini.FREETDS],  # the server's own is another matter
    }


@contextmanager
def browser(address: str, instance: str, port: int) -> Iterator[None]:
    """Be the SQL Server Browser at `address`, which tells the port of `instance`."""
    told = f"ServerName;SQL01;InstanceName;{instance};IsClustered;No;Version;16.0.1000.6;tcp;{port};;".encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.bind((address, 1434))

        def answer() -> None:
            while True:
                question, where = asked.recvfrom(1024)
                if not question:
                    return
                if question[1:].strip(b"\0").decode().upper() == instance:
                    asked.sendto(b"\x05" + len(told).to_bytes(2, "little") + told, where)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", (address, 1434))
            thread.join()


@contextmanager
def sql_server(folder: Path, expected: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Run the SQL Server that a connection string names; give the line of /etc/hosts and the certificate for it."""
    address = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
    instance = expected.get("instance")
    port = 0 if instance else expected.get("port", 1433)
    options = {"host": address, "tls": expected.get("tls", "on"), "login": [expected["login"]]}
    tls.prepare(folder, expected["sql"])
    tls.context(folder, "1.2")  # makes the certificate
    with SqlServer.start(folder, port=port, **options, **{"certificate-name": expected["sql"]}) as server:
        certificate = (folder / "server.crt").read_text() if expected.get("trusted") else ""
        hosts = f"{address} {expected['sql']}\n"
        if instance is None:
            yield hosts, certificate
        else:
            with browser(address, instance, server.port):
                yield hosts, certificate


def test_every_file_is_expected() -> None:
    """There are 30 files at least, and each is used."""
    main = {path.name for path in containers.FILES.iterdir() if path.is_file() and path.suffix != ".dotenv"}
    assert main == set(EXPECTED)
    assert len(main) >= 30


@pytest.mark.parametrize("name", BOOTS)
def test_boots(tmp_path: Path, name: str, driver: str) -> None:
    """A file as people have it gives a node that answers, under the name that the official image gives it."""
    expected = EXPECTED[name]
    container = containers.load(name, **expected)
    with sql_server(tmp_path / "sql", expected) as (hosts, certificate), Node(tmp_path) as node:
        put_into(node, container, tmp_path, driver)
        node.start(program=(*inside(tmp_path, container, hosts, certificate), *OCTO_NODE))
        node.wait_phase("up")
        made = next(line["argv"] for line in node.journal() if line["verb"] == "create-instance")
        assert f"--serverNodeName={expected['node']}" in made
        password = expected["login"].partition(":")[2]
        assert password not in node.log
        told = [line for line in node.log.splitlines() if " warning preflight: " in line]
        assert_told(told, expected.get("warns", []))


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    """A file that can't be meant as it stands is refused: all that is wrong with it at once, and no secret told."""
    expected = EXPECTED[name]
    container = containers.load(name, **expected)
    with Node(tmp_path) as node:
        put_into(node, container, tmp_path, odbcini.FREETDS)
        words = [*NAMESPACE, *inside(tmp_path, container), *OCTO_NODE, "check", "--json"]
        done = subprocess.run(
            words, env=node.environment, capture_output=True, text=True, timeout=60, check=False, cwd=containers.FILES
        )
    found = json.loads(done.stdout)
    assert (done.returncode, found["code"]) == (expected["code"], expected["code"])
    sentences = [problem["problem"] for problem in found["problems"]]
    assert_told(sentences, expected["says"])
    for words_of_one in expected.get("also", []):
        assert any(words_of_one in sentence for sentence in sentences), (words_of_one, sentences)
    if expected["code"] != 10:
        assert_told(found["warnings"], expected.get("warns", []))
    for secret in expected.get("never", []):
        assert secret not in done.stdout + done.stderr


def assert_told(sentences: list[str], parts: list[str]) -> None:
    """Each of `parts` is in a sentence of its own, and there are no others."""
    for part in parts:
        assert any(part in sentence for sentence in sentences), (part, sentences)
    assert len(sentences) == len(parts), sentences
