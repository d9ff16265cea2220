"""Every variable with any bytes: settings, or sentences in which no secret stands."""

import base64
import math

from entrypoint.base.errors import NodeError
from entrypoint.settings import variables
from entrypoint.settings.configuration import Configuration
from entrypoint.settings.environment import Environment

from . import Target, is_sentence, text_of


CANARY = "CANARY-4711"
LICENCE = base64.b64encode(b"<License/>")
GOOD = {
    "ACCEPT_EULA": "Y",
    "DB_CONNECTION_STRING": "Server=db;Database=o;User ID=sa;Password=p",
    "MASTER_KEY": base64.b64encode(bytes(16)).decode(),
}
NAMES = tuple(variables.BY_NAME)
WORDS = (
    *(bytes([0, number]) for number in range(len(NAMES))), b"Y", b"N", b"true", b"0", b"1", b"65536", b"9" * 400,
    b"1.5", b"/", b"API-", b"\xef\xbb\xbf", b"\r", b"\xe2\x80\x9d", b"'", b'"', b"`", b" ", b"\t", b"--data-root=",
    b"--host=tcp://", b"-H", b"--tlsverify", b"configure --a=b", b";", b"path", b"license", b"license,path", b"json",
    b"always", b":9464", b"[::1]:1", b"0.0.0.0:80", b"==", b"\xff", b"\x7f", LICENCE,
    base64.b64encode(b"<!DOCTYPE a [<!ENTITY b 'c'>]><License>&b;</License>"), b"Server=;Password=" + CANARY.encode(),
    CANARY.encode(), b"\\", "²".encode(), "٣".encode(),
)  # fmt: skip
LONGEST = 1e7  # seconds: what a variable may ask for


def given(data: bytes) -> dict[str, str]:
    """Return an environment: after each NUL the number of a variable, then its value."""
    environ = dict(GOOD)
    for part in data.split(b"\0")[1:]:
        if part:
            environ[NAMES[part[0] % len(NAMES)]] = text_of(part[1:])
    return environ


def check(data: bytes) -> None:
    """Read an environment as preflight and process 1 do."""
    check_environment(given(data))


def check_environment(environ: dict[str, str]) -> None:
    """Read `environ`: what is said are sentences, and no secret is in them."""
    configuration = Configuration(Environment(environ))
    said = [*configuration.warnings(), *configuration.described()]
    assert all(is_sentence(sentence) for sentence in configuration.warnings())
    base = configuration.base
    assert 0 <= base.stop_timeout <= LONGEST
    assert 0 <= base.drain_on_stop <= LONGEST
    assert not math.isnan(base.stop_timeout)
    try:
        settings = configuration.settings()
    except NodeError as error:
        assert all(is_sentence(sentence) for sentence in error.sentences), error.sentences
        said += error.sentences
    else:
        said.append(repr(settings))
    hidden = [name for name in variables.SECRETS if CANARY in environ.get(name, "")]
    others = [name for name in environ if name not in variables.SECRETS and CANARY in environ[name]]
    if hidden and not others:
        assert not [sentence for sentence in said if CANARY in sentence], said


TARGETS = (Target("variables", check, WORDS, (b"\0\x01Server=db;Password=" + CANARY.encode(),)),)
