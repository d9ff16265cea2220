"""Secrets that nothing else looks like, and where they are found again: as they are, and as programs write them."""

import base64
import json
import re
import shlex
import urllib.parse
from collections.abc import Iterable, Iterator


LICENCE = f"<License Signature='canary'><LicensedTo>{'canary-of-the-licence ' * 20}</LicensedTo></License>"
SECRETS = {
    "MASTER_KEY": base64.b64encode(b"canary masterkey").decode(),
    "OCTOPUS_SERVER_BASE64_LICENSE": base64.encodebytes(LICENCE.encode()).decode(),
    "ADMIN_PASSWORD": """canary "of" the $admin's \\\\ `1` ä; x=%2B+/&<y>""",
    "ADMIN_API_KEY": "API-CANARYOFTHEADMIN",
    "OCTO_NODE_API_KEY": "API-CANARYOFTHENODE",
    "IMPORT_PASSWORD": "canary of the import",
    "SSL_CERTIFICATE_PASSWORD": "canary{of}the'certificate",
}
_SPACE = re.compile(rb"\s+|\\n|\\r|\\u000[adAD]")


def written(secret: str) -> dict[str, str]:
    """Return `secret` as programs write it, by the names of the ways."""
    lines = "".join(secret.split())
    forms = {
        "raw": secret,
        "JSON": json.dumps(secret, ensure_ascii=False)[1:-1],
        "JSON in ASCII": json.dumps(secret)[1:-1],
        "address": urllib.parse.quote(secret, safe=""),
        "form": urllib.parse.quote_plus(secret),
        "address as .NET has it": re.sub("%..", lambda code: code[0].lower(), urllib.parse.quote_plus(secret)),
        "shell": shlex.quote(secret),
        "unwrapped": lines,
    }
    for text, name in ((secret, "base64"), (lines, "base64 of it unwrapped")):
        for before in range(3):
            # the characters that don't depend on what stands around it
            encoded = base64.b64encode(bytes(before) + text.encode()).decode().rstrip("=")
            inner = encoded[-(-before * 4 // 3) if before else 0 : (before + len(text.encode())) * 4 // 3]
            forms[f"{name}, {before} before"] = inner
            forms[f"{name}, for addresses, {before} before"] = inner.translate({ord("+"): "-", ord("/"): "_"})
    return forms


def lines_of(secrets: Iterable[str]) -> Iterator[str]:
    """Yield a line with each form of each of the `secrets`, as a program that knows no better prints it."""
    for secret in secrets:
        for name, form in written(secret).items():
            yield from f"{name}: {form}.".splitlines()
        joined = "".join(secret.split())
        for width in (64, 76):
            yield from (joined[begin : begin + width] for begin in range(0, len(joined), width))


def found(content: bytes, secrets: Iterable[str]) -> list[str]:
    """Return which of the `secrets` are in `content`, and how; wrapped by whatever white space is no hiding place."""
    bare = _SPACE.sub(b"", content)
    return [
        f"{secret}: {name}"
        for secret in secrets
        for name, form in written(secret).items()
        if form.encode() in content or _SPACE.sub(b"", form.encode()) in bare
    ]
