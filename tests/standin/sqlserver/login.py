"""PRELOGIN and LOGIN7: what the client asks for, and what it is answered."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from . import tokens, wire
from .errors import Disconnected


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .session import Session

ENCRYPT_OFF, ENCRYPT_ON, ENCRYPT_NOT_SUP, ENCRYPT_REQ = range(4)
VERSION = bytes((16, 0)) + struct.pack(">H", 4135)
TDS74 = 0x74000004
# What a client may be answered, by the server's setting and by what the client has sent.
_ENCRYPTION = {
    "off": (ENCRYPT_NOT_SUP, ENCRYPT_NOT_SUP, ENCRYPT_NOT_SUP, ENCRYPT_NOT_SUP),
    "on": (ENCRYPT_OFF, ENCRYPT_ON, ENCRYPT_NOT_SUP, ENCRYPT_ON),
    "required": (ENCRYPT_REQ, ENCRYPT_ON, ENCRYPT_REQ, ENCRYPT_ON),
}


def read_prelogin(data: bytes) -> dict[int, bytes]:
    """A PRELOGIN's options."""
    options = {}
    position = 0
    while position < len(data) and data[position] != 0xFF:
        token, offset, length = struct.unpack_from(">BHH", data, position)
        options[token] = data[offset : offset + length]
        position += 5
    return options


def answer_prelogin(options: dict[int, bytes], tls: str) -> tuple[bytes, int]:
    """The PRELOGIN that answers, and the encryption that both have come to."""
    wanted = options.get(1, bytes([ENCRYPT_NOT_SUP]))[0] & 3
    encryption = _ENCRYPTION[tls][wanted]
    values = [(0, VERSION + b"\0\0"), (1, bytes([encryption])), (2, b"\0"), (3, b""), (4, b"\0")]
    if 6 in options:
        values.append((6, b"\0"))
    offset = 5 * len(values) + 1
    head = b""
    for token, value in values:
        head += struct.pack(">BHH", token, offset, len(value))
        offset += len(value)
    return head + b"\xff" + b"".join(value for _, value in values), encryption


@dataclass(frozen=True)
class Login:
    """What a client says of itself."""

    user: str
    password: str = field(repr=False)
    host: str = ""
    application: str = ""
    database: str = ""
    packet_size: int = 4096
    version: int = TDS74
    features: tuple[int, ...] = ()


def read(data: bytes) -> Login:
    """Read a LOGIN7."""
    try:
        _, version, packet_size = struct.unpack_from("<III", data, 0)
        texts = {}
        for name, place in (("host", 36), ("user", 40), ("password", 44), ("application", 48), ("database", 68)):
            offset, count = struct.unpack_from("<HH", data, place)
            raw = data[offset : offset + 2 * count]
            texts[name] = (_clear(raw) if name == "password" else raw).decode("utf-16-le")
        features = _features(data) if data[27] & 0x10 else ()
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise Disconnected from error
    return Login(packet_size=packet_size, version=version, features=features, **texts)


def _clear(raw: bytes) -> bytes:
    """Undo what is done to the password: nibbles swapped, then XOR 0xA5."""
    return bytes(((byte ^ 0xA5) << 4 | (byte ^ 0xA5) >> 4) & 0xFF for byte in raw)


def _features(data: bytes) -> tuple[int, ...]:
    pointer, _ = struct.unpack_from("<HH", data, 56)
    position = struct.unpack_from("<I", data, pointer)[0]
    found = []
    while data[position] != 0xFF:
        found.append(data[position])
        position += 5 + struct.unpack_from("<I", data, position + 1)[0]
    return tuple(found)


def acknowledge(reply: tokens.Reply, session: Session, packet_size: int) -> None:
    """Tell the client that it is in."""
    login = session.login
    database = session.database.name
    reply.environment(tokens.DATABASE, tokens.short_text(database), tokens.short_text("master"))
    reply.info(5701, f"Changed database context to '{database}'.", state=2)
    reply.environment(tokens.COLLATION, b"\x05" + wire.COLLATION, b"\x00")
    reply.environment(tokens.LANGUAGE, tokens.short_text("us_english"), tokens.short_text(""))
    reply.info(5703, "Changed language setting to us_english.")
    body = b"\x01" + struct.pack(">I", min(login.version, TDS74)) + tokens.short_text("Microsoft SQL Server") + VERSION
    reply.data += b"\xad" + struct.pack("<H", len(body)) + body
    reply.environment(tokens.PACKET_SIZE, tokens.short_text(str(packet_size)), tokens.short_text("4096"))
    if login.features:
        # None of the extensions is there: an acknowledgement of nothing.
        reply.data += b"\xae\xff"
