"""Values of other charts, as people have them: taken, or refused with the name of their successor."""

import base64
from pathlib import Path

import pytest
import values
import yaml
from chart import helm


HERE = Path(__file__).parent


def file(name: str, **given: object) -> helm.Rendered:
    """Return what a file of values beside this one is rendered to."""
    return helm.render(f"--values={HERE / name}.yaml", **given)


def test_the_official_values_as_they_stand() -> None:
    """`helm show values` of the official chart, saved and edited, is taken, and means what it means there."""
    found = file("official-values", nameOverride="octopus-deploy", octopus__masterKey=helm.KEY)
    (pod,), (container,) = found.pods, found.containers
    assert container["image"] == "octopusdeploy/octopusdeploy:2026.2"
    assert container["securityContext"] == {"privileged": True}
    assert "securityContext" not in pod
    assert pod["serviceAccountName"] == "default"
    assert "DISABLE_DIND" not in helm.environment(container)
    assert {name: one["spec"]["type"] for name, one in found.of("Service").items() if "type" in one["spec"]} == {
        "octopus-octopus-deploy": "NodePort",
        "octopus-deploy-node0": "ClusterIP",
    }
    assert not found.of("Role")


def test_as_people_write_it() -> None:
    """Quoted numbers are numbers, unquoted text is text, and a slash at a path's end is none."""
    found = file("as-written")
    (nodes,), (pod,), (container,) = found.nodes, found.pods, found.containers
    assert nodes["spec"]["replicas"] == 2
    assert container["image"] == "octopusdeploy/octopusdeploy:2026.2"
    assert found.of("Service")["octopus-octopus-deploy"]["spec"]["ports"][0]["port"] == 8081
    assert helm.environment(container)["TASK_CAP"] == "7"
    assert {"TMPDIR", "OCTO_NODE_LOG_FORMAT"} <= set(helm.environment(container))
    claims = found.of("PersistentVolumeClaim")
    sizes = {name: claim["spec"]["resources"]["requests"]["storage"] for name, claim in claims.items()}
    assert sizes["package-repository-claim"] == "107374182400"
    assert sizes["octopus-octopus-deploy-shared-pvc"] == "1073741824"
    assert found.of("PodDisruptionBudget")["octopus-octopus-deploy"]["spec"]["maxUnavailable"] == "50%"
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert pod["shareProcessNamespace"] is False
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts["extra-shared"] == "/shared"
    # where a server whose HOME is /home/octopus keeps git working copies
    assert mounts["extra-git"] == "/home/octopus/.octopus/OctopusServer/Server/Git"
    sql = found.of("StatefulSet")["mssql"]["spec"]
    assert sql["volumeClaimTemplates"][0]["spec"]["storageClassName"] == "standard"
    assert sql["template"]["spec"]["serviceAccountName"] == "sql"
    assert set(found.of("RoleBinding")) == set(found.of("Role")) == {"octopus-octopus-deploy"}
    assert "automountServiceAccountToken" not in pod  # the account's own business


def test_a_folder_of_roots_home_stays_if_root_is_at_home_there() -> None:
    """With `HOME=/root` the official example of a git folder is right as it is."""
    given = {"octopus.extraEnv[0].name": "HOME", "octopus.extraEnv[0].value": "/root"}
    git = "octopus.extraVolumes.git"
    path = "/root/.octopus/OctopusServer/Server/Git"
    found = helm.render(**given | {f"{git}.type": "emptyDir", f"{git}.mountPath": path})
    assert path in {mount["mountPath"] for mount in next(found.containers)["volumeMounts"]}


def test_the_official_names() -> None:
    """One value gives all objects the names of the official chart, and each can still be given another."""
    given = {"octopus.ingress.pollingTentacles.enabled": "true", "octopus.ingress.hosts": "{a.example.org}"}
    given |= {"octopus.masterKey": helm.KEY, "dockerHub.login": "true", "dockerHub.creds": "e30="}
    found = helm.render(nameOverride="octopus-deploy", **given)
    assert set(found.of("Ingress")) == {"octopus-deploy-polling-node0"}
    assert set(found.of("StatefulSet")) == {"octopus-octopus-deploy"}
    assert "dockerhubcreds" in found.of("Secret")
    assert {secret["type"] for secret in found.of("Secret").values()} == {"opaque", "kubernetes.io/dockerconfigjson"}
    other = {"octopus.secretType": "Opaque", "octopus.ingress.pollingTentacles.namePrefix": "poll-"}
    found = helm.render(nameOverride="octopus-deploy", **given | other)
    assert set(found.of("Ingress")) == {"poll-0"}
    assert {secret["type"] for secret in found.of("Secret").values()} == {"Opaque", "kubernetes.io/dockerconfigjson"}


def test_the_official_sql_server() -> None:
    """Under the official names SQL Server's StatefulSet is what it was in all that can't be changed."""
    found = file("as-written", mssql__storageClass="null")
    spec = found.of("StatefulSet")["mssql"]["spec"]
    assert spec["serviceName"] == "octopus-octopus-deploy-mssql"
    assert "podManagementPolicy" not in spec
    assert spec["selector"]["matchLabels"] == {
        "app.kubernetes.io/name": "octopus-deploy",
        "app.kubernetes.io/instance": "octopus",
        "app.kubernetes.io/component": "mssql",
    }
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "mssql"
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}}}
    # nodes of the official chart that still run reach it by this name
    assert found.of("Service")["octopus-octopus-deploy-mssql"]["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("name", helm.SUCCESSORS)
def test_successors(name: str) -> None:
    """A value that isn't taken is refused with the name of what takes its place."""
    found = helm.SUCCESSORS[name]
    instead = found["instead"] if isinstance(found, dict) else found
    said = helm.refusal(**{name: "something"})
    assert f"{name} isn't a value of this chart: set {instead} instead." in said
    known = {value.name for value in values.values()}
    assert any(instead.startswith(value) for value in known) or any(value.startswith(instead) for value in known)


def test_empty_values_of_other_charts() -> None:
    """None of them is refused while it is empty, or at the default that it has there."""
    empty = {name: found["default"] if isinstance(found, dict) else "null" for name, found in helm.SUCCESSORS.items()}
    assert helm.render(**empty).objects == helm.render().objects


def test_an_image_as_one_word() -> None:
    """The first chart's form of an image is refused with both of its successors."""
    said = helm.refusal(octopus__image="octopusdeploy/octopusdeploy:2020.3.1")
    assert "set octopus.image.repository and octopus.image.tag" in said


def test_the_makers_manifests() -> None:
    """Their one volume with four folders is mounted under the names that it has; with a claim of ours, under ours."""

    def folders(found: helm.Rendered) -> dict[str, str]:
        mounts = next(found.containers)["volumeMounts"]
        return {mount["mountPath"]: mount["subPath"] for mount in mounts if mount["name"] == "shared"}

    theirs = helm.example("makers-manifests")
    assert folders(theirs) == {
        "/repository": "repository",
        "/artifacts": "artifacts",
        "/taskLogs": "taskLogs",
        "/eventExports": "eventExports",
    }
    assert not theirs.of("PersistentVolumeClaim").keys() & {"shared-claim", "octopus-storage-claim"}
    assert theirs.nodes[0]["metadata"]["name"] == "octopus"
    ours = folders(helm.example("gke"))
    assert (ours["/taskLogs"], ours["/eventExports"]) == ("task-logs", "event-exports")
    named = helm.example("makers-manifests", octopus__sharedVolume__subPaths__taskLogs="logs")
    assert folders(named)["/taskLogs"] == "logs"


def test_sealed_secrets() -> None:
    """Secrets of any name and keys, from an operator, are mounted as the files that octo-node reads."""
    found = helm.example("gitops")
    assert not found.of("Secret")
    (pod,) = found.pods
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "secrets"]
    mounted = {
        (source["secret"]["name"], item["key"]): item["path"]
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    assert mounted == {
        ("octopus-database", "connectionString"): "connectionstring",
        ("octopus-database", "masterKey"): "masterkey",
        ("octopus-admin", "username"): "adminusername",
        ("octopus-admin", "password"): "adminpassword",
        ("octopus-licence", "base64"): "licensekey",
    }


def test_rendering_twice_is_the_same() -> None:
    """Nothing is drawn without a cluster: Argo CD and Flux see no difference where there is none."""
    for name in helm.EXAMPLES:
        words = ("template", "octopus", str(values.CHART), f"--values={values.CHART / 'examples' / name}.yaml")
        assert helm.run(*words).stdout == helm.run(*words).stdout != ""


def test_older_values_are_enough(tmp_path: Path) -> None:
    """`--reuse-values` puts an older chart's values in place of this one's: what they lack has its default."""
    chart = tmp_path / "octopus"
    helm.copy(chart)
    (chart / "values.yaml").write_text(
        "octopus: {createSecrets: true, image: {repository: octo-node, pullPolicy: Always}}"
    )
    done = helm.run("template", "octopus", str(chart), "--set=octopus.databaseConnectionString=x")
    assert done.returncode == 0, done.stderr
    found = helm.Rendered([one for one in yaml.safe_load_all(done.stdout) if one])
    (pod,), (container,) = found.pods, found.containers
    assert "initContainers" not in pod  # the first version's images had octo-node built in
    assert container["image"] == "octo-node:2026.2"
    assert pod["terminationGracePeriodSeconds"] == 780
    assert base64.b64decode(found.of("Secret")["octopus-connectionstring"]["data"]["secret"]) == b"x"


def test_as_a_dependency(tmp_path: Path) -> None:
    """A chart that depends on this one turns it on and off with `condition: octopus.enabled`."""
    parent = tmp_path / "platform"
    helm.copy(parent / "charts" / "octopus")
    dependency = "{name: octopus, version: '>=0-0', condition: octopus.enabled}"
    (parent / "Chart.yaml").write_text(
        f"apiVersion: v2\nname: platform\nversion: 1.0.0\ndependencies: [{dependency}]\n"
    )
    words = ("template", "octopus", str(parent), "--set=octopus.octopus.databaseConnectionString=x")
    on, off = (helm.run(*words, f"--set=octopus.enabled={word}") for word in ("true", "false"))
    assert on.returncode == off.returncode == 0, on.stderr + off.stderr
    assert "kind: StatefulSet" in on.stdout
    assert "kind: StatefulSet" not in off.stdout
