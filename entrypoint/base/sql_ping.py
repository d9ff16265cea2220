"""Does SQL Server answer? Asked with the first packet of its protocol, which takes no login.

Light: the probe asks this after a no, to tell a server that hangs from one whose database is away.
"""

import select
import time
from _socket import SOCK_STREAM, getaddrinfo, socket
from _thread import allocate_lock, start_new_thread
from errno import EINPROGRESS


# PRELOGIN of [MS-TDS] 2.2.6.5: the header, the options VERSION and ENCRYPTION with their places, their values: none, on
PACKET = bytes.fromhex("12 01 00 1a 00 00 01 00  00 00 0b 00 06  01 00 11 00 01  ff  00 00 00 00 00 00  01")
_LONGEST = 253  # characters of a host name


def is_answered(host: str, port: int, seconds: float, *, strict: bool) -> bool:
    """Return whether SQL Server at one of the addresses of `host`, all asked at once, says anything within `seconds`.

    With `strict` the connection begins with TLS (TDS 8), and an answer to that counts.
    """
    deadline = time.monotonic() + seconds
    hello = _client_hello(strict=strict)
    poll, waiting = select.poll(), dict[int, socket]()
    for family, _, _, _, address in _places(host, port, seconds):
        connection = _begun(family, address)
        if connection is not None:
            waiting[connection.fileno()] = connection
            poll.register(connection, select.POLLOUT)
    try:
        return _is_any_answered(poll, waiting, hello, deadline)
    finally:
        for connection in waiting.values():
            connection.close()


def _is_any_answered(poll: select.poll, waiting: "dict[int, socket]", hello: bytes, deadline: float) -> bool:
    """Say `hello` where there is a connection, and return whether anything comes back by `deadline`."""
    while waiting and (left := deadline - time.monotonic()) > 0:
        for number, events in poll.poll(left * 1000):
            try:
                if events & select.POLLOUT:
                    waiting[number].send(hello)
                    poll.modify(number, select.POLLIN)
                    continue
                if waiting[number].recv(1):
                    return True
            except OSError:
                pass  # refused, or hung up
            poll.unregister(number)
            waiting.pop(number).close()
    return False


def _places(host: str, port: int, seconds: float) -> "list[tuple[int, int, int, str, tuple[object, ...]]]":
    """Return what the resolver says of `host`; nothing if it doesn't within `seconds`, which nothing else limits."""
    found: list[tuple[int, int, int, str, tuple[object, ...]]] = []
    done = allocate_lock()

    def resolve() -> None:
        try:
            found.extend(getaddrinfo(host[:_LONGEST].encode("idna"), port, 0, SOCK_STREAM))
        except (OSError, UnicodeError):
            pass  # no such host
        done.release()

    done.acquire()
    try:
        start_new_thread(resolve, ())  # left behind if it takes longer
    except RuntimeError:  # a limit of processes
        resolve()
    done.acquire(timeout=seconds)
    return list(found)


def _begun(family: int, address: "tuple[object, ...]") -> "socket | None":
    """Return a connection to `address` that has begun; None if it can't."""
    try:
        connection = socket(family, SOCK_STREAM)
    except OSError:  # no such protocol here
        return None
    connection.setblocking(False)  # noqa: FBT003 - that is its only parameter
    return connection if connection.connect_ex(address) in {0, EINPROGRESS} else None


def _client_hello(*, strict: bool) -> bytes:
    """Return what a client says first."""
    if not strict:
        return PACKET
    import ssl  # noqa: PLC0415 - only for TDS 8

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["tds/8.0"])
    outgoing = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass  # that is where the server's answer would come
    return outgoing.read()
