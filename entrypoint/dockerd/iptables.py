"""Which iptables dockerd gets: the kernel's, which is the host's, decides, and so it is only known at the start."""

import errno
import os
import shutil
import subprocess

from entrypoint import variables


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")
NFT, LEGACY = "nft", "legacy"
_NAMES = ("ip_tables_names", "ip6_tables_names", "arp_tables_names")  # tables of the legacy kind, if there are any
_SECONDS = 10
_LATER = {errno.EAGAIN, errno.ENOMEM}  # tells of the container's limits, and nothing of iptables


def kind(environ: "Mapping[str, str]", tables: str = "/proc/net") -> str | None:
    """Return which kind dockerd has to use, NFT or LEGACY; None for what the image calls `iptables`.

    What DOCKER_IPTABLES_LEGACY says isn't questioned. Else it is the first that works here. `tables` is the folder that
    tells which tables there are. Raise OSError if no process can be had to try it.
    """
    wish = variables.value_or_default("DOCKER_IPTABLES_LEGACY", environ)
    if variables.is_yes(wish):
        return LEGACY
    if wish:
        return NFT if shutil.which("iptables-nft", path=environ.get("PATH")) else None
    # rules of both kinds at once hide each other
    first = LEGACY if any(_has_words(f"{tables}/{name}") for name in _NAMES) else None
    if works(environ, first):
        return first
    _run(environ, "modprobe", "nf_tables")
    return next((one for one in (first, NFT, LEGACY) if works(environ, one)), first)


def path_with(environ: "Mapping[str, str]", chosen: str, folder: str) -> str:
    """Return a PATH whose first folder, made in `folder`, has the commands of a kind under their usual names.

    Raise OSError if there are none.
    """
    path = environ.get("PATH", os.defpath)
    first_on_path = f"{folder}/{chosen}"
    os.makedirs(first_on_path, exist_ok=True)
    for command in COMMANDS:
        first, dash, rest = command.partition("-")
        name = f"{first}-{chosen}{dash}{rest}"
        found = shutil.which(name, path=path)
        if found is None:
            raise FileNotFoundError(f"there is no {name} on PATH")
        link = f"{first_on_path}/{command}"
        if not os.path.lexists(link):
            os.symlink(found, link)
    return f"{first_on_path}:{path}"


def version(environ: "Mapping[str, str]") -> str | None:
    """Return what `iptables --version` says; None if there is no iptables."""
    return _run(environ, "iptables", "--version")


def works(environ: "Mapping[str, str]", chosen: str | None = None) -> bool:
    """Return whether the iptables of a kind (None: the image's) can read the kernel's tables."""
    return _run(environ, "iptables" + (f"-{chosen}" if chosen else ""), "-nL") is not None


def _has_words(path: str) -> bool:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return bool(file.read().strip())
    except OSError:
        return False


def _run(environ: "Mapping[str, str]", command: str, argument: str) -> str | None:
    """Return the output of a command that went well, else None. Raise OSError if no process can be had for it."""
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
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        if error.errno in _LATER:
            raise
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None
