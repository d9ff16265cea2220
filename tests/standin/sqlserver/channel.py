"""A connection's bytes: packets and messages, TLS inside and around them, waiting that notices the client."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import struct
import time

from .errors import Cancelled, Disconnected


SQL_BATCH, RPC, TABULAR, ATTENTION, TRANSACTION, LOGIN7, PRELOGIN = 1, 3, 4, 6, 14, 16, 18
END_OF_MESSAGE = 1
RESET, RESET_KEEPING_TRANSACTION = 0x08, 0x10
HEADER = struct.Struct(">BBHHBB")


class Waker:
    """Lets another thread end a `Channel.pause`."""

    def __init__(self) -> None:
        # The pipe is there before anybody can wait: a wake must not get lost.
        self._reader, self._writer = os.pipe()

    def fileno(self) -> int:
        """The descriptor that becomes readable."""
        return self._reader

    def wake(self) -> None:
        """End the pause."""
        os.write(self._writer, b"!")

    def clear(self) -> None:
        """Forget what has woken it."""
        os.read(self._reader, 4096)

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._reader)
        os.close(self._writer)


class Channel:
    """Reads and writes TDS messages over a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.packet_size = 4096
        self.spid = 0
        self.resets = 0
        self.manner = ""  # how answers are sent: at once; "half", then silence; "trickle", a byte a second
        self.tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._buffer = bytearray()

    def first_byte(self) -> int:
        """Look at the first byte without taking it: TLS comes first under TDS 8."""
        while not self._buffer:
            self._fill()
        return self._buffer[0]

    def read_message(self) -> tuple[int, bytes]:
        """Wait for a whole message."""
        kind, status, payload = self._read_packet()
        self.resets = status & (RESET | RESET_KEEPING_TRANSACTION)
        parts = [payload]
        while not status & END_OF_MESSAGE:
            following, status, payload = self._read_packet()
            if following == ATTENTION:
                return ATTENTION, b""
            parts.append(payload)
        return kind, b"".join(parts)

    def send_message(self, payload: bytes, kind: int = TABULAR) -> None:
        """Send a message in as many packets as it takes."""
        room = self.packet_size - HEADER.size
        packets = []
        for number, start in enumerate(range(0, max(len(payload), 1), room), 1):
            chunk = payload[start : start + room]
            last = END_OF_MESSAGE if start + room >= len(payload) else 0
            size = len(chunk) + HEADER.size
            packets.append(HEADER.pack(kind, last, size, self.spid, number & 0xFF, 0) + chunk)
        self._send(b"".join(packets))

    def pause(self, seconds: float | None, waker: Waker | None = None) -> None:
        """Wait, but not longer than the client does: its attention or its end is raised."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        if waker is not None:
            poll.register(waker.fileno(), select.POLLIN)
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = {number for number, _ in poll.poll(None if left is None else left * 1000)}
            if self.sock.fileno() in ready:
                self._fill()
                self._raise_attention()
            if waker is not None and waker.fileno() in ready:
                waker.clear()
                return
            if left is not None and left <= 0:
                return

    def _raise_attention(self) -> None:
        if len(self._buffer) >= HEADER.size and self._buffer[0] == ATTENTION:
            self._read_packet()
            raise Cancelled

    def _read_packet(self) -> tuple[int, int, bytes]:
        header = self._take(HEADER.size)
        kind, status, length, _, _, _ = HEADER.unpack(header)
        if length < HEADER.size:
            raise Disconnected
        return kind, status, self._take(length - HEADER.size)

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _fill(self) -> None:
        """Receive what there is; with TLS it may turn out to be no data."""
        if self.tls is None:
            self._buffer += self._receive()
        elif not self._decrypt(self.tls):
            self._incoming.write(self._receive())
            self._decrypt(self.tls)

    def _decrypt(self, tls: ssl.SSLObject) -> bool:
        """Take what has been received and not yet read: a handshake's end may have brought data along."""
        before = len(self._buffer)
        try:
            while data := tls.read(65536):
                self._buffer += data
            raise Disconnected
        except ssl.SSLWantReadError:
            return len(self._buffer) > before
        except ssl.SSLError as error:
            raise Disconnected from error

    def _receive(self) -> bytes:
        try:
            received = self.sock.recv(65536)
        except OSError as error:
            raise Disconnected from error
        if not received:
            raise Disconnected
        return received

    def _send(self, data: bytes) -> None:
        if self.tls is not None:
            view = memoryview(data)
            while view:
                view = view[self.tls.write(view) :]
            data = self._outgoing.read()
        try:
            if self.manner == "half":
                self.sock.sendall(data[: len(data) // 2])
                self.be_mute()
            for each in [data[place : place + 1] for place in range(len(data))] if self.manner else [data]:
                self.sock.sendall(each)
                self._wait_a_second()
        except OSError as error:
            raise Disconnected from error

    def be_mute(self) -> None:
        """Answer nothing, an attention included, until the client hangs up, which is raised."""
        while True:
            self._receive()

    def _wait_a_second(self) -> None:
        if self.manner:
            time.sleep(1)

    def start_tls(self, context: ssl.SSLContext, *, wrapped: bool) -> None:
        """Do the handshake, inside prelogin packets or (TDS 8) as it is; everything after it is encrypted."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush_handshake(wrapped=wrapped)
                self._incoming.write(self._handshake_bytes(wrapped=wrapped))
            except ssl.SSLError as error:
                self._flush_handshake(wrapped=wrapped)
                raise Disconnected from error
        self._flush_handshake(wrapped=wrapped)
        self.tls = tls
        if self._buffer:
            self._incoming.write(bytes(self._buffer))
            self._buffer.clear()

    def _flush_handshake(self, *, wrapped: bool) -> None:
        data = self._outgoing.read()
        if data and wrapped:
            self.send_message(data, PRELOGIN)
        elif data:
            self._send(data)

    def _handshake_bytes(self, *, wrapped: bool) -> bytes:
        if wrapped:
            return self._read_packet()[2]
        data = bytes(self._buffer) or self._receive()
        self._buffer.clear()
        return data

    def stop_tls(self) -> None:
        """Go on in the clear, as after a login for which only the password was encrypted."""
        self.tls = None

    def close(self) -> None:
        """End the connection; safe from another thread."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
