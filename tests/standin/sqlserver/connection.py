"""One client from accept to end."""

from __future__ import annotations

import struct
import sys
import traceback

from . import channel as channels
from . import errors, login, rpc, tokens
from .channel import Channel
from .errors import Cancelled, Disconnected, SqlError
from .interpreter import Interpreter
from .session import Session
from .wire import Reader


TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from .server import Server

TM_BEGIN, TM_COMMIT, TM_ROLLBACK, TM_SAVE = 5, 7, 8, 9


class Connection:
    """Serves a client, in a thread of its own."""

    def __init__(self, server: Server, sock: socket.socket, spid: int) -> None:
        self.server = server
        self.channel = Channel(sock)
        self.channel.spid = spid
        self.spid = spid

    def serve(self) -> None:
        """Log the client in and do what it asks, until it leaves."""
        try:
            session = self._log_in()
        except (Disconnected, Cancelled):
            session = None
        try:
            if session is not None:
                self._answer_all(session)
        except (Disconnected, Cancelled):
            pass
        finally:
            if session is not None:
                self.server.leave(session)
                session.close()
            self.channel.close()
            self.channel.sock.close()

    def _log_in(self) -> Session | None:
        control = self.server.control.keys
        if control.get("drop"):
            return None
        self._stall("prelogin")
        encryption = self._greet(control.get("tls", self.server.tls))
        kind, payload = self.channel.read_message()
        if kind != channels.LOGIN7:
            return None
        if encryption == login.ENCRYPT_OFF:
            self.channel.stop_tls()
        asked = login.read(payload)
        self.server.log(f"{self.spid}: login of {asked.user} to {asked.database or 'its default'}: {asked.application}")
        control = self.server.control.keys
        self._stall("login")
        if control.get("login_delay"):
            self.channel.pause(float(control["login_delay"]))
        return self._admit(asked)

    def _stall(self, place: str) -> None:
        """Fall silent here, or answer slowly from here on, if the control file says so."""
        control = self.server.control.keys
        if control.get("hang") == place:
            self.channel.be_mute()
        self.channel.manner = control.get("manner", {}).get(place, "")

    def _greet(self, tls: str) -> int:
        if self.channel.first_byte() == 0x16:
            if not self.server.speaks_tds8:
                raise Disconnected  # no message of TDS 7 has that type
            self.channel.start_tls(self.server.contexts[1], wrapped=False)
        kind, payload = self.channel.read_message()
        if kind != channels.PRELOGIN:
            raise Disconnected
        if self.channel.tls is not None:
            answer, _ = login.answer_prelogin(login.read_prelogin(payload), "on")
            self.channel.send_message(answer)
            return login.ENCRYPT_ON
        answer, encryption = login.answer_prelogin(login.read_prelogin(payload), tls)
        self.channel.send_message(answer)
        self._stall("tls")
        if encryption != login.ENCRYPT_NOT_SUP:
            self.channel.start_tls(self.server.contexts[0], wrapped=True)
        return encryption

    def _admit(self, asked: login.Login) -> Session | None:
        reply = tokens.Reply(self.server.name)
        try:
            session = self._session(asked)
        except SqlError as error:
            reply.message(error)
            if error.number == 4060:
                reply.message(errors.login_failed(asked.user))
            reply.done(flags=tokens.ERROR)
            self.channel.send_message(reply.finish())
            return None
        size = min(max(asked.packet_size or 4096, 512), 32767)
        login.acknowledge(reply, session, size)
        self.channel.send_message(reply.finish())
        self.channel.packet_size = size
        return session

    def _session(self, asked: login.Login) -> Session:
        refused = self.server.control.login_error()
        if refused:
            raise refused
        if not self.server.accepts(asked):
            raise errors.login_failed(asked.user)
        try:
            session = Session(self.server, self.channel, asked, self.spid)
        except SqlError as error:
            own = error.number != 911 and self.server.control.keys.get("closed", "own") == "own"
            raise error if own else errors.cannot_open(asked.database) from error
        self.server.enter(session)
        return session

    def _answer_all(self, session: Session) -> None:
        while True:
            kind, payload = self.channel.read_message()
            control = self.server.control.keys
            if control.get("drop"):
                return
            if kind != channels.ATTENTION and control.get("hang_match", "").encode("utf-16-le") in payload:
                self._stall("statement")
            reply = tokens.Reply(self.server.name)
            if self.channel.resets:
                self._reset(session, reply)
            try:
                answer = self._answer(session, reply, kind, payload)
            except Cancelled:
                session.statement_ends()
                answer = _attention(self.server.name)
            self.channel.send_message(answer)

    def _reset(self, session: Session, reply: tokens.Reply) -> None:
        if self.channel.resets & channels.RESET:
            session.reset()
        reply.environment(tokens.RESET, b"\x00", b"\x00")

    def _answer(self, session: Session, reply: tokens.Reply, kind: int, payload: bytes) -> bytes:
        if kind == channels.ATTENTION:
            return _attention(self.server.name)
        interpreter = Interpreter(session, reply)
        try:
            body = payload[struct.unpack_from("<I", payload)[0] :]
            if kind == channels.SQL_BATCH:
                self._batch(interpreter, body.decode("utf-16-le"))
            elif kind == channels.RPC:
                self._calls(interpreter, reply, body)
            elif kind == channels.TRANSACTION:
                _manage(session, reply, body)
            else:
                self.channel.close()
        except SqlError as error:
            interpreter.fail(error)
        except (Disconnected, Cancelled):
            raise
        except Exception as error:  # noqa: BLE001 - a fault of the stand-in is told to the client
            traceback.print_exc(file=sys.stderr)
            interpreter.fail(SqlError(50000, f"The stand-in failed: {error!r}", level=20))
        session.statement_ends()
        return reply.finish(tokens.IN_TRANSACTION if session.transaction.depth else 0)

    def _batch(self, interpreter: Interpreter, text: str) -> None:
        self.server.log(f"{self.spid}: {text}")
        self._misbehave(text)
        interpreter.run(text)

    def _calls(self, interpreter: Interpreter, reply: tokens.Reply, body: bytes) -> None:
        for call in rpc.read(body):
            self.server.log(f"{self.spid}: call {call.name} {[argument.value for argument in call.arguments]}")
            prepared = interpreter.session.prepared.get(_handle(call), ("", ""))[1]
            self._misbehave(f"{call.text} {prepared}")
            rpc.run(call, interpreter, reply)

    def _misbehave(self, text: str) -> None:
        control = self.server.control
        delay = control.delay(text)
        if delay:
            self.channel.pause(delay)
        error = control.statement_error(text)
        if error:
            raise error


def _handle(call: rpc.Call) -> int:
    value = call.arguments[0].value if call.name == "sp_execute" and call.arguments else None
    return value if isinstance(value, int) else 0


def _attention(server_name: str) -> bytes:
    reply = tokens.Reply(server_name)
    reply.done(flags=tokens.ATTENTION)
    return reply.finish()


def _manage(session: Session, reply: tokens.Reply, body: bytes) -> None:
    """Do what a transaction manager request asks."""
    reader = Reader(body)
    request = reader.number(2)
    if request == TM_BEGIN:
        session.begin_transaction(reply)
    elif request in (TM_COMMIT, TM_ROLLBACK):
        how = "COMMIT" if request == TM_COMMIT else "ROLLBACK"
        if not session.transaction.depth:
            number = 3902 if how == "COMMIT" else 3903
            raise SqlError(number, f"The {how} TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        session.end_transaction(how, reply)
        reader.take(reader.number(1))
        if not reader.done and reader.number(1) & 1:
            session.begin_transaction(reply)
    elif request != TM_SAVE:
        raise SqlError(3933, "The stand-in has no distributed transactions.")
