"""Chooses the iptables for dockerd: it depends on the host's kernel, and so is only known at the start."""

import errno
import os
import select
import shutil
import subprocess
import time

from entrypoint.settings import variables


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")
NFT, LEGACY = "nft", "legacy"
_NAMES = ("ip_tables_names", "ip6_tables_names", "arp_tables_names")  # tables of the legacy kind, if there are any
_SECONDS = 10
_MOST = 4096  # bytes of what one of them prints that are kept: a list of rules may be long
_LATER = {errno.EAGAIN, errno.ENOMEM}  # tells of the container's limits, and nothing of iptables
_MODE = 0o755


class Iptables:
    """The iptables of an environment: `environ` goes to those that are tried, and its PATH tells which there are."""

    def __init__(self, environ: "Mapping[str, str]") -> None:
        self._environ = dict(environ)
        self._search_path = environ.get("PATH", os.defpath)

    def kind(self, wish: str, tables: str = "/proc/net") -> str | None:
        """Return which kind dockerd has to use, NFT or LEGACY; None for what the image calls `iptables`.

        What `wish`, DOCKER_IPTABLES_LEGACY, says isn't questioned. Else it is the first that works here. `tables` is
        the folder that tells which tables there are. Raise OSError if no process can be had to try it.
        """
        if variables.is_yes(wish):
            return LEGACY
        if wish:
            return NFT if shutil.which("iptables-nft", path=self._search_path) else None
        # rules of both kinds at once hide each other
        first = LEGACY if any(_has_words(f"{tables}/{name}") for name in _NAMES) else None
        if self.works(first):
            return first
        self._run("modprobe", "nf_tables")
        return next((one for one in (first, NFT, LEGACY) if self.works(one)), first)

    def path_with(self, chosen: str, folder: str) -> str:
        """Return a PATH whose first folder, made in `folder`, has the commands of a kind under their usual names.

        Raise OSError if there are none.
        """
        first_on_path = f"{folder}/{chosen}"
        for place in (folder, first_on_path):
            os.makedirs(place, exist_ok=True)
            os.chmod(place, _MODE)  # whatever the umask is: dockerd runs as root what is in it
        for command in COMMANDS:
            first, dash, rest = command.partition("-")
            name = f"{first}-{chosen}{dash}{rest}"
            found = shutil.which(name, path=self._search_path)
            if found is None:
                raise FileNotFoundError(f"there is no {name} on PATH")
            link = f"{first_on_path}/{command}"
            if not os.path.lexists(link):
                os.symlink(found, link)
        return f"{first_on_path}:{self._search_path}"

    def on(self, path: str) -> "Iptables":
        """Return those that are found on another PATH."""
        return Iptables({**self._environ, "PATH": path})

    def version(self) -> str | None:
        """Return what `iptables --version` says; None if there is no iptables."""
        return self._run("iptables", "--version")

    def works(self, chosen: str | None = None) -> bool:
        """Return whether the iptables of a kind (None: the image's) can read the kernel's tables."""
        return self._run("iptables" + (f"-{chosen}" if chosen else ""), "-nL") is not None

    def _run(self, command: str, argument: str) -> str | None:
        """Return the output of a command that went well, else None. Raise OSError if no process can be had for it."""
        program = shutil.which(command, path=self._search_path)
        if program is None:
            return None
        try:
            process = subprocess.Popen(
                [program, argument],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            if error.errno in _LATER:
                raise
            return None
        with process:
            said = _said(process, time.monotonic() + _SECONDS)
        return said.decode(errors="replace").strip() if process.returncode == 0 else None


def _said(process: "subprocess.Popen[bytes]", deadline: float) -> bytes:
    """Return the first bytes that `process` prints, once it has ended; it is killed at `deadline` (monotonic)."""
    pipe = process.stdout.fileno() if process.stdout else -1
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    said = b""
    try:
        while poll.poll(max(deadline - time.monotonic(), 0) * 1000):
            chunk = os.read(pipe, _MOST)
            if not chunk:
                process.wait(max(deadline - time.monotonic(), 0))
                break
            said = (said + chunk)[:_MOST]
    except subprocess.TimeoutExpired:
        pass
    process.kill()
    return said


def _has_words(path: str) -> bool:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return bool(file.read().strip())
    except OSError:
        return False
