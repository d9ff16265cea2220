"""Which iptables dockerd gets: the kernel's, which is the host's, decides, and so it is only known at the start."""

import os
import shutil
import subprocess

from entrypoint import variables


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")
_NAMES = ("ip_tables_names", "ip6_tables_names", "arp_tables_names")  # tables of the legacy kind, if there are any
_SECONDS = 10


def is_legacy(environ: "Mapping[str, str]", tables: str = "/proc/net") -> bool:
    """Return whether dockerd has to use iptables-legacy; `tables` is the folder that tells which tables there are."""
    wish = variables.value_or_default("DOCKER_IPTABLES_LEGACY", environ)
    if wish:
        return variables.is_yes(wish)
    if any(_has_words(f"{tables}/{name}") for name in _NAMES):
        return True  # rules of both kinds at once hide each other
    if _works(environ):
        return False
    _run(environ, "modprobe", "nf_tables")
    return shutil.which("iptables", path=environ.get("PATH")) is not None and not _works(environ)


def path_with_legacy(environ: "Mapping[str, str]", folder: str) -> str:
    """Return a PATH whose first folder, made as `folder`, has the legacy commands under their usual names.

    Raise OSError if there are none.
    """
    path = environ.get("PATH", os.defpath)
    os.makedirs(folder, exist_ok=True)
    for command in COMMANDS:
        first, dash, rest = command.partition("-")
        legacy = shutil.which(f"{first}-legacy{dash}{rest}", path=path)
        if legacy is None:
            raise FileNotFoundError(f"there is no {first}-legacy{dash}{rest} on PATH")
        link = f"{folder}/{command}"
        if not os.path.lexists(link):
            os.symlink(legacy, link)
    return f"{folder}:{path}"


def version(environ: "Mapping[str, str]") -> str | None:
    """Return what `iptables --version` says; None if there is no iptables."""
    return _run(environ, "iptables", "--version")


def _has_words(path: str) -> bool:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return bool(file.read().strip())
    except OSError:
        return False


def _works(environ: "Mapping[str, str]") -> bool:
    return _run(environ, "iptables", "-nL") is not None


def _run(environ: "Mapping[str, str]", command: str, argument: str) -> str | None:
    """Return the output of a command that went well, else None."""
    program = shutil.which(command, path=environ.get("PATH", os.defpath))
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, argument],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None
