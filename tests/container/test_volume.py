"""octo-node in a volume, for the makers' image as it is: no Python, no shell, user 1001."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from container import images
from container.containers import Sql, VolumeNode, unique
from container.engine import ask, docker


pytestmark = pytest.mark.timeout(900)  # the first test waits for the images

PROGRAM = VolumeNode.program
HOME = "/Octopus/.octopus/OctopusServer/Server"


def install(image: str, *options: str, check: bool = True) -> tuple[int, str]:
    """Run `octo-node install /target` in a container that can do nothing else; return its exit code and output."""
    confined = ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    done = docker("run", "--rm", *confined, *options, image, "install", "/target", check=check)
    return done.returncode, done.stdout


@pytest.fixture
def volume(own_image: str) -> Iterator[str]:
    """Give a volume with octo-node in it."""
    name = unique("volume")
    install(own_image, "--user=0:0", f"--volume={name}:/target")
    yield name
    docker("volume", "rm", "--force", name)


def test_image_has_nothing_else(own_image: str, tmp_path: Path) -> None:
    """The image has /opt/octo-node, the links that an image volume needs, and what the engine adds."""
    container = ask("create", own_image)
    try:
        docker("export", "--output", str(tmp_path / "image.tar"), container)
    finally:
        docker("rm", container)
    with tarfile.open(tmp_path / "image.tar") as image:
        names = {name.partition("/")[0] for name in image.getnames()}
    links = {"bin", "lib", "licenses", "manifest", "odbc", "packages", "sbom.cdx.json", "var"}
    assert names <= {"opt", *links, ".dockerenv", "dev", "proc", "sys", "etc"}
    assert names >= {"opt", *links}
    config = json.loads(ask("inspect", "--format", "{{json .Config}}", own_image))
    assert (config["User"], config["Entrypoint"], config.get("Volumes")) == ("1001:0", [PROGRAM], None)


@pytest.mark.parametrize("version", images.VERSIONS)
def test_hardened(own_image: str, makers_images: None, volume: str, sql: Sql, network: str, version: str) -> None:
    """A node of each version comes up with the same octo-node, as user 1001, its root and octo-node's read-only."""
    folders = ["/repository", "/artifacts", "/taskLogs", "/cache", "/eventExports", "/diagnostics", "/etc/octopus"]
    mounts = [f"--tmpfs={folder}:uid=1001,gid=0,mode=0700" for folder in (*folders, "/Octopus/.octopus")]
    options = ("--read-only", "--cap-drop=ALL", "--tmpfs=/tmp", *mounts)
    image = f"{images.OCTOPUS}:{version}-hardened"
    with VolumeNode(image, network, volume, options, OCTOPUS_SERVER_CONFIGURATION_DIRECTORY=HOME) as node:
        node.start().wait_up()
        assert version in node.log
        for program in ("sh", "python3"):
            assert docker("exec", node.name, program, "-c", "", check=False).returncode != 0
        assert node.verb("probe", "readiness").stdout.startswith("readiness: yes")
        assert node.verb("check").returncode == 0
        assert node.stop() == 0


def test_any_user_may_install(own_image: str) -> None:
    """What everybody may write to, as an emptyDir, any user fills; a second call as another one finds it whole."""
    name = unique("volume")
    try:
        driver = ("--opt=type=tmpfs", "--opt=device=tmpfs", "--opt=o=mode=0777")
        docker("volume", "create", *driver, name)
        keep = ask("run", "--detach", f"--volume={name}:/target", "--entrypoint=sleep", images.octopus(), "600")
        assert "was copied" in install(own_image, "--user=12345:0", f"--volume={name}:/target")[1]
        assert "is in /target" in install(own_image, "--user=1001:0", f"--volume={name}:/target:ro")[1]
        docker("rm", "--force", keep)
    finally:
        docker("volume", "rm", "--force", name)


REFUSALS = {
    "read-only": ("is mounted read-only", ("--user=0:0", "--tmpfs=/target:ro,mode=0777")),
    "no room": ("has no room for octo-node, which is", ("--tmpfs=/target:size=8m,mode=0777",)),
    "another user's": ("can't be written by user 1001:0", ("--volume=/target",)),
    "not mounted": ("isn't a folder: mount the volume", ()),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_refusals(own_image: str, why: str) -> None:
    """A volume that can't take octo-node ends `install` with 18 and a sentence that says what to do."""
    sentence, options = REFUSALS[why]
    code, said = install(own_image, *options, check=False)
    assert code == 18, said
    assert sentence in said


def test_volumes_from(own_image: str, makers_images: None, sql: Sql, network: str) -> None:
    """With `docker create --volume /opt/octo-node` and `--volumes-from` nothing has to be run to fill a volume."""
    name = unique("octo-node")
    docker("create", "--name", name, "--volume", "/opt/octo-node", own_image)
    try:
        with VolumeNode(images.OCTOPUS, network, "unused") as node:
            node.options = [word for word in node.options if ":/opt/octo-node" not in word]
            node.options.append(f"--volumes-from={name}:ro")
            node.start().wait_up()
            assert node.stop() == 0
    finally:
        docker("rm", "--force", "--volumes", name)


def test_image_volume(own_image: str, tmp_path: Path) -> None:
    """Mounted whole at /opt/octo-node, as Kubernetes mounts an image volume, the image is a tree that runs."""
    container = ask("create", own_image)
    try:
        docker("cp", f"{container}:/", str(tmp_path / "root"))
    finally:
        docker("rm", container)
    mount = f"--volume={tmp_path / 'root'}:/opt/octo-node:ro"
    assert docker("run", "--rm", mount, f"--entrypoint={PROGRAM}", images.bare(), "version").stdout[:10] == "octo-node "
