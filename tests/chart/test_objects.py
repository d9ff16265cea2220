"""What the chart renders, for every documented set of values."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import pytest
import readings
from chart import helm
from chart.helm import Object, Rendered

from entrypoint.octopus import commandline
from entrypoint.settings.variables import BY_NAME, SECRETS
from entrypoint.sqlserver import connection_string


FOLDER = "/run/secrets/octopus"
OTHERS = sorted(path.stem for path in Path(__file__).parent.glob("*.yaml"))
# of the server and of .NET, not of octo-node: docs/environment.md passes them on
NOT_OURS = {
    *("USER", "HOME", "DOTNET_BUNDLE_EXTRACT_BASE_DIR", "OTEL_DOTNET_AUTO_LOG_DIRECTORY"),
    *("TMPDIR", "XDG_CACHE_HOME"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"),
}


@pytest.fixture(scope="module", params=[*helm.EXAMPLES, *OTHERS])
def found(request: pytest.FixtureRequest) -> Rendered:
    """Give the objects of an example, or of the values beside this file."""
    if request.param in OTHERS:
        return helm.render(f"--values={Path(__file__).with_name(request.param)}.yaml")
    return helm.example(request.param)


def secrets(found: Rendered) -> Iterator[str]:
    """Yield what the Secrets keep."""
    for secret in found.of("Secret").values():
        yield from (base64.b64decode(value).decode() for value in secret["data"].values())


def secret_files(pod: Object) -> dict[str, str]:
    """Return the files of a pod's Secrets, each with the name of its Secret."""
    volume = next(volume for volume in pod["volumes"] if volume["name"] == "secrets")
    mounted = [source["secret"] for source in volume["projected"]["sources"]]
    return {item["path"]: secret["name"] for secret in mounted for item in secret["items"]}


def validate(one: Object, version: str) -> None:
    """Raise ValidationError for an object that isn't one of this version of Kubernetes."""
    if one["apiVersion"].startswith("gateway.networking.k8s.io/"):
        return  # not Kubernetes' own
    kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("minor", range(25, 38))
def test_versions_of_kubernetes(minor: int) -> None:
    """What is rendered for a version of Kubernetes has no field that this version doesn't know."""
    words = (f"--values={Path(__file__).with_name('all.yaml')}", f"--kube-version=1.{minor}.0")
    for one in helm.render(*words).objects:
        validate(one, f"1.{minor}.0")


def test_objects_are_valid(found: Rendered) -> None:
    """Each object is one of current Kubernetes, without a field that it doesn't know, and has a name of its own."""
    for one in found.objects:
        validate(one, kubernetes_validate.latest_version())
    names = [(one["kind"], one["metadata"]["name"]) for one in found.objects]
    assert len(set(names)) == len(names)


def test_variables_exist(found: Rendered) -> None:
    """octo-node knows each variable of a node's environment, and warns of none."""
    for container in found.containers:
        assert len(helm.environment(container)) == len(container["env"])
        for name in helm.environment(container):
            assert name in NOT_OURS or name in BY_NAME or name.removesuffix("_FILE") in BY_NAME, name
        assert not readings.configuration(
            {name: value or "" for name, value in helm.environment(container).items()}
        ).warnings()


def test_settings_are_accepted(found: Rendered, tmp_path: Path) -> None:
    """octo-node takes a node's environment, with the Secrets' content in the files that it names."""
    users = {"connectionstring": helm.CONNECTION, "masterkey": helm.KEY, "licensekey": "PExpY2Vuc2UvPg=="}
    for pod, container in zip(found.pods, found.containers, strict=True):
        for file, name in secret_files(pod).items():
            made = found.of("Secret").get(name)
            content = base64.b64decode(made["data"]["secret"]).decode() if made else users.get(file, file)
            (tmp_path / file).write_text(content)
        environ = {name: value or "octopus-0" for name, value in helm.environment(container).items()}
        environ = {name: value.replace(FOLDER, str(tmp_path)) for name, value in environ.items()}
        parsed = readings.settings(environ | {"ACCEPT_EULA": "Y"})
        assert parsed.octo_node_upgrade_wait == 1800


def test_secrets_are_files(found: Rendered) -> None:
    """No secret stands in an environment, nor anywhere but in a Secret; each variable names one of their files."""
    others = json.dumps([one for one in found.objects if one["kind"] != "Secret"])
    assert not [secret for secret in secrets(found) if secret != "admin" and secret in others]
    for pod, container in zip(found.pods, found.containers, strict=True):
        environment = helm.environment(container)
        assert not set(environment) & SECRETS
        named = {value for name, value in environment.items() if name.endswith("_FILE") and name not in NOT_OURS}
        assert named == {f"{FOLDER}/{file}" for file in secret_files(pod)}
        assert "DB_CONNECTION_STRING_FILE" in environment


def test_any_password_of_sql_server() -> None:
    """The connection string to the SQL Server beside the nodes has its password, whatever is in it."""
    made = helm.render(f"--values={Path(__file__).with_name('all.yaml')}").of("Secret")["octopus-connectionstring"]
    text = base64.b64decode(made["data"]["secret"]).decode()
    assert connection_string.parse(text).password == 'with;"quotes'


def test_nothing_is_drawn_without_a_cluster() -> None:
    """Without a cluster to look up what there is, each rendering would draw another password: it is refused."""
    without = {"octopus.databaseConnectionString": "", "mssql.enabled": "true", "mssql.ACCEPT_EULA": "Y"}
    said = helm.refusal(**without)
    assert "mssql.SA_PASSWORD is empty, and no cluster can be asked" in said
    assert "mssql.existingSecret.name" in said
    yours = {"mssql.existingSecret.name": "sql", "mssql.existingSecret.key": "sa", "octopus.createSecrets": "false"}
    found = helm.render(**without | yours)
    assert not found.of("Secret")
    container = found.of("StatefulSet")["mssql"]["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "sql", "key": "sa"} in [
        entry.get("valueFrom", {}).get("secretKeyRef") for entry in container["env"]
    ]


def test_no_secrets_are_made() -> None:
    """With `createSecrets: false` no Secret is made, SQL Server's neither."""
    given = {"octopus.createSecrets": "false", "mssql.enabled": "true", "mssql.ACCEPT_EULA": "Y"}
    for text in (helm.CONNECTION, ""):
        assert not helm.render(**given | {"octopus.databaseConnectionString": text}).of("Secret")


def test_made_secrets_are_those_that_are_mounted(found: Rendered) -> None:
    """Each Secret of a node's is made, unless they are the user's."""
    made = {name for name in found.of("Secret") if name != "octopus-sapassword" and "-registry" not in name}
    for pod in found.pods:
        assert set(secret_files(pod).values()) >= made


def test_volumes(found: Rendered) -> None:
    """Each mount has its volume, each volume its claim, and each folder that is written to is mounted once."""
    for nodes, pod, container in zip(found.nodes, found.pods, found.containers, strict=True):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        templates = {claim["metadata"]["name"] for claim in nodes["spec"].get("volumeClaimTemplates", [])}
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        others = [one for one in pod.get("initContainers", []) + pod["containers"] if one != container]
        beside = [mount for one in others for mount in one.get("volumeMounts", [])]
        assert {mount["name"] for mount in beside} <= set(volumes)
        assert len(mounts) == len(container["volumeMounts"])
        assert len(volumes) == len(pod["volumes"])
        engine = {"engine-data", "engine-tmp"} & {mount["name"] for mount in beside}  # a sidecar's own
        assert set(mounts.values()) == (set(volumes) | templates) - engine
        claims = {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in volumes.values()
            if "persistentVolumeClaim" in volume
        }
        assert claims >= set(found.of("PersistentVolumeClaim"))
        assert claims - set(found.of("PersistentVolumeClaim")) <= {"octopus-storage-claim"}
        environ = {name: value or "" for name, value in helm.environment(container).items()}
        paths = readings.paths(**environ)
        written = [*commandline.FOLDERS.values(), paths.registry, paths.home, "/tmp", "/home/octopus"]
        assert set(written) <= set(mounts)
        assert mounts[str(Path(paths.log_file).parent)] == "server-log-volume"


def test_services(found: Rendered) -> None:
    """Services select pods that there are, by ports they have; only a single node's answers before it is ready."""
    containers = list(found.containers)
    ports = {port["name"] for port in containers[0]["ports"]} | {"sql", 1433}
    single = {f"{nodes['metadata']['name']}-{n}" for nodes in found.nodes for n in range(nodes["spec"]["replicas"])}
    for service in found.of("Service").values():
        spec = service["spec"]
        assert {port["targetPort"] for port in spec["ports"]} <= ports
        pod = spec["selector"].get("statefulset.kubernetes.io/pod-name")
        assert pod is None or pod in single
        of_sql = "mssql" in service["metadata"]["name"]
        own_names = pod is not None or (spec.get("clusterIP") == "None" and not of_sql)
        assert bool(spec.get("publishNotReadyAddresses")) == own_names
    for ingress in found.of("Ingress").values():
        for rule in ingress["spec"]["rules"]:
            backend = rule["http"]["paths"][0]["backend"]["service"]
            service = found.of("Service")[backend["name"]]
            assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


def test_each_node_has_its_service() -> None:
    """Polling Tentacles reach every node that runs tasks, on all its ports; the web Service has all nodes."""
    services = helm.example("ui-only").of("Service")
    for n in range(2):
        spec = services[f"octopus-{n}"]["spec"]
        assert spec["selector"] == {"statefulset.kubernetes.io/pod-name": f"octopus-{n}"}
        assert [port["port"] for port in spec["ports"]] == [80, 8080, 10943, 8443]
        assert spec["ports"][-1]["name"] == "grpcs"  # Istio looks into what is called grpc
    labels = [nodes["spec"]["template"]["metadata"]["labels"] for nodes in helm.example("ui-only").nodes]
    # a Tentacle that polls any node would poll one that has nothing for it
    assert [port["port"] for port in services["octopus"]["spec"]["ports"]] == [80, 8443]
    web = services["octopus"]["spec"]["selector"]
    assert [web.items() <= of_pods.items() for of_pods in labels] == [True, True]


def test_selectors(found: Rendered) -> None:
    """A StatefulSet selects its own pods, and no two the same; budget, policy and affinity select the nodes'."""
    labels = [nodes["spec"]["template"]["metadata"]["labels"].items() for nodes in found.nodes]
    for number, nodes in enumerate(found.nodes):
        selector = nodes["spec"]["selector"]["matchLabels"].items()
        assert [selector <= of_pods for of_pods in labels] == [number == other for other in range(len(labels))]
        assert nodes["spec"]["serviceName"] in found.of("Service")
    for budget in found.of("PodDisruptionBudget").values():
        assert all(budget["spec"]["selector"]["matchLabels"].items() <= of_pods for of_pods in labels)
    for name, policy in found.of("NetworkPolicy").items():
        chosen = policy["spec"]["podSelector"]["matchLabels"].items()
        assert all((chosen <= of_pods) == (name != "mssql") for of_pods in labels)


def test_one_version_at_a_time(found: Rendered) -> None:
    """Nodes start together, and none is replaced before somebody says so."""
    for nodes in found.nodes:
        assert nodes["spec"]["podManagementPolicy"] == "Parallel"
        assert nodes["spec"]["updateStrategy"] == {"type": "OnDelete"}


def test_no_token(found: Rendered) -> None:
    """No pod has a token for the cluster."""
    assert not [pod for pod in found.pods if pod.get("automountServiceAccountToken")]
    assert not [account for account in found.of("ServiceAccount").values() if account["automountServiceAccountToken"]]


def test_privileges(found: Rendered) -> None:
    """A node is a plain user with a root that can't be written, unless it runs a Docker engine itself."""
    for container in found.containers:
        context, environ = container["securityContext"], helm.environment(container)
        if environ.get("DISABLE_DIND") == "Y" or environ.get("OCTO_NODE_CONTAINERS") == "external":
            assert context["runAsNonRoot"]
            assert context.get("runAsUser") in {1001, 999, None}  # the chart's, one that was asked for, and OpenShift's
            assert context["readOnlyRootFilesystem"]
            assert context["capabilities"] == {"drop": ["ALL"]}
        else:
            assert context == {"privileged": True}
            assert "/var/lib/docker" in {mount["mountPath"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize("folder", ["/home/octopus", "/Octopus/Octopus"])
def test_a_configuration_directory_may_be_a_folder_that_is_there(folder: str) -> None:
    """A folder is mounted once, also if it is two things."""
    found = helm.render(octopus__serverConfigurationDirectory=folder)
    test_volumes(found)


def test_a_security_context_can_be_loosened() -> None:
    """A part of a security context that is given takes the place of the default, `false` too."""
    found = helm.render(octopus__containerSecurityContext__readOnlyRootFilesystem="false")
    for container in found.containers:
        assert container["securityContext"]["readOnlyRootFilesystem"] is False
        assert container["securityContext"]["runAsNonRoot"] is True


def test_ui_only_nodes() -> None:
    """Nodes for the web portal run no task, and are told by their name."""
    tasks, ui = helm.example("ui-only").nodes
    assert ui["metadata"]["name"] == "octopus-ui"
    caps = [helm.environment(container)["TASK_CAP"] for container in helm.example("ui-only").containers]
    assert caps == ["20", "0"]
    assert ui["spec"]["template"]["spec"]["volumes"] == tasks["spec"]["template"]["spec"]["volumes"]


def test_drawn_master_key() -> None:
    """A node that may have to draw the master key has a volume to keep it on, which an uninstall leaves."""
    claims = helm.example("single").of("PersistentVolumeClaim")
    assert claims["master-key-claim"]["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert "master-key-claim" not in helm.example("ha").of("PersistentVolumeClaim")
    own = {"octopus.createSecrets": "false", "octopus.secretNames": "{connectionstring}"}
    assert "master-key-claim" in helm.render(**own).of("PersistentVolumeClaim")


def test_data_outlives_a_release(found: Rendered) -> None:
    """`helm uninstall` leaves the volumes and the master key."""
    kept = [*found.of("PersistentVolumeClaim").values()]
    kept += [secret for name, secret in found.of("Secret").items() if name.endswith("-masterkey")]
    assert {one["metadata"]["annotations"]["helm.sh/resource-policy"] for one in kept} == {"keep"}


def test_moving_from_the_official_chart() -> None:
    """Under its names a release keeps its claims, its Secrets and its Services: else Helm would delete them."""
    found = helm.example("official-chart")
    claims = {"package-repository-claim", "artifacts-claim", "task-log-claim", "audit-log-claim"}
    assert set(found.of("PersistentVolumeClaim")) == claims
    assert {"octopus-connectionstring", "octopus-masterkey", "octopus-licensekey"} == set(found.of("Secret"))
    services = set(found.of("Service"))
    assert {"octopus-octopus-deploy", "octopus-deploy-node0", "octopus-deploy-node1"} <= services
    assert found.nodes[0]["metadata"]["name"] == "octopus-octopus-deploy"
    templates = found.nodes[0]["spec"]["volumeClaimTemplates"]
    assert [claim["metadata"]["name"] for claim in templates] == ["server-log-volume"]
    # so that the new StatefulSet takes the old one's pods over
    assert found.nodes[0]["spec"]["selector"]["matchLabels"] == {
        "app.kubernetes.io/name": "octopus-deploy",
        "app.kubernetes.io/instance": "octopus",
        "app.kubernetes.io/component": "octopus-server",
    }
