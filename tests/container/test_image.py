"""What is in the image, and what it needs of the image below it."""

import json
import re

import pytest
from container import images
from container.containers import JOURNAL, PASSWORD, Node, Sql
from container.engine import ask, docker
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from processes import ROOT

import entrypoint


pytestmark = pytest.mark.timeout(900)  # the first test waits for the images

MEGABYTES = 120  # that the image may add
INTERPRETER = "/opt/octo-node/bin/python3"
CONNECT = f"""
import sys
sys.path.insert(0, "/opt/octo-node/packages")
import os, ssl, prometheus_client, psutil, pyodbc, rich, structlog, tenacity, threading, waitress
threading.Thread(target=os.getpid).start()
login = "SERVER=%s;UID=sa;PWD={PASSWORD};" % sys.argv[1]
found = pyodbc.connect("DRIVER={{%s}};" % pyodbc.drivers()[0] + login).execute("SELECT 6*7").fetchone()
print(pyodbc.drivers(), found[0])
"""
FREETDS = "db;PORT=1433;TDS_Version=7.4"
MICROSOFT = "tcp:db,1433;Encrypt=no"
LOOK = """
import os, sys
for folder, _, names in os.walk("/opt/octo-node"):
    for name in [".", *names]:
        path = os.path.join(folder, name)
        status = os.lstat(path)
        if status.st_uid or status.st_gid or status.st_mode & 0o022:
            print("writable:", path)
        if name.endswith(".py"):
            compiled = os.path.join(folder, "__pycache__", name[:-3] + ".cpython-%d%d.pyc" % sys.version_info[:2])
            if not os.path.exists(compiled):
                print("not compiled:", path)
        if name in {"cc", "gcc", "as", "ld", "pip", "Python.h"}:
            print("not needed:", path)
"""

MODULES = """
import sys
sys.path.insert(0, "/opt/octo-node/packages")
import importlib, pkgutil, entrypoint
for module in pkgutil.walk_packages(entrypoint.__path__, "entrypoint."):
    if not module.name.endswith((".__main__", ".probe")):
        importlib.import_module(module.name)
"""
# in one JSON: the bill, Debian's packages, those that have a licence here, Python's packages, all shared licence texts
SHIPPED = """
import glob, json, os
os.chdir("/opt/octo-node")
bill = json.load(open("sbom.cdx.json"))
packages = os.listdir("var/lib/dpkg/status.d")
licences = [name for name in packages if os.path.getsize("licenses/%s/copyright" % name)]
python = [os.path.basename(name).split("-")[0] for name in glob.glob("packages/*.dist-info")]
print(json.dumps([bill, packages, licences, python, os.listdir("licenses/common"), os.listdir("licenses")]))
"""


@pytest.fixture(scope="module")
def bare(docker_engine: None) -> str:
    """Build the image over one that has nothing, not even a C library."""
    return images.node(images.bare(), "octo-node-test/node:bare")


@pytest.fixture(scope="module")
def hardened(docker_engine: None) -> str:
    """Build the image over one without a shell."""
    return images.node(images.hardened(), "octo-node-test/node:hardened")


def size(image: str) -> int:
    """Return the size of an image in bytes."""
    return int(ask("image", "inspect", "--format", "{{.Size}}", image))


def isolated(image: str, *options: str) -> tuple[str, ...]:
    """Return how our interpreter is started with a program, on its own."""
    return ("run", "--rm", *options, "--entrypoint", INTERPRETER, image, "-IS", "-c")


def test_size(image: str) -> None:
    """The image adds less than it may."""
    added = (size(image) - size(images.OCTOPUS)) / 1e6
    print(f"the image adds {added:.1f} MB")
    assert added < MEGABYTES


def test_configuration(image: str) -> None:
    """Entrypoint, command, healthcheck and stop signal are ours; folder, ports and volumes are the base's."""
    config, base = (
        json.loads(ask("inspect", "--format", "{{json .Config}}", each)) for each in (image, images.OCTOPUS)
    )
    assert config["Entrypoint"] == ["octo-node"]
    assert config["Cmd"] == ["run"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "octo-node", "probe", "liveness"]
    assert config["Labels"]["org.opencontainers.image.base.name"] == images.OCTOPUS
    for kept in ("Env", "WorkingDir", "User", "ExposedPorts", "Volumes"):
        assert config.get(kept) == base.get(kept)


def test_last_stage_only_copies() -> None:
    """A base without a shell can't run anything."""
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert not re.search(r"^(RUN|SHELL|ADD)\b", stages[-1], flags=re.MULTILINE)


def test_nothing_needless(image: str) -> None:
    """What was added is root's, nobody else can write to it, it is compiled, and nothing in it builds or installs."""
    assert docker(*isolated(image), LOOK).stdout == ""
    added = docker("run", "--rm", image, "ls", "/var/lib/apt/lists", "/root").stdout
    assert added == docker("run", "--rm", "--entrypoint", "ls", images.OCTOPUS, "/var/lib/apt/lists", "/root").stdout


@pytest.mark.parametrize("options", [("--user", "12345:0"), ("--read-only", "--cap-drop", "ALL")])
def test_needs_nothing(bare: str, sql: Sql, network: str, options: tuple[str, ...]) -> None:
    """Interpreter, libraries, driver and launcher work in an image that has nothing at all, in any locale."""
    assert docker("run", "--rm", *options, bare, "version").stdout.startswith("octo-node ")
    driver = ("--network", network, "--env", "ODBCSYSINI=/opt/octo-node/odbc")
    for locale in ("C", "en_US.UTF-8", "C.UTF-8"):
        done = docker(*isolated(bare, *driver, *options, f"--env=LANG={locale}"), CONNECT, FREETDS)
        assert done.stdout == "['FreeTDS'] 42\n"


def test_microsofts_driver(sql: Sql, network: str, docker_engine: None) -> None:
    """With ODBC_DRIVER=msodbcsql18 the image has Microsoft's driver instead."""
    image = images.node(images.bare(), "octo-node-test/node:microsoft", ODBC_DRIVER="msodbcsql18")
    driver = ("--network", network, "--env", "ODBCSYSINI=/opt/octo-node/odbc")
    found = docker(*isolated(image, *driver), CONNECT, MICROSOFT).stdout
    assert found == "['ODBC Driver 18 for SQL Server'] 42\n"


def test_nothing_that_a_verb_needs_is_left_out(bare: str) -> None:
    """Every module of octo-node finds what it imports, and `explain` finds its documents."""
    assert docker(*isolated(bare), MODULES).stdout == ""
    assert "SQL Server" in docker("run", "--rm", bare, "explain", "12").stdout


def test_all_that_is_shipped_is_told(bare: str) -> None:
    """Each library has its package data and licence, in a valid bill of materials; LGPL libraries have their text."""
    bill, packages, licences, python, texts, own = json.loads(docker(*isolated(bare), SHIPPED).stdout)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    assert licences == packages
    assert {"libc6", "libodbc2", "libodbcinst2", "libssl3", "libgnutls30", "tdsodbc", "zlib1g"} <= {*packages}
    assert {"LGPL-2", "LGPL-2.1", "LGPL-3", "GPL-2", "Apache-2.0"} <= {*texts}
    assert "octo-node" in own
    kinds = [each["purl"].removeprefix("pkg:").partition("/")[0] for each in bill["components"]]
    assert (kinds.count("deb"), kinds.count("pypi"), len(kinds)) == (len(packages), len(python), len(kinds))


def test_says_from_what_it_is_made(image: str) -> None:
    """The image's labels tell octo-node's version and commit, the image below and the one that the libraries are of."""
    labels = json.loads(ask("inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels["io.octo-node.version"] == entrypoint.__version__
    assert labels["io.octo-node.build-image"] == images.DEBIAN
    assert labels["org.opencontainers.image.base.name"] == images.OCTOPUS
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["org.opencontainers.image.revision"])


def test_any_environment(image: str, sql: Sql, network: str) -> None:
    """Neither the folder nor the environment keep octo-node from its work; it adds nothing to the server's."""
    astray = dict.fromkeys(("LD_LIBRARY_PATH", "ODBCINI", "ODBCINSTINI", "PYTHONSTARTUP"), "/nowhere")
    with Node(image, network, ("--workdir", "/proc"), **astray) as node:
        node.start().wait_up()
        lines = [json.loads(line) for line in node.execute("cat", JOURNAL).splitlines()]
        # the stand-in is Python too: it couldn't live with these
        for name in ("PYTHONHOME", "PYTHONPATH", "ODBCSYSINI"):
            done = docker("exec", f"--env={name}=/nowhere", node.name, "octo-node", "check")
            assert done.returncode == 0, done.stdout
    for line in lines:
        assert "ODBCSYSINI" not in line.get("environment", ())


def test_hardened_without_dockerd(hardened: str, network: str) -> None:
    """An image without dockerd can't have Docker-in-Docker: 17, whatever the container may do."""
    with Node(hardened, network, ("--privileged",), DISABLE_DIND="") as node:
        done = node.run()
    assert done.returncode == 17
    assert "needs dockerd, which isn't on PATH" in done.stdout
    assert "user 1001 isn't root" in done.stdout


def test_hardened(hardened: str, sql: Sql, network: str) -> None:
    """Over an image without shell and curl, as its user 1001:0, with a root that can't be written, a node comes up."""
    home = "/Octopus/.octopus/OctopusServer/Server"
    folders = ["/repository", "/artifacts", "/taskLogs", "/cache", "/eventExports", "/diagnostics", "/etc/octopus"]
    mounts = [f"--tmpfs={folder}:uid=1001,gid=0,mode=0700" for folder in (*folders, "/Octopus/.octopus")]
    more = {"OCTOPUS_SERVER_CONFIGURATION_DIRECTORY": home}
    with Node(hardened, network, ("--read-only", "--cap-drop=ALL", "--tmpfs=/tmp", *mounts), **more) as node:
        node.start().wait_up()
        assert docker("exec", node.name, "sh", "-c", "true", check=False).returncode != 0
        assert node.verb("probe", "readiness").stdout == "readiness: yes (200)\n"
        assert node.stop() == 0
