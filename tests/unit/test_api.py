"""What the node's own server is asked by HTTP: each answer has a limit of bytes and of time, and a meaning."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from processes import ROOT

from entrypoint.node.ping import Ping, Throttle
from entrypoint.octopus import http
from entrypoint.octopus.api import Api, ApiError, RefusedError
from entrypoint.octopus.running_task import Task


Answer = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def serve(answer: Answer, host: str = "127.0.0.1") -> Iterator[int]:
    """Give the port of a server each of whose connections gets what `answer` sends."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:

        def play(connection: socket.socket) -> None:
            with connection:
                try:
                    connection.recv(65536)
                    answer(connection)
                except OSError:
                    pass  # the client has had enough

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=play, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def api(port: int, seconds: float = 5.0) -> Api:
    """Return the API of a server on `port`."""
    settings = SimpleNamespace(https_only=False, octo_node_web_port=port, https_port=443)
    return Api(cast("Any", settings), key="API-KEY", seconds=seconds)


def says(head: bytes, body: bytes = b"") -> Answer:
    """Return what sends an answer."""
    return lambda connection: connection.sendall(head + b"\r\n" + body)


def endless(block: bytes, seconds: float = 0.0, head: bytes = HEAD) -> Answer:
    """Return what begins an answer and never stops sending."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(block)
            time.sleep(seconds)

    return answer


def mute(_connection: socket.socket) -> None:
    """Say nothing."""
    time.sleep(1000)


NEVER_ENDING = {
    "mute": mute,
    "endless headers": endless(b"X-More: more\r\n" * 1000),
    "one endless header": endless(b"x" * 65536),
    "trickling headers": endless(b"x", 0.05),
    "informational answers": endless(b"HTTP/1.1 100 Continue\r\n\r\n", head=b""),
}
NEVER_ENDING_BODY = {
    "endless body": lambda connection: endless(b"x" * 65536)(_headed(connection)),
    "trickling body": lambda connection: endless(b" ", 0.05)(_headed(connection)),
}


def _headed(connection: socket.socket) -> socket.socket:
    connection.sendall(HEAD + b"\r\n")
    return connection


@pytest.mark.parametrize("answer", NEVER_ENDING.values(), ids=NEVER_ENDING)
@pytest.mark.parametrize("question", ["ping", "tasks"])
def test_an_answer_without_an_end_is_none(answer: Answer, question: str) -> None:
    """Whatever comes without an end, or a byte at a time, is given up when its time or its bytes are used up."""
    with serve(answer) as port:
        one = api(port, 0.5)
        ask: Callable[[], object] = one.ping if question == "ping" else lambda: one.running_tasks("octopus-0")
        begun = time.monotonic()
        with pytest.raises(ApiError, match=r"doesn't answer: (no answer within|the answer is)"):
            ask()
        assert time.monotonic() - begun < 20


@pytest.mark.parametrize("answer", NEVER_ENDING_BODY.values(), ids=NEVER_ENDING_BODY)
def test_a_body_without_an_end_is_no_answer(answer: Answer) -> None:
    """A list without an end is given up; of a ping the status is all that is wanted."""
    with serve(answer) as port:
        begun = time.monotonic()
        with pytest.raises(ApiError, match="doesn't answer"):
            api(port, 0.5).running_tasks("octopus-0")
        assert api(port).ping().status == 200
        assert time.monotonic() - begun < 20


@pytest.mark.parametrize("length", ["1048577", "99999999999", "9" * 18, "9" * 25])
def test_a_body_that_is_announced_as_large_is_none(length: str) -> None:
    """No memory is asked for by what Content-Length says; a body that is shorter than that is none either."""
    with serve(says(HEAD + f"Content-Length: {length}\r\n".encode(), b'{"Items": []}')) as port:
        with pytest.raises(ApiError, match="doesn't answer"):
            api(port).running_tasks("octopus-0")
        assert api(port).ping().status == 200


def test_half_a_character_is_no_fault() -> None:
    """An Id that JSON spells as half a character is asked for as something else, and can be printed."""
    body = json.dumps({"Items": [{"Id": "\ud800", "Name": "octopus-0", "Description": "\udfff"}], "TotalResults": 1})
    with serve(says(HEAD, body.encode())) as port:
        (task,) = api(port).running_tasks("octopus-0")
        assert f"{task.id} {task.description}".encode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 401, 403, 404])
def test_a_refusal_is_not_asked_again(status: int) -> None:
    """A redirect, to a login page or to https, is a refusal like 401 and 403, and isn't followed."""
    asked: list[int] = []

    def answer(connection: socket.socket) -> None:
        asked.append(1)
        connection.sendall(f"HTTP/1.1 {status} No\r\nLocation: /app#/users/sign-in\r\n\r\n".encode())

    with serve(answer) as port, pytest.raises(RefusedError, match=f"answered {status} No"):
        api(port).running_tasks("octopus-0")
    assert asked == [1]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_no_refusal(status: int) -> None:
    """A rate limit and a server error may pass; the message has the code, and the ping's answer too."""
    with serve(says(f"HTTP/1.1 {status} Wait\r\nRetry-After: 7\r\n".encode())) as port:
        with pytest.raises(ApiError, match=f"answered {status}") as caught:
            api(port).running_tasks("octopus-0")
        assert not isinstance(caught.value, RefusedError)
        answer = api(port).ping()
        assert (answer.status, answer.pause, caught.value.pause) == (status, 7, 7)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("99999999999999999999", 60),
        (formatdate(0, usegmt=True), 1),
        ("Mon, 99 Jul 99999 99:99:99 GMT", None),
        ("soon", None),
        ("-1", None),
        (None, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    """Retry-After is seconds or a date (RFC 9110, section 10.2.3), believed between a second and a minute."""
    assert http.pause_of(value) == seconds


def test_retry_after_a_date() -> None:
    """A date that comes soon is waited for."""
    found = http.pause_of(formatdate(time.time() + 50, usegmt=True))
    assert found is not None
    assert 1 < found <= 50


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"[" * 100_000, b'{"Items": 1}', b'{"Items": [1]}', b"\xff", b"1" * 9999]
)
def test_what_is_no_list_is_told(body: bytes) -> None:
    """An answer that isn't the JSON that was asked for is an error of the API, not of ours."""
    with serve(says(HEAD, body)) as port, pytest.raises(ApiError, match="answered with something that isn't"):
        api(port).running_tasks("octopus-0")


def test_a_list_without_an_end_is_no_list() -> None:
    """Pages that never come to an end are given up."""
    page = json.dumps({"Items": [{"Id": "x", "Name": "y"}], "TotalResults": 10**9}).encode()
    with serve(says(HEAD, page)) as port, pytest.raises(ApiError, match=r"has no end|doesn't answer"):
        api(port).running_tasks("octopus-0")


def test_a_task_with_an_interruption_runs() -> None:
    """HasPendingInterruptions doesn't matter: what executes, runs."""
    items = [
        {"Id": "OctopusServerNodes-1", "Name": "Octopus-0", "State": "Executing", "HasPendingInterruptions": True},
    ]
    page = json.dumps({"Items": items, "TotalResults": 1}).encode()
    with serve(says(HEAD, page)) as port:
        assert api(port).running_tasks("octopus-0") == [Task("OctopusServerNodes-1", "", "Executing")]


def test_localhost_on_ipv6_only() -> None:
    """A server that listens on ::1 alone is found."""
    with serve(says(HEAD), "::1") as port:
        assert api(port).ping().status == 200


def test_localhost_is_not_resolved(tmp_path: Path) -> None:
    """`localhost` is 127.0.0.1, whatever /etc/hosts says."""
    (tmp_path / "hosts").write_text("192.0.2.1 localhost\n")
    program = (
        "import sys; from types import SimpleNamespace as S; from entrypoint.octopus.api import Api\n"
        "print(Api(S(https_only=False, octo_node_web_port=int(sys.argv[1]), https_port=1)).ping().status)"
    )
    user = [] if os.getuid() == 0 else ["-Ur"]
    within = ["unshare", *user, "-m", "sh", "-c", f'mount --bind {tmp_path}/hosts /etc/hosts; exec "$@"', "sh"]
    with serve(says(HEAD)) as port:
        command = [*within, sys.executable, "-c", program, str(port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "200\n", done.stderr


def test_a_busy_server_is_asked_more_and_more_rarely() -> None:
    """After 429 the ping waits as Retry-After says, and longer each time; what it said last stands meanwhile."""
    asked: list[int] = []
    now = [0.0]

    def answer(connection: socket.socket) -> None:
        asked.append(1)
        connection.sendall(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\n\r\n")

    with serve(answer) as port:
        ping = Ping(api(port), Throttle(lambda: now[0]))
        for _ in range(400):  # 4 times a second
            assert ping.ask().status == 429
            now[0] += 0.25
    assert len(asked) == 7  # after 3, 3, 4, 8, 16, 32 seconds
