"""The probe's parts that need no server: arguments, addresses, words."""

import socket

import pytest

from entrypoint import http_probe


@pytest.mark.parametrize(
    ("words", "parsed"),
    [
        (["startup"], ("startup", 4.0, None)),
        (["readiness", "--timeout", "2.5"], ("readiness", 2.5, None)),
        (["--timeout=1", "liveness"], ("liveness", 1.0, None)),
        (["liveness", "--url=http://node:81"], ("liveness", 4.0, ("http", "node", 81, ""))),
        (["--url", "https://node", "liveness"], ("liveness", 4.0, ("https", "node", 443, ""))),
    ],
)
def test_arguments(words: list[str], parsed: tuple[object, ...]) -> None:
    """Options come before or after the kind, with a space or an equals sign."""
    assert http_probe.parse(words) == parsed


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://node", ("http", "node", 80, "")),
        ("https://node", ("https", "node", 443, "")),
        ("http://node:8080/", ("http", "node", 8080, "")),
        ("http://node:8080/a/b/", ("http", "node", 8080, "/a/b")),
        ("http://[::1]", ("http", "::1", 80, "")),
        ("http://[::1]:8080/a", ("http", "::1", 8080, "/a")),
        ("http://127.0.0.1:1", ("http", "127.0.0.1", 1, "")),
    ],
)
def test_addresses_are_split(url: str, parts: tuple[object, ...]) -> None:
    """Scheme, host, port and path are found, IPv6's brackets included."""
    assert http_probe.split(url) == parts


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://localhost:8080"),
        ({b"OCTO_NODE_WEB_PORT": b"81"}, "http://localhost:81"),
        ({b"OCTO_NODE_WEB_PORT": b""}, "http://localhost:8080"),
        ({b"SSL_CERTIFICATE_FILE": b"/c"}, "https://localhost:443"),
        ({b"SSL_CERTIFICATE_FILE": b"/c", b"HTTPS_PORT": b"8443"}, "https://localhost:8443"),
        ({b"SSL_CERTIFICATE_FILE": b"/c", b"WEB_FORCE_SSL": b"TRUE"}, "https://localhost:443"),
        ({b"SSL_CERTIFICATE_FILE": b"/c", b"WEB_FORCE_SSL": b""}, "https://localhost:443"),
        ({b"SSL_CERTIFICATE_FILE": b"/c", b"WEB_FORCE_SSL": b"False"}, "http://localhost:8080"),
        ({b"SSL_CERTIFICATE_FILE": b"", b"HTTPS_PORT": b"8443"}, "http://localhost:8080"),
    ],
)
def test_where_a_node_answers(environ: dict[bytes, bytes], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By http, but by https where that is the only listener; empty means not set."""
    monkeypatch.setattr(http_probe, "environ", environ)
    assert http_probe.default_url() == url


def test_localhost_is_both_loopbacks_without_a_resolver() -> None:
    """A server on 127.0.0.1 or ::1 is found without /etc/hosts, IPv4 first."""
    assert http_probe.addresses("localhost", 80) == [
        (socket.AF_INET, ("127.0.0.1", 80)),
        (socket.AF_INET6, ("::1", 80)),
    ]


def test_no_answer_has_words() -> None:
    """Each way to get no answer has a reason that a person understands."""
    assert http_probe.no_answer(TimeoutError("timed out"), 4.0) == "no answer within 4 s"
    assert http_probe.no_answer(ConnectionRefusedError(111, "refused"), 4.0) == "no answer (refused)"
    assert http_probe.no_answer(ValueError("the answer isn't HTTP"), 4.0) == "no answer (the answer isn't HTTP)"
    assert http_probe.no_answer(socket.gaierror(-2, "Name or service not known"), 4.0).startswith("no such host (")
