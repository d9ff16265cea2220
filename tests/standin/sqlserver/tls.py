"""The server's certificate and TLS settings."""

from __future__ import annotations

import ssl
import subprocess


TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def context(data: Path) -> ssl.SSLContext:
    """Use the data folder's certificate, making a self-signed one if it has none."""
    certificate, key = data / "server.crt", data / "server.key"
    if not key.exists() or not certificate.exists():
        _make(certificate, key)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Before TDS 8 the handshake travels in prelogin packets; TLS 1.3 would send tickets after its end.
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_TICKET
    made.load_cert_chain(certificate, key)
    return made


def strict(data: Path) -> ssl.SSLContext:
    """Settings for TDS 8, where TLS is around everything."""
    made = context(data)
    made.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    made.set_alpn_protocols(["tds/8.0"])
    return made


def _make(certificate: Path, key: Path) -> None:
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650"]
    command += ["-subj", "/CN=localhost", "-addext", names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
