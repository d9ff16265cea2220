"""Until when a certificate is valid: of a PEM or DER file, or of a server that answers by TLS.

Python's ssl reads certificates, but tells the dates only of those that it has verified. What is needed of X.509
(RFC 5280, section 4.1) is one field, so it is read here.
"""

import datetime
import socket
import ssl

from entrypoint.base import forked


_SEQUENCE, _VERSION, _UTC, _GENERAL = 0x30, 0xA0, 0x17, 0x18
_BEGIN = b"-----BEGIN CERTIFICATE-----"


class NoCertificateError(ValueError):
    """These bytes are no certificate, or one whose dates can't be read."""


def of_file(content: bytes) -> datetime.datetime:
    """Return when the first certificate in a PEM or DER file ends. Raise NoCertificateError if there is none."""
    if _BEGIN in content:
        text = content[content.index(_BEGIN) :].partition(b"-----END")[0] + b"-----END CERTIFICATE-----\n"
        try:
            content = ssl.PEM_cert_to_DER_cert(text.decode("ascii"))
        except ValueError as error:
            raise NoCertificateError(str(error)) from error
    return not_after(content)


def of_server(port: int, seconds: float) -> datetime.datetime:
    """Return when the certificate ends with which this host answers on `port`, within `seconds` in all.

    Raise OSError or NoCertificateError.
    """
    return not_after(forked.run(_certificate_of, [str(port)], seconds)[str(port)] or b"")


def _certificate_of(port: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        _connection(int(port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        return encrypted.getpeercert(binary_form=True) or b""


def _connection(port: int) -> socket.socket:
    """Return a connection to this host; the resolver isn't asked."""
    try:
        return socket.create_connection(("127.0.0.1", port))
    except OSError:
        return socket.create_connection(("::1", port))


def not_after(der: bytes) -> datetime.datetime:
    """Return the end of the validity of a certificate. Raise NoCertificateError if it can't be read."""
    try:
        certificate, _ = _part(der, _SEQUENCE)
        rest, _ = _part(certificate, _SEQUENCE)
        if rest[0] == _VERSION:
            _, rest = _part(rest)
        for _ in range(3):  # serial number, signature, issuer
            _, rest = _part(rest)
        validity, _ = _part(rest, _SEQUENCE)
        _, ends = _part(validity)
        text, _ = _part(ends)
        form = {_UTC: "%y%m%d%H%M%SZ", _GENERAL: "%Y%m%d%H%M%SZ"}[ends[0]]
        return datetime.datetime.strptime(text.decode("ascii"), form).replace(tzinfo=datetime.UTC)
    except (IndexError, KeyError, ValueError) as error:
        raise NoCertificateError("the dates of the certificate can't be read") from error


def _part(data: bytes, tag: int | None = None) -> tuple[bytes, bytes]:
    """Return the content of the first element of `data`, and what follows it. Raise IndexError or ValueError."""
    if tag is not None and data[0] != tag:
        raise ValueError("another element was expected")
    size, begin = data[1], 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(data[2:begin], "big")
    if len(data) < begin + size:
        raise ValueError("the element is cut off")
    return data[begin : begin + size], data[begin + size :]
