"""What a pod is made of: where octo-node comes from, who it runs as, what is beside it."""

import pytest
from chart import helm


RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 1001,
    "runAsGroup": 0,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
OPENSHIFT = ("--api-versions=security.openshift.io/v1",)


def test_the_makers_image_is_the_default() -> None:
    """An init container of octo-node's own image copies itself to a volume, which the makers' image has read-only."""
    found = helm.render()
    (pod,), (container,) = found.pods, found.containers
    assert container["image"] == "octopusdeploy/octopusdeploy:2026.2"
    assert container["command"] == [helm.PROGRAM, "run"]
    (installer,) = pod["initContainers"]
    assert installer["image"].startswith("octo-node:")
    assert installer["command"] == [helm.PROGRAM, "install", "/target"]
    assert installer["securityContext"] == RESTRICTED
    assert installer["volumeMounts"] == [{"name": "octo-node", "mountPath": "/target"}]
    assert {"name": "octo-node", "emptyDir": {}} in pod["volumes"]
    assert {"name": "octo-node", "mountPath": "/opt/octo-node", "readOnly": True} in container["volumeMounts"]


def test_built_in_or_an_image_volume() -> None:
    """With octo-node in the image nothing is brought; an image volume takes the init container's place."""
    (pod,) = helm.example("built-in").pods
    assert "initContainers" not in pod
    assert "octo-node" not in {volume["name"] for volume in pod["volumes"]}
    found = helm.render(octoNode__imageVolume="true", octoNode__image__repository="registry.example.org/octo-node")
    (pod,), (container,) = found.pods, found.containers
    assert "initContainers" not in pod
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "octo-node"]
    assert volume["image"]["reference"].startswith("registry.example.org/octo-node:")
    assert {"name": "octo-node", "mountPath": "/opt/octo-node", "readOnly": True} in container["volumeMounts"]


def test_octo_nodes_tag() -> None:
    """The chart brings the octo-node that it was made with."""
    from entrypoint import __version__  # noqa: PLC0415 - this test's own

    assert next(helm.render().pods)["initContainers"][0]["image"] == f"octo-node:{__version__}"


@pytest.mark.parametrize(
    ("given", "context"),
    [
        ({}, RESTRICTED),
        ({"octopus.containerSecurityContext": "{}"}, None),
        (
            {"octopus.containerSecurityContext.runAsUser": 999, "octopus.containerSecurityContext.runAsGroup": 999},
            RESTRICTED | {"runAsUser": 999, "runAsGroup": 999},
        ),
        (
            {"octopus.containerSecurityContext.capabilities.add[0]": "NET_RAW"},
            RESTRICTED | {"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}},
        ),
        ({"octopus.enableDockerInDocker": "true"}, {"privileged": True}),
        (
            {
                "octopus.enableDockerInDocker": "true",
                "octopus.containerSecurityContext.seLinuxOptions.type": "container_engine_t",
            },
            {"privileged": True, "seLinuxOptions": {"type": "container_engine_t"}},
        ),
    ],
    ids=str,
)
def test_security_contexts(given: dict[str, object], context: dict[str, object] | None) -> None:
    """What is given is put over the default; `{}` leaves all of it out; with a Docker engine it counts as well."""
    words = [f"--set-json={name}={value}" for name, value in given.items() if value == "{}"]
    if words:  # Helm 3.10 has that option
        given = {}
    assert next(helm.render(*words, **given).containers).get("securityContext") == context


def test_an_empty_pod_security_context() -> None:
    """`{}` is no security context at all, not the chart's."""
    assert "securityContext" not in next(helm.render("--set-json=octopus.podSecurityContext={}").pods)
    assert next(helm.render().pods)["securityContext"]["fsGroup"] == 0


@pytest.mark.parametrize("words", [OPENSHIFT, ("--set=openshift=true",)], ids=["found", "said"])
def test_openshift(words: tuple[str, ...]) -> None:
    """On OpenShift user, group and fsGroup are the cluster's, for SQL Server too; all else stays restricted."""
    mssql = {"mssql.enabled": "true", "mssql.ACCEPT_EULA": "Y", "mssql.SA_PASSWORD": "x"}
    found = helm.render(*words, **mssql)
    specs = [one["spec"]["template"]["spec"] for one in found.of("StatefulSet").values()]
    specs.append(found.of("Pod")["octopus-test"]["spec"])
    for pod in specs:
        assert pod["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            context = container["securityContext"]
            assert not {"runAsUser", "runAsGroup"} & set(context)
            assert (context["runAsNonRoot"], context["allowPrivilegeEscalation"]) == (True, False)
            assert context["capabilities"]["drop"] == ["ALL"]
    assert next(helm.render(*OPENSHIFT, openshift="false").pods)["securityContext"]["fsGroup"] == 0


def test_a_companys_own() -> None:
    """Pull secrets, priority, DNS, sidecars, volumes of any kind, more of the specification: all reach the pod."""
    found = helm.example("company")
    (pod,), (container,) = found.pods, found.containers
    assert pod["imagePullSecrets"] == [{"name": "mirror"}]
    assert (pod["priorityClassName"], pod["runtimeClassName"]) == ("important", "gvisor")
    assert pod["hostAliases"][0]["ip"] == "10.0.0.9"
    assert pod["dnsConfig"]["options"][0]["name"] == "ndots"
    assert [one["name"] for one in pod["initContainers"]] == ["octo-node", "log-shipper"]
    assert [one["name"] for one in pod["containers"]] == ["octopus", "exporter"]
    assert container["envFrom"] == [{"configMapRef": {"name": "octopus-settings"}}]
    assert pod["initContainers"][0]["image"].startswith("registry.example.org/octo-node@sha256:")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["extra-scripts"]["nfs"]["server"] == "nfs.example.org"
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts["/scripts"]["readOnly"]
    assert mounts["/etc/ssh/ssh_known_hosts"]["subPath"] == "ssh_known_hosts"
    assert found.of("HTTPRoute")["octopus"]["spec"]["parentRefs"][0]["name"] == "company"
    assert found.of("ConfigMap")["octopus-settings"]["data"] == {"OCTO_NODE_LOG_FORMAT": "json"}
    rules = found.of("NetworkPolicy")["octopus"]["spec"]["ingress"]
    assert {rule["ports"][0]["port"]: "from" in rule for rule in rules} == {"web": True, "tentacle": False}
    single = found.of("Service")["octopus-0"]["spec"]
    assert (single["externalTrafficPolicy"], single["loadBalancerSourceRanges"]) == ("Local", ["10.0.0.0/8"])


@pytest.mark.parametrize("kind", ["configMap", "secret"])
def test_certificates_of_ones_own(kind: str) -> None:
    """One value mounts a bundle of authorities, and names it as OpenSSL, .NET and Python read it."""
    found = helm.render(
        **{f"octopus.trustedCertificates.{kind}": "company", "octopus.trustedCertificates.key": "root.pem"}
    )
    (pod,), (container,) = found.pods, found.containers
    assert helm.environment(container)["SSL_CERT_FILE"] == "/run/octopus-certificates/ca.crt"
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "certificates"]
    assert volume[kind]["items"] == [{"key": "root.pem", "path": "ca.crt"}]
    assert "SSL_CERT_FILE" not in helm.environment(next(helm.render().containers))


def test_logs_have_no_limit() -> None:
    """A pod is evicted when a limited folder is full, and its tasks are lost: a limit is only set if it is given."""
    given = {"octopus.serverLogVolume.persistent": "false"}

    def volume(**more: object) -> object:
        (pod,) = helm.render(**given | more).pods
        return next(volume["emptyDir"] for volume in pod["volumes"] if volume["name"] == "server-log-volume")

    assert volume() == {}
    assert volume(octopus__serverLogVolume__sizeLimit="1Gi") == {"sizeLimit": "1Gi"}


def test_one_node_needs_one_load_balancer() -> None:
    """With one node the web Service has the Tentacles' port: the node's own Service costs no second address."""
    given = {"octopus.service.type": "LoadBalancer", "octopus.masterKey": helm.KEY}
    for nodes, kinds in ((1, ["ClusterIP"]), (2, ["LoadBalancer"] * 2)):
        services = helm.render(**given | {"octopus.replicaCount": nodes}).of("Service")
        assert services["octopus"]["spec"]["type"] == "LoadBalancer"
        assert [services[f"octopus-{n}"]["spec"]["type"] for n in range(nodes)] == kinds


def test_access_modes() -> None:
    """One value makes all shared volumes ReadWriteMany for good; the master key's stays what it is."""
    for given, mode in (({}, "ReadWriteOnce"), ({"octopus.storageAccessMode": "ReadWriteMany"}, "ReadWriteMany")):
        claims = helm.render(**given).of("PersistentVolumeClaim")
        modes = {name: one["spec"]["accessModes"] for name, one in claims.items()}
        assert modes.pop("master-key-claim") == ["ReadWriteOnce"]
        assert list(modes.values()) == [[mode]] * 4


def test_a_node_that_is_not_ready_holds_up_no_machine() -> None:
    """Where the cluster knows it, such a pod is evicted whatever the budget says."""
    for version, expected in (("1.26.0", None), ("1.27.0", "AlwaysAllow")):
        (budget,) = helm.render(f"--kube-version={version}").of("PodDisruptionBudget").values()
        assert budget["spec"].get("unhealthyPodEvictionPolicy") == expected


def test_messages_name_values() -> None:
    """octo-node is told which value of the chart each variable comes from."""
    text = helm.environment(next(helm.example("ha").containers))["OCTO_NODE_VALUES"] or ""
    named = dict(pair.split("=") for pair in text.split(","))
    assert named["MASTER_KEY"] == "octopus.masterKey"
    assert named["DB_CONNECTION_STRING"] == "octopus.databaseConnectionString"


def test_origin() -> None:
    """Objects say which chart made them; what selects pods, and pods themselves, don't change with its version."""
    found = helm.example("ui-only")
    for one in found.objects:
        labels = one["metadata"]["labels"]
        assert labels["helm.sh/chart"].startswith("octopus-")
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
    for nodes in found.nodes:
        assert "helm.sh/chart" not in nodes["spec"]["template"]["metadata"]["labels"]
