"""What is put in order before dockerd starts: arguments, cgroups, leftovers, iptables; and whether it can at all."""

import os
import socket
import threading
from pathlib import Path

import pytest
import readings
from processes import wait_until

from entrypoint.base.exitcodes import ExitCode
from entrypoint.dockerd import arguments, cgroups, launcher, stale_files
from entrypoint.dockerd.iptables import Iptables
from entrypoint.init.children import Timers
from entrypoint.prepare.preflight import docker_in_docker


# --- arguments


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("--mtu=1400 --label 'a=b c'", ["--mtu=1400", "--label", "a=b c"]),
        ("-H unix:///run/other.sock", ["-H", "unix:///run/other.sock"]),
        ("-H tcp://0.0.0.0:2376 --tlsverify", ["-H", "tcp://0.0.0.0:2376", "--tlsverify"]),
        ("--host=fd:// --tlsverify=false", ["--host=fd://", "--tlsverify=false"]),
    ],
)
def test_arguments(text: str, words: list[str]) -> None:
    """Arguments are read as a shell reads them."""
    assert arguments.parse(text) == words


@pytest.mark.parametrize(
    "host",
    [
        "-H tcp://0.0.0.0:2375",
        "-H=tcp://:1",
        "-Htcp://:1",
        "-DH tcp://:1",
        "--host tcp://:1",
        "--host=0.0.0.0:1",
        "-H ''",
    ],
)
@pytest.mark.parametrize("more", ["", " --tls", " --tlsverify=false", " --tlsverify --tlsverify=0"])
def test_an_open_port_is_refused(host: str, more: str) -> None:
    """A host that everybody can reach is refused, however it is written, unless it asks for certificates."""
    with pytest.raises(ValueError, match="root on this node: leave that host out, or add --tlsverify"):
        arguments.parse(f"{host}{more}")


def test_an_open_quote_is_refused() -> None:
    """What no shell could read is refused, with the mend."""
    with pytest.raises(ValueError, match=r"can't be read as a command line \(No closing quotation\): close the quote"):
        arguments.parse("--label 'a")


@pytest.mark.parametrize("given", ["--data-root=images", "--data-root=", "--data-root"])
def test_a_data_root_that_is_no_path(given: str) -> None:
    """A data root that isn't a path from / on is refused, and nothing waits for it to exist."""
    with pytest.raises(ValueError, match="give a folder's path"):
        arguments.parse(given)
    assert docker_in_docker.warnings(readings.base(OCTO_NODE_DOCKERD_ARGS=given), overlay=-1) == []


def test_what_is_repeated_of_dockerds_defaults() -> None:
    """In the image only the host is named: an option that is in dockerd's configuration file as well is refused."""
    environ = {"OCTO_NODE_DOCKERD_ARGS": "--data-root /elsewhere"}
    assert launcher.command(readings.base(**environ)) == [
        "dockerd",
        "--host=unix:///var/run/docker.sock",
        "--data-root",
        "/elsewhere",
    ]
    moved = launcher.command(readings.base(**environ, OCTO_NODE_ROOT="/x"))
    assert not [word for word in moved if word.startswith("--data-root=")]


def test_a_long_life_begins_anew() -> None:
    """The pause before a restart doubles up to a minute; for what lived longer than that it begins anew."""
    timers = Timers()
    assert [timers.set_again("dockerd", 0.0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [timers.set_again("dockerd", lived) for lived in (61.0, 60.0)] == [1, 2]


# --- cgroups


def control_group(folder: Path, *, is_writable: bool = True) -> Path:
    """Make a folder with the files of a cgroup v2 root."""
    (folder / "init").mkdir(parents=True)
    (folder / "cgroup.controllers").write_text("cpu memory pids\n")
    (folder / "cgroup.procs").write_text("1\n7\n")
    if not is_writable:
        (folder / "cgroup.subtree_control").mkdir()
    return folder


def member(folder: Path, text: str = "0::/") -> str:
    """Make the file that tells a process's own group."""
    (folder / "own").write_text(f"{text}\n")
    return str(folder / "own")


@pytest.mark.parametrize("own", ["0::/", "0::/init"])
def test_the_root_group_is_emptied_and_its_controllers_handed_down(tmp_path: Path, own: str) -> None:
    """Every process of the root group goes to `init`, then all controllers are enabled below."""
    folder = control_group(tmp_path / "cgroup")
    cgroups.nest(str(folder), member(tmp_path, own))
    assert (folder / "init/cgroup.procs").read_text().split() == ["1", "7"]
    assert (folder / "cgroup.subtree_control").read_text().split() == ["+cpu", "+memory", "+pids"]


def test_it_is_tried_again(tmp_path: Path) -> None:
    """A process that starts in the root group meanwhile is moved in another round."""
    folder = control_group(tmp_path / "cgroup", is_writable=False)
    thread = threading.Thread(target=cgroups.nest, args=(str(folder), member(tmp_path)))
    thread.start()
    moved = folder / "init/cgroup.procs"
    wait_until(lambda: moved.exists() and moved.read_text().count("7") > 1)
    (folder / "cgroup.subtree_control").rmdir()
    thread.join()
    assert (folder / "cgroup.subtree_control").read_text().split() == ["+cpu", "+memory", "+pids"]


def test_it_is_not_tried_for_ever(tmp_path: Path) -> None:
    """A root group that can't be changed is a failure, not a loop."""
    with pytest.raises(OSError, match="subtree_control"):
        cgroups.nest(str(control_group(tmp_path / "cgroup", is_writable=False)), member(tmp_path))


@pytest.mark.parametrize("own", ["0::/pods/abc", "0::/pods/abc/init"])
def test_in_the_hosts_namespace_only_the_own_group_is_touched(tmp_path: Path, own: str) -> None:
    """A privileged pod sees the host's groups: it empties its own, and dockerd's containers go below that."""
    folder = control_group(tmp_path / "cgroup")
    inner = control_group(folder / "pods/abc")
    group = cgroups.nest(str(folder), member(tmp_path, own))
    assert (inner / "init/cgroup.procs").read_text().split() == ["1", "7"]
    assert not (folder / "init/cgroup.procs").exists()
    assert "--cgroup-parent=/pods/abc/docker" in launcher.command(readings.base(), group)
    given = {"OCTO_NODE_DOCKERD_ARGS": "--cgroup-parent=/mine"}
    assert launcher.command(readings.base(**given), group)[-1] == "--cgroup-parent=/mine"


def test_a_group_that_is_not_shown_is_left_alone(tmp_path: Path) -> None:
    """Where our own group isn't among those that are mounted, nobody is moved, and the mend is named."""
    folder = control_group(tmp_path / "cgroup")
    with pytest.raises(OSError, match="--cgroupns=private"):
        cgroups.nest(str(folder), member(tmp_path, "0::/docker/abc"))
    assert not (folder / "init/cgroup.procs").exists()


def test_version_1_needs_nothing(tmp_path: Path) -> None:
    """With cgroup v1 nothing is changed."""
    cgroups.nest(str(tmp_path), "/nowhere")
    assert not list(tmp_path.iterdir())


# --- leftovers


def test_leftovers_of_the_dead_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pid files that name nobody, or somebody else, and deaf sockets go; whatever is alive stays."""
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    Path("docker/containerd").mkdir(parents=True)
    Path("docker.pid").write_text(str(os.getpid()))  # alive, but not dockerd
    Path("docker-ssd.pid").write_text("non\0sense")
    Path("docker/containerd/containerd.pid").write_text("4194305")
    Path("docker/metrics.sock").touch()  # no socket
    with socket.socket(socket.AF_UNIX) as alive, socket.socket(socket.AF_UNIX) as dead:
        alive.bind("docker.sock")
        alive.listen()
        dead.bind("docker/containerd/containerd.sock")
        dead.close()
        removed = {path.removeprefix("./") for path in stale_files.remove(".")}
    pids = {"docker.pid", "docker-ssd.pid", "docker/containerd/containerd.pid"}
    assert removed == pids | {"docker/containerd/containerd.sock"}
    assert Path("docker.sock").exists()
    assert Path("docker/metrics.sock").exists()


# --- iptables


def programs(folder: Path, **scripts: str) -> dict[str, str]:
    """Make programs; return the environment in which they are found, and nothing else."""
    folder.mkdir(exist_ok=True)
    for name, script in scripts.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return {"PATH": str(folder)}


YES, NO = "exit 0", "exit 1"


@pytest.mark.parametrize(
    ("work", "wish", "tables", "kind"),
    [
        ("iptables iptables_nft iptables_legacy", "", "", None),
        ("iptables iptables_nft iptables_legacy", "", "filter", "legacy"),
        ("iptables_legacy", "", "", "legacy"),  # a kernel without nf_tables
        ("iptables_nft", "", "", "nft"),  # one without ip_tables, in an image whose iptables is legacy
        ("iptables_nft", "", "filter", "nft"),
        ("", "", "", None),
        ("", "", "filter", "legacy"),
        ("iptables iptables_nft", "1", "", "legacy"),
        ("iptables_legacy", "N", "filter", "nft"),
    ],
)
def test_which_iptables(tmp_path: Path, work: str, wish: str, tables: str, kind: str | None) -> None:
    """The wish decides, then legacy tables that are there, then what works: what the image has, nft, legacy."""
    scripts = {name: YES if name in work.split() else NO for name in ("iptables", "iptables_nft", "iptables_legacy")}
    environ = programs(tmp_path / "bin", **scripts)
    (tmp_path / "ip_tables_names").write_text(tables)
    assert Iptables(environ).kind(wish, str(tmp_path)) == kind


def test_a_module_is_loaded_first(tmp_path: Path) -> None:
    """Where iptables fails only because its kernel module isn't loaded yet, it is loaded."""
    environ = programs(
        tmp_path / "bin",
        iptables=f"test -e {tmp_path}/nf_tables",
        iptables_legacy=YES,
        modprobe=f'PATH=/bin:/usr/bin; touch "{tmp_path}/$1"',
    )
    assert Iptables(environ).kind("", str(tmp_path)) is None


def test_without_any_iptables(tmp_path: Path) -> None:
    """Where there is no iptables, none is chosen."""
    environ = programs(tmp_path / "bin")
    assert Iptables(environ).kind("", str(tmp_path)) is None
    assert Iptables(environ).kind("N", str(tmp_path)) is None
    assert Iptables(environ).version() is None
    assert not Iptables(environ).works()


@pytest.mark.parametrize("kind", ["nft", "legacy"])
def test_the_chosen_commands_come_first(tmp_path: Path, kind: str) -> None:
    """With the new PATH each usual name is the chosen kind's command; made twice, it is the same."""
    names = [f"{first}_{kind}{rest}" for first in ("iptables", "ip6tables") for rest in ("", "_save", "_restore")]
    environ = programs(tmp_path / "bin", iptables="echo usual", **dict.fromkeys(names, f"echo {kind}"))
    Iptables(environ).path_with(kind, str(tmp_path / "first"))
    path = Iptables(environ).path_with(kind, str(tmp_path / "first"))
    assert path == f"{tmp_path}/first/{kind}:{tmp_path}/bin"
    assert Iptables(environ).version() == "usual"
    assert Iptables(environ).on(path).version() == kind


def test_nobody_else_puts_commands_there(tmp_path: Path) -> None:
    """The folders of the commands that dockerd finds first are their maker's alone to write to, whatever the umask."""
    names = [f"{first}_legacy{rest}" for first in ("iptables", "ip6tables") for rest in ("", "_save", "_restore")]
    environ = programs(tmp_path / "bin", **dict.fromkeys(names, YES))
    before = os.umask(0)
    try:
        Iptables(environ).path_with("legacy", str(tmp_path / "first"))
    finally:
        os.umask(before)
    assert {(tmp_path / place).stat().st_mode & 0o777 for place in ("first", "first/legacy")} == {0o755}


def test_without_legacy_commands(tmp_path: Path) -> None:
    """Where there is no legacy command, that is said."""
    with pytest.raises(OSError, match="there is no iptables-legacy on PATH"):
        Iptables(programs(tmp_path / "bin")).path_with("legacy", str(tmp_path / "first"))


# --- is it possible?


def status(folder: Path, uid: int = 0, capabilities: int = 0x1FFFFFFFFFF) -> str:
    """Make a process's status file."""
    (folder / "status").write_text(f"Name:\tpython3\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nCapEff:\t{capabilities:016x}\n")
    return str(folder / "status")


def test_everything_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    """Who isn't root, has no capability and no cgroups is told all of it at once."""
    environ = programs(tmp_path / "bin", dockerd="")
    ((code, sentence),) = docker_in_docker.problems(readings.base(**environ), status(tmp_path, 999, 0), str(tmp_path))
    assert code == ExitCode.DOCKER_IN_DOCKER
    assert sentence == (
        "Docker-in-Docker isn't possible here, because user 999 isn't root, and the capability CAP_SYS_ADMIN is "
        f"missing, and no cgroups are mounted in {tmp_path}: run the container with --privileged, or set "
        "DISABLE_DIND=Y."
    )


def test_nothing_is_missing(tmp_path: Path) -> None:
    """With root, all capabilities, cgroups and a dockerd it is possible."""
    environ = programs(tmp_path / "bin", dockerd="")
    groups = control_group(tmp_path / "cgroup")
    assert docker_in_docker.problems(readings.base(**environ), status(tmp_path), str(groups)) == []


def test_what_is_off_needs_nothing(tmp_path: Path) -> None:
    """With DISABLE_DIND=Y nothing is looked at, and nothing warned of."""
    environ = {"DISABLE_DIND": "Y", "PATH": "/nowhere"}
    assert docker_in_docker.problems(readings.base(**environ), "/nowhere", "/nowhere") == []
    assert docker_in_docker.warnings(readings.base(**environ)) == []


@pytest.mark.parametrize("moved", [True, False])
def test_images_on_the_containers_own_file_system(tmp_path: Path, *, moved: bool) -> None:
    """Images on overlay are warned of, wherever they are kept; elsewhere they aren't."""
    folder = f"{tmp_path}/images" if moved else f"{tmp_path}/var/lib/docker"
    environ = {"OCTO_NODE_ROOT": str(tmp_path), "OCTO_NODE_DOCKERD_ARGS": f"--data-root={folder}" if moved else ""}
    here = docker_in_docker.file_system(str(tmp_path))
    (warning,) = docker_in_docker.warnings(readings.base(**environ), overlay=here)
    assert warning.startswith(f"{folder} is on overlay")
    assert warning.endswith("Mount a volume there.")
    assert docker_in_docker.warnings(readings.base(**environ), overlay=here + 1) == []
