"""Which certificates are trusted where SQL Server's is checked: those that Octopus.Server trusts, with both drivers.

.NET trusts what SSL_CERT_FILE has, or OpenSSL's own file, and every file in the folders of SSL_CERT_DIR, or in
OpenSSL's own folder (`OpenSslCachedSystemStoreProvider.cs` in https://github.com/dotnet/runtime). OpenSSL itself finds
nothing in a folder whose files aren't named by their hashes, such as a mounted ConfigMap, and GnuTLS, which FreeTDS
has, knows neither variable. So all of it is put into one file without a name, and both drivers are told that one.
"""

import functools
import itertools
import os
import re
from collections.abc import Iterator

from entrypoint.base import files, forked


FILES = (
    "/usr/lib/ssl/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
FOLDER = "/etc/ssl/certs"
SECTION = "octo-node"  # of FreeTDS's configuration: its certificates can be told nowhere else
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_MOST_FILES = 2000  # of a folder
_MOST_BYTES = 3 << 20  # of all of them; `forked` takes 4 MiB as an answer


def certificates(content: bytes) -> list[bytes]:
    """Return the certificates in PEM that `content` has."""
    return _CERTIFICATE.findall(content)


def problem() -> str | None:
    """Return what is wrong with the file that SSL_CERT_FILE names, None if it is fine or none is named."""
    path = os.environ.get("SSL_CERT_FILE")
    if not path:
        return None
    contents, problems = files.read([path])
    found = problems.get(path) or ("" if certificates(contents[path]) else "has no certificate in PEM")
    return f"SSL_CERT_FILE is {path}, but that {found}" if found else None


def trusted(file: str, folders: str) -> bytes:
    """Return all trusted certificates in PEM, each once; what can't be read within its time has none.

    `file` and `folders` are the values of SSL_CERT_FILE and SSL_CERT_DIR, empty where they aren't set.
    """
    paths = [file] if file else [path for path in FILES if os.path.isfile(path)][:1]
    named = [folder for folder in (folders or FOLDER).split(":") if folder]
    contents, _ = files.read(paths)
    try:
        answers = forked.run(_folder, named, files.SECONDS)
    except OSError:
        answers = {}
    found = [*contents.values(), *(answer for answer in answers.values() if answer)]
    return b"".join(each + b"\n" for each in dict.fromkeys(each for content in found for each in certificates(content)))


def _folder(folder: str) -> bytes:
    """Return what the files of a folder have, joined."""
    return b"\n".join(_contents(folder))


def _contents(folder: str) -> Iterator[bytes]:
    left = _MOST_BYTES
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in itertools.islice(entries, _MOST_FILES))
    except OSError:
        return
    for name in names:
        try:
            number = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(number, "rb") as file:
                content = file.read(min(files.MAX_BYTES, left))
        except OSError:
            continue
        left -= len(content)
        yield content


@functools.cache
def bundle() -> tuple[str, bytes]:
    """Return a path that only this process has, of all trusted certificates, and these; OpenSSL is told that path."""
    content = trusted(os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))
    path = _nameless(content)
    os.putenv("SSL_CERT_FILE", path)  # `os.environ` doesn't get to know: it is what is handed on
    os.putenv("SSL_CERT_DIR", os.devnull)
    return path, content


def configure_freetds(host: str, port: int | None, instance: str | None, *, by_name: bool) -> None:
    """Have FreeTDS know a server called SECTION, whose certificate it checks; `by_name`: for that host, too."""
    lines = [
        f"[{SECTION}]",
        f"host = {host}",
        f"instance = {instance}" if port is None and instance is not None else f"port = {port}",
        "tds version = 7.4",
        "encryption = require",
        f"ca file = {bundle()[0]}",
        f"check certificate hostname = {'yes' if by_name else 'no'}",
    ]
    os.putenv("FREETDSCONF", _configuration("\n".join(lines)))


@functools.lru_cache(maxsize=8)
def _configuration(text: str) -> str:
    return _nameless(f"{text}\n".encode())


def _nameless(content: bytes) -> str:
    """Return the path of a new file with `content` that has no name in any folder. Raise OSError."""
    try:
        number = os.memfd_create("octo-node-trust")
    except OSError:  # a seccomp profile that doesn't know it
        number = os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)  # noqa: S108 - it has no name there
    with open(number, "wb", closefd=False) as file:
        file.write(content)
    return f"/proc/self/fd/{number}"
