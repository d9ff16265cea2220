"""Rows: what may become of the folders and files that a node writes to.

Left out: folders that others own or can write to, links and pipes in them, which tests/process/test_hostile.py has;
what the registry and the keys' folder are in a phase in which nobody writes to them; of the commands, all but three
(`phases.SOME_COMMANDS`); of what lasts for a node's whole life, the phases before *up*.
"""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from . import phases
from .matrix import Ends, Fault, GoesOn, each
from .phases import DRAINING, HELD, PREFLIGHT, STARTING, UP
from .rig import GATED, Rig, mount


GROUP = "folders"
ANY = phases.ANY
SMALL = "size=128k,nr_inodes=200,mode=0700"
GARBAGE = b'{"phase": "up", \x00\xff' * 1000
# what runs octo-node with a /tmp of its own that has no room; what is needed of the other one stays where it is
_OWN_TMP = """
for folder in {kept}; do
    mkdir -p /run/faults$folder && mount --rbind $folder /run/faults$folder
done
mount -t tmpfs -o size=64k,nr_inodes=100 faults /tmp
for folder in {kept}; do
    mkdir -p $folder && mount --rbind /run/faults$folder $folder
done
{spoil}
exec "$@"
"""


def _in_memory(*names: str) -> Callable[[Rig], None]:
    """Return what mounts a small file system on the folders `names` of the node."""

    def prepare(rig: Rig) -> None:
        for folder in _folders(rig, names):
            rig.mount(folder, SMALL)

    return prepare


def _folders(rig: Rig, names: Iterable[str]) -> list[Path]:
    return [rig.node.run_dir if name == "run" else rig.node.root / name for name in names]


def _fill(*names: str) -> Callable[[Rig], None]:
    def strike(rig: Rig) -> None:
        for folder in _folders(rig, names):
            with (folder / "filler").open("wb", buffering=0) as file:
                try:
                    while file.write(b"x" * 4096):
                        pass
                except OSError:
                    continue

    return strike


def _empty(*names: str) -> Callable[[Rig], None]:
    def heal(rig: Rig) -> None:
        for folder in _folders(rig, names):
            (folder / "filler").unlink(missing_ok=True)

    return heal


def _remount(mode: str, *names: str) -> Callable[[Rig], None]:
    def strike(rig: Rig) -> None:
        for folder in _folders(rig, names):
            mount("-o", f"remount,{mode}", str(folder))

    return strike


def _both(first: Callable[[Rig], None], second: Callable[[Rig], None]) -> Callable[[Rig], None]:
    def do(rig: Rig) -> None:
        first(rig)
        second(rig)

    return do


def _delete_run_folder(rig: Rig) -> None:
    shutil.rmtree(rig.node.run_dir)


def _garble(rig: Rig) -> None:
    rig.is_garbled = True
    for path in rig.node.run_dir.glob("*.json"):
        path.write_bytes(GARBAGE)


def _without_tmp(spoil: str) -> Callable[[Rig], None]:
    def prepare(rig: Rig) -> None:
        kept = " ".join(
            str(folder) for folder in (rig.folder, Path(GATED[1]).parents[3]) if folder.is_relative_to("/tmp")
        )
        rig.program = ("sh", "-ec", _OWN_TMP.format(kept=kept or "/tmp/none", spoil=spoil), "sh", *rig.program)

    return prepare


CONFIGURATION = ("etc/octopus", "home/octopus/.octopus/OctopusServer/Server")
KEYS = ("masterKey",)
_LIVE = tuple(phase for phase in ANY if phase != HELD)


def _from_the_start(name: str, folders: tuple[str, ...], spoil: Callable[..., Callable[[Rig], None]]) -> Fault:
    """Return the row of folders that can't be written when the node is started, without a master key."""
    said = "The new master key can't be saved" if folders == KEYS else "can't be written by user"
    prepare = _both(_in_memory(*folders), spoil(*folders))
    environ = {"MASTER_KEY": ""}
    return Fault(name, GROUP, {PREFLIGHT: Ends(18, said=said)}, _go_on, prepare, environ=environ, quick=(PREFLIGHT,))


def _go_on(rig: Rig) -> None:
    rig.gate.touch()


def _read_only(*names: str) -> Callable[[Rig], None]:
    return _remount("ro", *names)


FAULTS = (
    Fault("the run folder is full", GROUP, each(ANY, GoesOn()), _fill("run"), _in_memory("run"), _empty("run")),
    Fault(
        "the run folder is read-only",
        GROUP,
        each(ANY, GoesOn()),
        _read_only("run"),
        _in_memory("run"),
        _remount("rw", "run"),
        quick=(STARTING,),
    ),
    Fault("the run folder is deleted", GROUP, each(_LIVE, GoesOn()), _delete_run_folder, quick=(DRAINING,)),
    Fault("state files are garbage", GROUP, each(ANY, GoesOn()), _garble, quick=(UP,)),
    _from_the_start("the configuration's disk is full", CONFIGURATION, _fill),
    _from_the_start("the configuration is read-only", CONFIGURATION, _read_only),
    _from_the_start("the keys' disk is full", KEYS, _fill),
    _from_the_start("the keys' folder is read-only", KEYS, _read_only),
    Fault(
        "the configuration gets read-only",
        GROUP,
        {"`create-instance`": Ends(16, said="Read-only file system")},
        _both(_read_only(*CONFIGURATION), _go_on),
        _in_memory(*CONFIGURATION),
    ),
    Fault(
        "/tmp is full",
        GROUP,
        each(phases.WHOLE_LIFE, GoesOn()),
        prepare=_without_tmp("head -c 1M /dev/zero >/tmp/filler || true"),
    ),
    Fault(
        "/tmp is read-only", GROUP, each(phases.WHOLE_LIFE, GoesOn()), prepare=_without_tmp("mount -o remount,ro /tmp")
    ),
)
