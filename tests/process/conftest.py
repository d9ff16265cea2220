"""What most tests of whole processes begin with."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from init_program import Mode, Terminal
from node import Node
from standin.sqlserver.testing import SqlServer


@pytest.fixture
def sql(tmp_path: Path) -> Iterator[SqlServer]:
    """A SQL Server with no database but its own."""
    with SqlServer.start(tmp_path / "sql", tls="off") as server:
        yield server


@pytest.fixture
def node(tmp_path: Path, sql: SqlServer) -> Iterator[Node]:
    """A node that is up."""
    with Node(tmp_path, sql, STANDIN_OCTOPUS_POLL="0.2") as found:
        found.start().wait_phase("up")
        yield found


@pytest.fixture(params=["process 1", "subreaper"])
def mode(request: pytest.FixtureRequest) -> Mode:
    """Give each way to start octo-node."""
    return Mode(request.param)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """Give a pseudo-terminal."""
    one = Terminal()
    yield one
    os.close(one.keyboard)
    os.close(one.inside)


@pytest.fixture
def dead_address() -> Iterator[Callable[[int, str], str]]:
    """Give what makes a port of another address `refused`, or `mute`: no connection to it is ever there."""
    with ExitStack() as stack:

        def make(port: int, kind: str) -> str:
            host = "127.0.0.2"
            if kind == "mute":
                listener = stack.enter_context(socket.socket())
                listener.bind((host, port))
                listener.listen(0)
                for _ in range(3):  # its queue is full
                    filler = stack.enter_context(socket.socket())
                    filler.setblocking(False)  # noqa: FBT003 - that is its only parameter
                    filler.connect_ex((host, port))
            return host

        yield make
