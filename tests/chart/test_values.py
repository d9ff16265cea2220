"""What may be given to the chart, and what it says of the rest."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import values
from chart import helm


# of the official chart, 2026.2, and of the first one
OFFICIAL = (
    *("acceptEula", "createSecrets", "masterKey", "databaseConnectionString", "username", "password"),
    *("licenseKeyBase64", "email", "taskCap", "image.repository", "image.tag", "webPort", "tentaclePort", "grpcPort"),
    *("replicaCount", "resources", "enableDockerInDocker", "extraVolumes", "extraEnv"),
    *("serverLogVolume.size", "serverLogVolume.storageClassName"),
    *(
        f"{volume}Volume.{what}"
        for volume in ("packageRepository", "artifact", "taskLog", "auditLog")
        for what in ("size", "storageClassName", "storageAccessMode")
    ),
    *("service.type", "ingress.enabled", "ingress.hosts", "ingress.className", "ingress.tls", "ingress.path"),
    *("ingress.pollingTentacles.enabled", "ingress.pollingTentacles.hostPrefix", "ingress.grpc.tls.secretName"),
    *("statefulSet.annotations", "statefulSet.labels", "pods.annotations", "pods.labels"),
    *("proxy.http", "proxy.https", "proxy.all", "proxy.excludedHostnames"),
    *("tolerations", "topologySpreadConstraints", "serviceAccount.create", "serviceAccount.name"),
    *("serviceAccount.automountServiceAccountToken", "podSecurityContext", "containerSecurityContext"),
    *("serverConfigurationDirectory", "storageClassName"),
)
NAMES = {
    *(f"octopus.{name}" for name in OFFICIAL),
    *("nameOverride", "fullnameOverride", "nodeSelector", "affinity", "dockerHub.login", "dockerHub.creds"),
    *("mssql.enabled", "mssql.ACCEPT_EULA", "mssql.SA_PASSWORD", "global.storageClass"),
    *("mssql-linux.acceptEula.value", "mssql-linux.enabled", "mssql-linux.sapassword"),
}


def leaves(schema: dict[str, Any], definitions: dict[str, Any], above: str = "") -> Iterator[str]:
    """Yield the names of all values that a schema knows, but for those within free maps."""
    for name, part in schema["properties"].items():
        found = definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        if "properties" in found:
            yield from leaves(found, definitions, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def test_schema_knows_each_value() -> None:
    """The schema has the values of values.yaml, and those of other charts that a template refuses."""
    schema = json.loads((values.CHART / "values.schema.json").read_text())
    known = {value.name for value in values.values()} | {"mssql.storageClass"}
    found = set(leaves(schema, schema["definitions"]))
    refused = {name if name in found else name.rpartition(".")[0] for name in helm.SUCCESSORS}
    assert found == known | refused


def test_nothing_is_required() -> None:
    """`--reuse-values` brings the values of an older chart, without those that are new."""
    schema = json.loads((values.CHART / "values.schema.json").read_text())
    assert not list(required(schema["properties"]))


def required(part: object) -> Iterator[str]:
    """Yield what a schema requires, but for entries of lists and free maps, and where it depends on another value."""
    if isinstance(part, dict):
        yield from part.get("required", [])
        for name, below in part.items():
            if name not in {"items", "additionalProperties"}:
                yield from required(below)


def test_values_have_the_official_charts_names() -> None:
    """What the official chart and the first one call a value is called so here."""
    assert {value.name for value in values.values()} >= NAMES


@pytest.mark.parametrize("value", values.values(), ids=lambda value: value.name)
def test_sentences(value: values.Value) -> None:
    """Each value is described by a sentence."""
    assert value.sentence[0].isupper() or value.sentence.startswith("`")
    assert value.sentence.endswith(".")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"octopus.replicaCuont": 2}, "replicaCuont"),
        ({"octopsu.replicaCount": 2}, "octopsu"),
        ({"octopus.artifactVolume.sise": "1Gi"}, "sise"),
        ({"mssql.SA_PASWORD": "x"}, "SA_PASWORD"),
        ({"octopus.extraVolumes.tmp.mountpath": "/tmp"}, "mountpath"),
        ({"octopus.acceptEula": "yes"}, "octopus.acceptEula"),
        ({"octopus.acceptEula": "y"}, "octopus.acceptEula"),
        ({"octopus.webPort": "http"}, "octopus.webPort"),
        ({"octopus.grpcPort": 70000}, "octopus.grpcPort"),
        ({"octopus.taskCap": "ten"}, "octopus.taskCap"),
        *(({"octopus.masterKey": key}, "octopus.masterKey") for key in ("c2hvcnQ=", "A" * 31 + "=", f"{'A' * 42}==")),
        ({"octopus.drain.wait": "10m"}, "octopus.drain.wait"),
        ({"octopus.artifactVolume.storageAccessMode": "ReadWriteAll"}, "octopus.artifactVolume.storageAccessMode"),
        ({"octopus.artifactVolume.size": "ten"}, "octopus.artifactVolume.size"),
        ({"octopus.service.type": "Loadbalancer"}, "octopus.service.type"),
        ({"octopus.secretNames": "{masterkey}"}, "connectionstring"),
        ({"octopus.serverConfigurationDirectory": "home"}, "octopus.serverConfigurationDirectory"),
        ({"octopus.extraEnv[0].nmae": "A"}, "nmae"),
        ({"octopus.extraVolumes.a.type": "persistentVolumeClaim", "octopus.extraVolumes.a.mountPath": "/a"}, "size"),
        ({"octopus.extraVolumes.A_b.type": "emptyDir", "octopus.extraVolumes.A_b.mountPath": "/a"}, "A_b"),
        ({"octopus.podDisruptionBudget.maxUnavailable": ""}, "maxUnavailable"),
        ({"octopus.image.digest": "sha256:12"}, "digest"),
        ({"octopus.extraVolumes.a.mountPath": "/a"}, "octopus.extraVolumes.a says only where it is mounted"),
        ({"openshift": "yes"}, "openshift"),
    ],
    ids=str,
)
def test_typing_errors(given: dict[str, object], says: str) -> None:
    """A name or a value that can't be meant is refused, and named."""
    assert says in helm.refusal(**given)


@pytest.mark.parametrize("key", [f"{'A' * 22}==", f"{'A' * 43}=", f"{'A' * 20}\n{'A' * 23}=\n", ""])
def test_a_master_key_has_16_or_32_bytes(tmp_path: Path, key: str) -> None:
    """Octopus makes keys of 32 bytes since 2024.4; those of 16 stay valid, and `base64` may break the line."""
    (tmp_path / "values.yaml").write_text(json.dumps({"octopus": {"masterKey": key, "databaseConnectionString": "x"}}))
    assert ("octopus-masterkey" in helm.render(f"--values={tmp_path}/values.yaml").of("Secret")) is bool(key)


@pytest.mark.parametrize("given", [{"octopus.replicaCount": 2}, {"octopus.uiOnly.replicaCount": 1}], ids=str)
def test_more_than_one_node_needs_a_master_key(given: dict[str, object]) -> None:
    """Nodes that would each draw a key of their own are refused, with the two ways out; with a key they aren't."""
    own = {"octopus.createSecrets": "false", "octopus.secretNames": "{connectionstring}"}
    for refused in (given, given | own):
        said = helm.refusal(**refused)
        assert "octopus.masterKey is empty, and more than one node needs the same master key" in said
        assert "openssl rand -base64 32" in said
        assert "octopus.existingSecrets.masterkey.name" in said
    assert helm.render(**given | {"octopus.masterKey": helm.KEY}).of("Secret")["octopus-masterkey"]
    assert not helm.render(**given | {"octopus.createSecrets": "false"}).of("Secret")
    beside = {"octopus.extraEnv[0].name": "MASTER_KEY_FILE", "octopus.extraEnv[0].value": "/vault/key"}
    for accepted in ({"octopus.existingSecrets.masterkey.name": "vault"}, beside):
        found = helm.render(**given | accepted)
        assert set(found.of("Secret")) == {"octopus-connectionstring"}
        assert "master-key-claim" not in found.of("PersistentVolumeClaim")


@pytest.mark.parametrize(("words", "given"), [((), {"nameOverride": "octopus-deploy"}), (("--is-upgrade",), {})])
def test_a_key_that_may_be_there_is_not_drawn(words: tuple[str, ...], given: dict[str, object]) -> None:
    """Where a release may have a key, and no cluster can be asked, one node isn't given an empty volume for it."""
    done = helm.template(*words, **given | {"octopus.databaseConnectionString": "x"})
    assert "octopus.masterKey is empty, and the release may have a master key already." in done.stderr
    assert "No cluster could be asked for the Secret octopus-masterkey" in done.stderr
    assert "No Secret octopus-masterkey was found" not in done.stderr
    claim = {"octopus.masterKeyVolume.existingClaim": "master-key-claim"}
    for known in ({"octopus.masterKey": helm.KEY}, claim, {"octopus.existingSecrets.masterkey.name": "vault"}):
        assert helm.render(*words, **given | known).nodes
    assert "master-key-claim" in helm.render().of("PersistentVolumeClaim")  # a new release of one node


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"octopus.databaseConnectionString": ""}, "octopus.databaseConnectionString is empty: give"),
        ({"mssql.enabled": "true"}, "mssql.ACCEPT_EULA isn't Y: read"),
        ({"octopus.ingress.grpc.enabled": "true"}, "octopus.ingress.hosts is empty: name"),
        (
            {
                "octopus.ingress.grpc.enabled": "true",
                "octopus.ingress.grpc.tls.enabled": "true",
                "octopus.ingress.hosts": "{a.example.org}",
            },
            "octopus.ingress.grpc.tls.secretName is empty: name",
        ),
        ({"dockerHub.login": "true"}, "dockerHub.creds is empty: give"),
        ({"octopus.upgradeWait": 700}, "so set it to 780 or more"),
        ({"octopus.webPort": 8443}, "have to differ"),
        ({"octopus.tentaclePort": 8080}, "have to differ"),
        ({"octopus.grpcPort": 10943, "octopus.tentaclePort": 10944}, "have to differ"),
        ({"fullnameOverride": "a" * 53}, "has 53 characters; 52 are possible"),
        (
            {"fullnameOverride": "a" * 50, "octopus.uiOnly.replicaCount": 1, "octopus.masterKey": helm.KEY},
            "has 50 characters; 49 are possible",
        ),
        ({"octopus.httpRoute.enabled": "true"}, "octopus.httpRoute.parentRefs is empty: name"),
        (
            {"octopus.existingSecrets.connectionstring.name": "sql"},
            "octopus.databaseConnectionString and octopus.existingSecrets.connectionstring.name are both set",
        ),
        (
            {"octopus.spec.volumes[0].name": "a"},
            "octopus.spec.volumes isn't taken, because the chart has it already: set octopus.extraVolumes instead.",
        ),
        (
            {"octopus.containers.octopus.spec.env[0].name": "a"},
            "octopus.containers.octopus.spec.env isn't taken, because the chart has it already: set octopus.extraEnv",
        ),
        (
            {"octopus.extraVolumes.a.type": "emptyDir", "octopus.extraVolumes.a.mountPath": "/repository"},
            "octopus.extraVolumes.a is for /repository, where another volume is mounted",
        ),
        (
            {
                "octopus.enableDockerInDocker": "true",
                "octopus.replicaCount": 2,
                "octopus.masterKey": helm.KEY,
                "octopus.extraVolumes.a.type": "persistentVolumeClaim",
                "octopus.extraVolumes.a.mountPath": "/var/lib/docker",
                "octopus.extraVolumes.a.size": "1Gi",
            },
            "octopus.extraVolumes.a would be shared by the Docker engines of all nodes",
        ),
        (
            {"octopus.extraEnv[0].name": "OCTO_NODE_STOP_TIMEOUT", "octopus.extraEnv[0].value": "x"},
            "octopus.extraEnv sets OCTO_NODE_STOP_TIMEOUT, which octopus.stopTimeout is for: set that instead.",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_together(given: dict[str, object], says: str) -> None:
    """Values that can't work together are refused with a finished sentence that names the next step."""
    said = helm.refusal(**given)
    assert says in said
    assert ".\n" in said


def test_variables_that_values_are_for() -> None:
    """No variable that the chart makes of a value can be set beside it; those it only has a default for can."""
    defaults = {"USER", "HOME", "DOTNET_BUNDLE_EXTRACT_BASE_DIR", "OTEL_DOTNET_AUTO_LOG_DIRECTORY", "OCTO_NODE_RUN_DIR"}
    container = next(helm.render(f"--values={Path(__file__).with_name('all.yaml')}").containers)
    made = {name for name in helm.environment(container) if not name.endswith("_FILE")} | {"OCTO_NODE_DRAIN_ON_STOP"}
    for name in made - defaults - {"OCTO_NODE_LOG_FORMAT"}:  # the last is in its extraEnv
        for variable in (name, f"{name}_FILE"):
            assert f"octopus.extraEnv sets {variable}, which " in helm.refusal(**{"octopus.extraEnv[0].name": variable})
    for name in defaults:
        given = {"octopus.extraEnv[0].name": name, "octopus.extraEnv[0].value": "/tmp"}
        assert helm.environment(next(helm.render(**given).containers))[name] == "/tmp"


@pytest.mark.parametrize(
    ("variable", "value", "given"),
    [
        ("DB_CONNECTION_STRING", "databaseConnectionString", helm.CONNECTION),
        ("MASTER_KEY", "masterKey", helm.KEY),
        ("ADMIN_USERNAME", "username", "admin"),
        ("ADMIN_PASSWORD", "password", "S3cret"),
        ("OCTOPUS_SERVER_BASE64_LICENSE", "licenseKeyBase64", "PExpY2Vuc2UvPg=="),
        ("OCTO_NODE_API_KEY", "apiKey", "API-1"),
    ],
)
def test_a_secret_is_given_once(variable: str, value: str, given: str) -> None:
    """A secret that the chart hands on can't be set in extraEnv too: the node would end with 11. Without it, it can."""
    beside = {"octopus.extraEnv[0].name": variable, "octopus.extraEnv[0].value": "x"}
    said = helm.refusal(**beside | {f"octopus.{value}": given})
    assert f"octopus.extraEnv sets {variable}, which octopus.{value} is for: set that instead." in said
    if value != "databaseConnectionString":
        assert variable in helm.environment(next(helm.render(**beside).containers))
    yours = {f"octopus.existingSecrets.{helm.SECRETS[variable]}.name": "vault", "octopus.databaseConnectionString": ""}
    if variable == "DB_CONNECTION_STRING":
        assert "which the Secret vault is for" in helm.refusal(**beside | yours)


def test_the_first_charts_names() -> None:
    """`octopus.replicaCount`, `octopus.storageClassName`, `mssql-linux.acceptEula.value` mean what they meant."""
    found = helm.example("first-chart")
    assert found.nodes[0]["spec"]["replicas"] == 3
    assert found.of("StatefulSet")["mssql"]["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "Y"
    claims = found.of("PersistentVolumeClaim").values()
    assert {claim["spec"]["storageClassName"] for claim in claims} == {"azurefile"}
    assert {mode for claim in claims for mode in claim["spec"]["accessModes"]} == {"ReadWriteMany"}
    on_command_line = {
        "octopus.acceptEula": "Y",
        "octopus.replicaCount": 3,
        "octopus.storageClassName": "azurefile",
        "octopus.licenseKeyBase64": "PExpY2Vuc2UvPg==",
        "mssql-linux.acceptEula.value": "Y",
        "octopus.masterKey": helm.KEY,
        "mssql-linux.sapassword": "N0tS3cr3t!",
        "octopus.databaseConnectionString": "",
    }
    assert helm.render(**on_command_line).objects == found.objects
    del on_command_line["mssql-linux.sapassword"]
    on_command_line["mssql.SA_PASSWORD"] = "N0tS3cr3t!"
    assert set(helm.render(**on_command_line).of("StatefulSet")) == {"octopus", "mssql"}
    assert "mssql" not in helm.render(**{"mssql-linux.acceptEula.value": "Y", "mssql-linux.enabled": "false"}).of(
        "StatefulSet"
    )


def test_empty_values_of_the_official_chart() -> None:
    """Its values.yaml leaves some empty, which is null in YAML."""
    empty = {f"octopus.{name}": "null" for name in ("username", "password", "licenseKeyBase64", "email", "taskCap")}
    more = {"octopus.image.tag": "null", "octopus.proxy.http": "null", "dockerHub.creds": "null"}
    more |= {"octopus.serverConfigurationDirectory": "null", "octopus.extraVolumes": "null"}
    assert helm.render(**empty | more).objects == helm.render().objects
