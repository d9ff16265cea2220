"""The engine of execution containers: which values give which, and that a sidecar outlives its node."""

import pytest
from chart import helm
from chart.helm import Object
from chart.test_pods import RESTRICTED


IMAGE = {"octopus.containers.engine.image.repository": "registry.example.org/engine"}
SIDECAR = {"octopus.containers.mode": "sidecar"} | IMAGE
ENGINE = {"DISABLE_DIND", "OCTO_NODE_CONTAINERS", "DOCKER_HOST"}
NATIVE, OLDER = "--kube-version=1.29.0", "--kube-version=1.28.9"


def told(container: Object) -> dict[str, str | None]:
    """Return the variables of a container that are about an engine."""
    return {name: value for name, value in helm.environment(container).items() if name in ENGINE}


@pytest.mark.parametrize(
    ("given", "variables", "is_privileged"),
    [
        ({}, {"DISABLE_DIND": "Y"}, False),
        ({"octopus.containers.mode": "none"}, {"DISABLE_DIND": "Y"}, False),
        ({"octopus.enableDockerInDocker": "true"}, {}, True),
        ({"octopus.containers.mode": "privileged"}, {}, True),
        (
            {"octopus.containers.mode": "external", "octopus.containers.host": "tcp://engine:2375"},
            {"OCTO_NODE_CONTAINERS": "external", "DOCKER_HOST": "tcp://engine:2375"},
            False,
        ),
        (SIDECAR, {"OCTO_NODE_CONTAINERS": "external", "DOCKER_HOST": "unix:///run/octo-engine/docker.sock"}, False),
    ],
)
def test_what_a_node_is_told(given: dict[str, str], variables: dict[str, str], *, is_privileged: bool) -> None:
    """Only an engine in the node's own container makes that privileged."""
    (container,) = helm.render(NATIVE, **given).containers
    assert told(container) == variables
    context = container["securityContext"]
    assert context == ({"privileged": True} if is_privileged else RESTRICTED)


def test_a_native_sidecar() -> None:
    """Since Kubernetes 1.29 the engine is an init container that stays, so the kubelet ends it after the node."""
    (pod,) = helm.render(NATIVE, **SIDECAR).pods
    installer, engine = pod["initContainers"]
    assert (installer["name"], engine["name"], engine["restartPolicy"]) == ("octo-node", "engine", "Always")
    assert "lifecycle" not in engine
    assert [container["name"] for container in pod["containers"]] == ["octopus"]


def test_an_older_cluster() -> None:
    """Before that it is a container whose end waits until Octopus.Server's port is closed."""
    (pod,) = helm.render(OLDER, **SIDECAR).pods
    node, engine = pod["containers"]
    assert (node["name"], engine["name"]) == ("octopus", "engine")
    assert "/dev/tcp/127.0.0.1/8080" in engine["lifecycle"]["preStop"]["exec"]["command"][-1]
    assert "restartPolicy" not in engine
    assert [container["name"] for container in pod["initContainers"]] == ["octo-node"]


@pytest.mark.parametrize("version", [NATIVE, OLDER])
def test_what_the_sidecar_has(version: str) -> None:
    """It is the node's user, has the folders that steps see at the same paths, and none with a secret."""
    (pod,) = helm.render(version, **SIDECAR).pods
    node = next(each for each in pod["containers"] if each["name"] == "octopus")
    engine = next(each for each in [*pod["containers"], *pod["initContainers"]] if each["name"] == "engine")
    context = engine["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (RESTRICTED["runAsUser"], RESTRICTED["runAsGroup"])
    assert engine["command"] == [helm.PROGRAM, "init", "--", helm.PROGRAM, "start-dockerd"]
    assert told(engine) == {"OCTO_NODE_CONTAINERS": "rootless"}
    mounts = {(mount["name"], mount["mountPath"]) for mount in engine["volumeMounts"]}
    shared = {(mount["name"], mount["mountPath"]) for mount in node["volumeMounts"]} & mounts
    assert {name for name, _ in shared} == {"home", "configuration", "engine", "octo-node"}
    assert {name for name, _ in mounts - shared} == {"engine-data", "engine-tmp"}
    assert {name for name, _ in mounts} <= {volume["name"] for volume in pod["volumes"]}
    assert "envFrom" not in engine


def test_its_context_can_be_less() -> None:
    """Where a cluster gives an unmasked /proc otherwise, the sidecar needn't be privileged."""
    given = {
        "octopus.containers.engine.securityContext.privileged": "null",
        "octopus.containers.engine.securityContext.procMount": "Unmasked",
        "octopus.containers.engine.securityContext.seccompProfile.type": "Localhost",
        "octopus.containers.engine.securityContext.seccompProfile.localhostProfile": "octo-node.json",
    }
    (pod,) = helm.render(NATIVE, **SIDECAR, **given).pods
    context = pod["initContainers"][-1]["securityContext"]
    assert "privileged" not in context
    assert context["procMount"] == "Unmasked"
    assert context["seccompProfile"] == {"type": "Localhost", "localhostProfile": "octo-node.json"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"octopus.containers.mode": "external"}, "octopus.containers.host is empty: say where the engine listens"),
        (
            {"octopus.containers.mode": "sidecar"},
            "octopus.containers.engine.image.repository is empty: build the image",
        ),
        ({"octopus.containers.host": "tcp://x:1"}, "is for octopus.containers.mode=external, but that is none"),
        (SIDECAR | {"octopus.enableDockerInDocker": "true"}, "and octopus.containers.mode is sidecar: set one of them"),
        (
            {"octopus.extraEnv[0].name": "DOCKER_HOST", "octopus.extraEnv[0].value": "tcp://x:1"},
            "octopus.extraEnv sets DOCKER_HOST, which octopus.containers.host is for",
        ),
    ],
)
def test_contradictions(given: dict[str, str], said: str) -> None:
    """Values that don't fit together are refused, with the next step."""
    done = helm.template(**{"octopus.databaseConnectionString": helm.CONNECTION} | given)
    assert done.returncode
    assert said in done.stderr
