"""The probe as kubelet runs it, by path, against real servers."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import OCTO_NODE, ROOT, free_port


PROBE = (sys.executable, "-I", "-S", str(ROOT / "entrypoint" / "probe.py"))
PROGRAM = ROOT / "tests" / "process" / "programs" / "http_server.py"
SECRET = "Secret-of-the-test"
PING = "/api/octopusservernodes/ping"
READY = "/api/serverstatus/hosted/internal"


class Server:
    """A server in a process of its own, and what it was asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def request(self) -> str:
        """Return the next request: its first line and its host."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def serve(behaviour: str, family: str = "ipv4", certificate: Path | None = None) -> Iterator[Server]:
    """Start a server that answers as `behaviour` says: see `programs/http_server.py`."""
    command = [sys.executable, str(PROGRAM), family, behaviour, *([str(certificate)] if certificate else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


def ask(*words: str, folder: Path | None = None, program: tuple[str, ...] = PROBE, **environ: str) -> tuple[int, str]:
    """Run the probe with `words`, the node's state being in `folder`; return exit code and the line it printed."""
    state = {"OCTO_NODE_RUN_DIR": str(folder or "/nonexistent"), "ADMIN_PASSWORD": SECRET}
    done = subprocess.run(
        [*program, *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **state, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1, "exactly one line"
    assert done.stdout.endswith("\n")
    assert SECRET not in done.stdout
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize(
    ("status", "alive", "ready"),
    [
        (200, 0, 0),
        (204, 0, 0),
        (299, 0, 0),
        (301, 1, 1),
        (401, 1, 1),
        (418, 0, 1),
        (429, 0, 1),
        (500, 1, 1),
        (503, 1, 1),
    ],
)
def test_which_answers_are_a_yes(status: int, alive: int, ready: int) -> None:
    """2xx is a yes; 418 (drained) and 429 (busy) are for startup and liveness, not for readiness; all else is a no."""
    with serve(str(status)) as server:
        for kind, code, path in (("startup", alive, PING), ("liveness", alive, PING), ("readiness", ready, READY)):
            found, line = ask(kind, OCTO_NODE_WEB_PORT=str(server.port))
            assert found == code
            yes = {418: "418, draining", 429: "429, busy"}.get(status, str(status))
            assert line.partition(";")[0] == (
                f"{kind}: no: {path} answered {status}" if code else f"{kind}: yes ({yes})"
            )
            assert server.request() == f"GET {path} HTTP/1.1; Host: localhost:{server.port}"


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ("garbage", "no answer (the answer isn't HTTP)"),
        ("no-number", "no answer (the answer isn't HTTP)"),
        ("close", "no answer ("),
        ("hang", "no answer within 0.5 s"),
        ("half", "no answer within 0.5 s"),
        ("drip", "no answer"),
    ],
)
def test_what_is_no_answer(behaviour: str, sentence: str) -> None:
    """Garbage, a closed connection and an answer that never ends are a no, and the line says which."""
    with serve(behaviour) as server:
        code, line = ask("startup", "--timeout", "0.5", OCTO_NODE_WEB_PORT=str(server.port))
        assert code == 1
        assert line.startswith(f"startup: no: {sentence}")


@pytest.mark.parametrize("behaviour", ["slow", "endless"])
def test_the_status_line_is_all_that_is_waited_for(behaviour: str) -> None:
    """An answer that comes byte by byte, or whose body never ends, is taken for what its first line says."""
    with serve(behaviour) as server:
        assert ask("liveness", OCTO_NODE_WEB_PORT=str(server.port)) == (0, "liveness: yes (200)")


@pytest.mark.parametrize(
    ("behaviour", "scheme"), [("drip", "http"), ("hang", "http"), ("hang-in-handshake", "https"), ("drip", "https")]
)
def test_the_timeout_is_the_whole_calls(behaviour: str, scheme: str, certificate: Path) -> None:
    """However the time is lost, in the handshake or byte by byte, the probe ends at its deadline."""
    with serve(behaviour, certificate=certificate if scheme == "https" else None) as server:
        begun = time.monotonic()
        code, line = ask("readiness", "--timeout=1", f"--url={scheme}://127.0.0.1:{server.port}")
        assert (code, line.partition(";")[0]) == (1, "readiness: no: no answer within 1 s")
        assert time.monotonic() - begun < 20


def test_nobody_listens() -> None:
    """A refused connection is a no, and IPv4's reason is the one that is told."""
    code, line = ask("startup", OCTO_NODE_WEB_PORT=str(free_port()))
    assert (code, line.partition(";")[0]) == (1, "startup: no: no answer (Connection refused)")


def test_there_is_no_such_host() -> None:
    """A name that nobody knows is a no."""
    code, line = ask("startup", "--url", "http://no-such-host.invalid:80")
    assert code == 1
    assert line.startswith("startup: no: no such host (")


def test_a_server_on_ipv6_only() -> None:
    """A server that listens on ::1 alone is found, by its name and by its address."""
    with serve("200", family="ipv6") as server:
        assert ask("readiness", OCTO_NODE_WEB_PORT=str(server.port))[0] == 0
        assert server.request().endswith(f"Host: localhost:{server.port}")
        assert ask("readiness", f"--url=http://[::1]:{server.port}")[0] == 0
        assert server.request().endswith(f"Host: [::1]:{server.port}")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a self-signed certificate with its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key, signed = folder / "key", folder / "certificate"
    words = f"req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {signed} -subj /CN=node -days 1".split()
    subprocess.run([str(shutil.which("openssl")), *words], check=True, capture_output=True)
    both = folder / "both"
    both.write_text(key.read_text() + signed.read_text())
    return both


def test_https_where_that_is_the_only_listener(certificate: Path) -> None:
    """With a certificate the probe asks by https, and doesn't check what it gets: nobody signed it."""
    with serve("200", certificate=certificate) as server:
        port = str(server.port)
        assert ask("readiness", SSL_CERTIFICATE_FILE=str(certificate), HTTPS_PORT=port) == (0, "readiness: yes (200)")
        assert server.request() == f"GET {READY} HTTP/1.1; Host: localhost:{port}"
        code, line = ask("readiness", OCTO_NODE_WEB_PORT=port)
        assert code == 1
        assert line.startswith("readiness: no: no answer (")


@pytest.mark.parametrize("word", ["False", "false", "N", "0"])
def test_http_where_it_is_offered_beside_https(certificate: Path, word: str) -> None:
    """With a certificate and WEB_FORCE_SSL off there is plain http, which costs less."""
    with serve("200") as server:
        port = str(server.port)
        found = ask("readiness", WEB_FORCE_SSL=word, SSL_CERTIFICATE_FILE=str(certificate), OCTO_NODE_WEB_PORT=port)
        assert found == (0, "readiness: yes (200)")


def test_settings_may_be_in_files(tmp_path: Path) -> None:
    """NAME_FILE gives the probe its port as it gives it to the node."""
    with serve("200") as server:
        file = tmp_path / "port"
        file.write_text(f"{server.port}\n")
        assert ask("readiness", OCTO_NODE_WEB_PORT_FILE=str(file))[0] == 0


def test_a_pipe_in_place_of_a_setting_holds_nothing_up(tmp_path: Path) -> None:
    """A NAME_FILE that nobody writes to leaves the default, at once."""
    os.mkfifo(tmp_path / "port")
    assert ask("readiness", "--timeout", "2", OCTO_NODE_WEB_PORT_FILE=str(tmp_path / "port"))[0] == 1


@pytest.mark.parametrize(("url", "path"), [("{}", READY), ("{}/", READY), ("{}/octopus", f"/octopus{READY}")])
def test_a_url_can_be_given(url: str, path: str) -> None:
    """--url says where the node is, with or without a path in front."""
    with serve("200") as server:
        assert ask("readiness", "--url", url.format(f"http://127.0.0.1:{server.port}")) == (0, "readiness: yes (200)")
        assert server.request() == f"GET {path} HTTP/1.1; Host: 127.0.0.1:{server.port}"


def test_the_verb_is_the_same_program() -> None:
    """`octo-node probe` answers as the file does."""
    with serve("418") as server:
        found = ask("startup", program=(*OCTO_NODE, "probe"), OCTO_NODE_WEB_PORT=str(server.port))
        assert found == (0, "startup: yes (418, draining)")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["health"],
        ["startup", "liveness"],
        ["startup", "--timeout"],
        ["startup", "--timeout", "soon"],
        ["startup", "--timeout", "0"],
        ["startup", "--timeout", "-1"],
        ["startup", "--timeout", "nan"],
        ["startup", "--url"],
        ["startup", "--url", "localhost:8080"],
        ["startup", "--url", "ftp://localhost"],
        ["startup", "--url", "http://"],
        ["startup", "--url", "http://:80"],
        ["startup", "--url", "http://localhost:0"],
        ["startup", "--url", "http://localhost:65536"],
        ["startup", "--url", "http://localhost:http"],
        ["startup", "--verbose"],
    ],
)
def test_wrong_usage(words: list[str]) -> None:
    """What can't be understood exits with 2 and the usage, and asks nobody."""
    done = subprocess.run([*PROBE, *words], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: octo-node probe ")
    assert done.stderr.count("\n") == 1


def test_a_no_tells_the_phase(tmp_path: Path) -> None:
    """After a no the line says where the node is, as the state files of the running node tell it."""
    start = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    live = {"pid": os.getpid(), "start": start}
    (tmp_path / "node.json").write_text(json.dumps(live | {"phase": "preparing"}))
    doing = {"doing": "waiting for SQL Server db,1433 (refused)", "since": time.monotonic() - 42}
    (tmp_path / "prepare.json").write_text(json.dumps(live | doing))
    code, line = ask("startup", folder=tmp_path, OCTO_NODE_WEB_PORT=str(free_port()))
    assert code == 1
    reason, _, where = line.partition("; ")
    assert reason == "startup: no: no answer (Connection refused)"
    assert where.startswith("not up yet: preparing, waiting for SQL Server db,1433 (refused) for 4")
    (tmp_path / "node.json").write_text(json.dumps(live | {"phase": "held"}))
    port = str(free_port())
    codes = [ask(kind, folder=tmp_path, OCTO_NODE_WEB_PORT=port)[0] for kind in ("startup", "liveness", "readiness")]
    assert codes == [0, 0, 1], "a node that is held is to stay, and takes no work"
    (tmp_path / "node.json").write_text(json.dumps(live | {"start": start - 1, "phase": "up"}))
    assert ask("startup", folder=tmp_path, OCTO_NODE_WEB_PORT=str(free_port()))[1].endswith(
        "only of one that has ended (up)"
    )
