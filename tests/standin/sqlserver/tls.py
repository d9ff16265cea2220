"""The server's certificate and TLS settings."""

from __future__ import annotations

import ssl
import subprocess


TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

# 1.0 is what SQL Server up to 2014 had without its updates: https://support.microsoft.com/kb/3135244
VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.2": ssl.TLSVersion.TLSv1_2}


def prepare(data: Path, name: str) -> None:
    """Note for which host the certificate is, if one has to be made."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "server.name").write_text(name)


def context(data: Path, version: str) -> ssl.SSLContext:
    """Use the data folder's certificate, making a self-signed one if it has none."""
    certificate, key = data / "server.crt", data / "server.key"
    if not key.exists() or not certificate.exists():
        _make(certificate, key, (data / "server.name").read_text())
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Before TDS 8 the handshake travels in prelogin packets; TLS 1.3 would send tickets after its end.
    made.minimum_version = made.maximum_version = VERSIONS[version]
    made.options |= ssl.OP_NO_TICKET
    if version != "1.2":
        made.set_ciphers("ALL:@SECLEVEL=0")
    made.load_cert_chain(certificate, key)
    return made


def strict(data: Path, _version: str) -> ssl.SSLContext:
    """Settings for TDS 8, where TLS is around everything."""
    made = context(data, "1.2")
    made.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    made.set_alpn_protocols(["tds/8.0"])
    return made


def _make(certificate: Path, key: Path, name: str) -> None:
    names = f"subjectAltName=DNS:{name}" + (",IP:127.0.0.1" if name == "localhost" else "")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650"]
    command += ["-subj", f"/CN={name}", "-addext", names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
