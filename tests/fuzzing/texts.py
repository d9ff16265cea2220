"""Texts of others: licences, versions, certificates, and what commands print."""

import base64
import contextlib
import datetime

from entrypoint.base import redact
from entrypoint.check import certificate
from entrypoint.node.server_command import Mask
from entrypoint.octopus import command_output, server_refusals, version
from entrypoint.octopus.command_output import CommandOutput
from entrypoint.octopus.command_runner import CommandError
from entrypoint.settings import parsers, variables

from . import Target, text_of


SECRETS = ("hunter2-CANARY", "pass;word-1", "API-CANARY4711")
FORMS = redact.forms([*SECRETS, f"Server=db;Password='{SECRETS[1]}'"])
PIECES = 8  # that a stream with secrets comes in
LICENCE = variables.BY_NAME["OCTOPUS_SERVER_BASE64_LICENSE"]
LONGEST_LINE = command_output.MAX_LINE + len(" ...")


def check_licence(data: bytes) -> None:
    """Take a licence, or refuse it with a sentence; and tell when a certificate ends, or that it is none."""
    with contextlib.suppress(certificate.NoCertificateError):
        assert isinstance(certificate.of_file(data), datetime.datetime)
    for text in (base64.b64encode(data).decode(), text_of(data)):
        try:
            parsers.parse(LICENCE, text)
        except ValueError as error:
            assert str(error).startswith(LICENCE.name)
            assert str(error).endswith(".")


def check_version(data: bytes) -> None:
    """Find a version in a text, which is one when it is written again; all can be put in order."""
    text = text_of(data)
    found = [one for one in (version.parse(text), version.find(text)) if one is not None]
    for one in found:
        assert str(one) in text
        assert version.parse(str(one)) == one
        version.is_too_new(one, found[0])
    parts = [part for word in text.split("\n") if (part := version.parse(word))]
    assert sorted(sorted(parts, reverse=True)) == sorted(parts)


def check_output(data: bytes) -> None:
    """Read a command's output in whatever pieces it comes: the same lines, none too long, whatever is in them."""
    size = max(data[0] + 1 if data else 1, len(data) // (8 * PIECES))
    whole, pieces = CommandOutput(), CommandOutput()
    told = [*whole.take(data), *whole.finish()]
    parts = (data[begin : begin + size] for begin in range(0, len(data), size))
    assert told == [*(line for part in parts for line in pieces.take(part)), *pieces.finish()]
    assert str(whole) == str(pieces)
    assert all(len(line) <= LONGEST_LINE and "\n" not in line for line in told)
    tail = command_output.summary(str(whole))
    assert len(tail.splitlines()) <= command_output.TOLD + 1
    for verb in ("database", "configure"):
        error = server_refusals.explain(CommandError(f"{verb} failed.\n{tail}", str(whole)), verb)
        assert str(error)
    version.find(str(whole))
    _check_mask(data)


def _check_mask(data: bytes) -> None:
    """Mask a stream with secrets in it, cut wherever: the same as masked at once, and no secret is left."""
    size = max(data[0] % 16 + 1 if data else 1, len(data) // PIECES)
    text = text_of(data)
    masked = redact.mask(text, FORMS)
    assert not [secret for secret in FORMS if secret in masked]
    mask = Mask(FORMS)
    shown = b"".join([*(mask.take(data[begin : begin + size]) for begin in range(0, len(data), size)), mask.rest()])
    assert not [secret for secret in FORMS if secret.encode() in shown]
    redact.passwords(text)


def _element(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content


_VALIDITY = _element(0x30, _element(0x17, b"200101000000Z") + _element(0x18, b"20300101000000Z"))
CERTIFICATE = _element(0x30, _element(0x30, _element(2, b"1") + _element(0x30, b"") * 2 + _VALIDITY))
LICENCE_WORDS = (
    b"<License>", b"</License>", b"<Licence/>", b"<?xml version='1.0' encoding='", b"utf-16", b"utf-32", b"cp037",
    b"klingon", b"idna", b"rot13", b"base64", b"unicode_escape", b"'?>", b"<!DOCTYPE a [", b"<!ENTITY b '", b"SYSTEM",
    b"'>", b"]>", b"&b;", b"<a>", b"</a>", b"\0", b"\xff\xfe", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"&#0;",
    b"xmlns:a='b'", b"-----BEGIN CERTIFICATE-----", b"-----END", b"\n", b"\x30\x80", b"\x30\xff", b"\xa0\x00",
)  # fmt: skip
VERSION_WORDS = (
    b"2026.2.197", b"v", b".", b"-", b"+", b"hotfix", b"0", b"9" * 50, b"9" * 5000, "\u00b2".encode(),
    "\u0663".encode(), b"\n", b" ", b"\0",
)  # fmt: skip
OUTPUT_WORDS = (
    b"\n", b"\r\n", b"\r", b"\x0b", b"\x1b[31m", b"\x1b]0;x\x07", b"\x1b", b"System.Exception: ", b"   at X.Y()",
    b" ---> ", b"--- End", b"a license is required", b"PASS", b"unexpected upgrade history", b"\xef\xbb\xbf", b"\xff",
    b"\0", b"x" * 4000, "\u2028".encode(), "\x85".encode(), b"2026.2.197", b"\x0c", b"\x1c",
    *(secret.encode() for secret in SECRETS), b"password", b"PWD", b"=", b" ", b";", b"'", b'"', b"''", b"{", b"}",
    b"}}", b"hunter2", b"-CANARY", b"pass;", b"word-1", b"\xc3", "\u0130".encode(),
)  # fmt: skip
TARGETS = (
    Target(
        "licences",
        check_licence,
        LICENCE_WORDS,
        (b"<License/>", b"<?xml version='1.0' encoding='utf-16'?><License/>", CERTIFICATE),
    ),
    Target(
        "versions",
        check_version,
        VERSION_WORDS,
        (
            b"2025.3.1-hotfix.1",
            b"Octopus Server 2026.2.197 (2026.2.197+abc) .NET 8.0.1",
            b"1.2\n1.2.3-a\n1.2.3-1\n2.0.0",
        ),
    ),
    Target(
        "command-output",
        check_output,
        OUTPUT_WORDS,
        (
            b"System.InvalidOperationException: it is broken\n   at A.B()\n ---> C.DException: x\n   at E.F()\n",
            b"\x03Password='pass;word-1';x=hunter2-CANARY\npwd = {a}}b};c",
        ),
    ),
)
