"""Tests whether an engine can start a container, with an image that is built here: a program that exits at once."""

import http.client
import io
import json
import os
import signal
import struct
import tarfile
import urllib.parse
import zlib

from entrypoint.base import engine


TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

SECONDS = 60.0  # for all of it
LABEL = "io.octo-node.trial"
_AFTERWARDS = 5.0  # seconds for taking away what was made
_ROOM = 1 << 16  # bytes that are read of an answer
_WORDS = 500  # characters of it that are told
# elf(5)'s number of the machine, and the instructions of exit(0), by the name in uname(2)
_PROGRAMS = {
    "x86_64": (62, bytes.fromhex("31ff b83c000000 0f05")),  # xor edi,edi; mov eax,60; syscall
    "aarch64": (183, struct.pack("<3I", 0xD2800000, 0xD2800BA8, 0xD4000001)),  # mov x0,#0; mov x8,#93; svc #0
}
_BASE = 0x400000  # where the program is in memory


def problem(host: str, owner: str, seconds: float = SECONDS) -> str | None:
    """Return why the engine at `host` starts no container; None if it does, or if it can't be tried here.

    What was made for it is taken away, with what an earlier trial of the same node, `owner`, has left. Raise
    TimeoutError if none was started within `seconds`.
    """
    if os.uname().machine not in _PROGRAMS:
        return None
    name = f"octo-node-trial-{os.urandom(8).hex()}"
    mark = f"{zlib.crc32(owner.encode('utf-8', 'surrogateescape')):08x}"  # several nodes may share an engine
    try:
        _within(seconds)
        return _run(host, name, mark)
    except TimeoutError as error:
        raise TimeoutError(f"no container was started within {seconds:g} s") from error
    except OSError as error:
        return engine.reason(error)[:_WORDS]
    except (http.client.HTTPException, ValueError, LookupError, TypeError, RecursionError) as error:
        return str(error)[:_WORDS] or type(error).__name__
    finally:
        _take_away(host, name, mark)


def _within(seconds: float) -> None:
    """Raise TimeoutError in `seconds`, wherever this process is then; with 0 not at all."""
    signal.signal(signal.SIGALRM, _time_is_over)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _time_is_over(_number: int, _frame: "FrameType | None") -> None:
    raise TimeoutError


def _run(host: str, name: str, mark: str) -> str | None:
    """Run a container, called `name`, to its end, and return what is wrong with that."""
    change = urllib.parse.quote(f"LABEL {LABEL}={mark}")
    image = str(_ask(host, "POST", f"/images/create?fromSrc=-&changes={change}", _archive())["status"])
    wanted = {
        "Image": image,
        "Cmd": ["/end"],
        "Labels": {LABEL: mark},
        "NetworkDisabled": True,
        "HostConfig": {"NetworkMode": "none", "ReadonlyRootfs": True},
    }
    container = _ask(host, "POST", f"/containers/create?name={name}", json.dumps(wanted).encode())["Id"]
    _ask(host, "POST", f"/containers/{container}/start")
    code = _ask(host, "POST", f"/containers/{container}/wait")["StatusCode"]
    return None if code == 0 else f"its container ended with exit code {code}"


def _take_away(host: str, name: str, mark: str) -> None:
    """Take away container `name`, and what has our label: a trial that was cut off may have left something, too."""
    ours = urllib.parse.urlencode({"filters": json.dumps({"label": [f"{LABEL}={mark}"]})})
    steps = (
        ("DELETE", f"/containers/{name}?force=true&v=true"),
        ("POST", f"/containers/prune?{ours}"),
        ("POST", f"/images/prune?{ours}"),
    )
    for method, target in steps:
        try:
            _within(_AFTERWARDS)
            _ask(host, method, target)
        except (OSError, http.client.HTTPException, ValueError, RecursionError):
            continue  # it is small, and the next trial takes it away
        finally:
            _within(0)


def _ask(host: str, method: str, target: str, body: bytes = b"") -> "dict[str, object]":
    """Return the last object of the engine's answer. Raise OSError, with its message, if it refuses."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = engine.connect(host)
    connection.sock.settimeout(SECONDS)
    kind = "application/json" if body.startswith(b"{") else "application/x-tar"
    try:
        connection.request(method, target, body, {"Content-Type": kind})
        response = connection.getresponse()
        lines = response.read(_ROOM).decode("utf-8", "replace").strip().splitlines()
    finally:
        connection.close()
    found = json.loads(lines[-1]) if lines else {}
    refusal = found.get("error") or (found.get("message") if response.status >= 300 else None)
    if refusal or response.status >= 300:
        raise OSError(str(refusal or f"{method} {target.partition('?')[0]} was answered with {response.status}"))
    return found


def _archive() -> bytes:
    """Return an image's files as a tar archive: the program `end`."""
    machine, instructions = _PROGRAMS[os.uname().machine]
    size = 64 + 56 + len(instructions)
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<16sHHIQQQIHHHHHH", identity, 2, machine, 1, _BASE + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 1 << 16)
    entry = tarfile.TarInfo("end")
    entry.mode, entry.size = 0o755, size
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.addfile(entry, io.BytesIO(header + segment + instructions))
        return file.getvalue()
