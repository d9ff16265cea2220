"""What people give means what they wrote: numbers, labels, users, other programs' text; and `helm test` can work."""

import json
from pathlib import Path

from chart import helm
from chart.helm import Object, Rendered


def file(folder: Path, octopus: Object, **more: object) -> str:
    """Return the option for a file of its own with these values."""
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps({"octopus": {"databaseConnectionString": "x", "masterKey": helm.KEY} | octopus} | more))
    return f"--values={path}"


def given(folder: Path, octopus: Object, **more: object) -> Rendered:
    """Return what values are rendered to."""
    return helm.render(file(folder, octopus, **more))


def pod_of_test(found: Rendered) -> Object:
    """Return the pod of `helm test`."""
    return found.of("Pod")["octopus-test"]


def test_zero_and_false_are_values(tmp_path: Path) -> None:
    """A variable may be 0 or false without quotes; null is empty."""
    variables = {"A": 0, "B": False, "C": None, "D": 1.5}
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    found = helm.environment(next(given(tmp_path, {"extraEnv": environment}).containers))
    assert [found[name] for name in variables] == ["0", "false", "", "1.5"]


def test_a_home_from_elsewhere(tmp_path: Path) -> None:
    """Where HOME comes from a ConfigMap, the path of a volume in it stays as it is written."""
    home = {"name": "HOME", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}
    path = "/root/.octopus/OctopusServer/Server/Git"
    git = {"git": {"type": "emptyDir", "mountPath": path}}
    mounts = next(given(tmp_path, {"extraEnv": [home], "extraVolumes": git}).containers)["volumeMounts"]
    assert path in {mount["mountPath"] for mount in mounts}


def test_labels_and_annotations_are_text(tmp_path: Path) -> None:
    """Numbers and booleans without quotes reach Kubernetes as text, which it asks for."""
    numbers = {"port": 9464, "scrape": True, "size": 1073741824}
    both = {"annotations": numbers, "labels": numbers}
    octopus: Object = {"pods": both, "statefulSet": both, "service": {"annotations": numbers}, "serviceAccount": both}
    octopus["ingress"] = {"enabled": True, "hosts": ["a.example.org"], "annotations": numbers}
    found = given(tmp_path, octopus, nodeSelector={"gpu": 0})
    metadata = [one["metadata"] for one in found.objects] + [found.nodes[0]["spec"]["template"]["metadata"]]
    texts = [text for one in metadata for part in ("labels", "annotations") for text in one.get(part, {}).values()]
    assert texts.count("9464") == 8
    assert {type(text) for text in texts} == {str}
    assert next(found.pods)["nodeSelector"] == {"gpu": "0"}


def test_a_holder_of_anchors(tmp_path: Path) -> None:
    """Keys that begin with `x-` are the user's, for YAML's anchors; others are refused as typing errors."""
    (tmp_path / "values.yaml").write_text(
        "x-volume: &volume {size: 5Gi}\noctopus: {databaseConnectionString: x, artifactVolume: *volume}\n"
    )
    found = helm.render(f"--values={tmp_path / 'values.yaml'}")
    claim = found.of("PersistentVolumeClaim")["artifacts-claim"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"


def test_a_user_of_the_pod(tmp_path: Path) -> None:
    """The user and group of a pod's context count for its containers; one of a container's own counts before them."""
    found = given(tmp_path, {"podSecurityContext": {"runAsUser": 999}})
    (pod,), (container,) = found.pods, found.containers
    assert pod["securityContext"]["runAsUser"] == 999
    for one in (container, *pod["initContainers"], *pod_of_test(found)["spec"]["containers"]):
        assert "runAsUser" not in one["securityContext"]
        assert one["securityContext"]["runAsGroup"] == 0
    both = {"podSecurityContext": {"runAsUser": 999}, "containerSecurityContext": {"runAsUser": 998}}
    assert next(given(tmp_path, both).containers)["securityContext"]["runAsUser"] == 998
    mssql = {"enabled": True, "ACCEPT_EULA": "Y", "SA_PASSWORD": "x", "podSecurityContext": {"runAsUser": 20001}}
    server = given(tmp_path, {}, mssql=mssql).of("StatefulSet")["mssql"]["spec"]["template"]["spec"]
    assert "runAsUser" not in server["containers"][0]["securityContext"]


def test_nothing_is_said_twice(tmp_path: Path) -> None:
    """A label of the chart's own counts, so that selectors match; `enableServiceLinks` is the user's."""
    labels = {"app.kubernetes.io/name": "mine", "app.kubernetes.io/part-of": "platform", "team": "a"}
    octopus: Object = {
        "pods": {"labels": labels},
        "statefulSet": {"labels": labels},
        "spec": {"enableServiceLinks": True},
    }
    octopus["serviceAccount"] = {"labels": labels}
    found = given(tmp_path, octopus)
    (nodes,) = found.nodes
    assert next(found.pods)["enableServiceLinks"] is True
    wanted = nodes["spec"]["selector"]["matchLabels"].items()
    assert wanted <= nodes["spec"]["template"]["metadata"]["labels"].items()
    assert nodes["spec"]["template"]["metadata"]["labels"]["team"] == "a"
    text = helm.template(file(tmp_path, octopus)).stdout
    for document in text.split("\n---"):
        for part in document.split("labels:")[1:2]:
            keys = [line.strip().partition(": ")[0] for line in part.split("spec:")[0].splitlines()]
            assert len([key for key in keys if key == "app.kubernetes.io/name"]) <= 1, document
    assert text.count("enableServiceLinks:") == 2  # of the node, and of the test


def test_templates_of_other_programs(tmp_path: Path) -> None:
    """What belongs to another program is written so that Helm leaves it, as docs/values.md tells; else Helm refuses."""
    rule: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "rule"}, "data": {"text": ""}}
    rule["data"] = {"text": "{{`{{ $labels.pod }}`}}"}
    found = given(tmp_path, {}, extraManifests=[rule, json.dumps(rule).replace("rule", "other")])
    maps = found.of("ConfigMap")
    assert {maps[name]["data"]["text"] for name in ("rule", "other")} == {"{{ $labels.pod }}"}


def test_helm_test_has_what_the_node_has(tmp_path: Path) -> None:
    """Its check reads the master key that a single node keeps on its volume, from the same machine, and only reads."""
    pod = pod_of_test(helm.render())["spec"]
    key = next(volume for volume in pod["volumes"] if volume["name"] == "master-key")
    assert key["persistentVolumeClaim"] == {"claimName": "master-key-claim"}
    for container in pod["containers"]:
        (mount,) = [one for one in container["volumeMounts"] if one["name"] == "master-key"]
        assert mount["readOnly"]
    (term,) = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["labelSelector"]["matchLabels"]["app.kubernetes.io/part-of"] == "octopus-server"
    octopus = {
        "hostAliases": [{"ip": "10.0.0.9", "hostnames": ["sql"]}],
        "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "priorityClassName": "important",
    }
    found = given(tmp_path, octopus, nodeSelector={"pool": "octopus"})
    for field in (*octopus, "nodeSelector"):
        assert pod_of_test(found)["spec"][field] == next(found.pods)[field]


def test_helm_test_gets_through_the_network_policies(tmp_path: Path) -> None:
    """Its pod reaches the web portal and SQL Server whatever else is shut out, and is behind no Service."""
    policy = {"enabled": True, "from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}
    mssql = {"enabled": True, "ACCEPT_EULA": "Y", "SA_PASSWORD": "x"}
    found = given(tmp_path, {"networkPolicy": policy}, mssql=mssql)
    labels = pod_of_test(found)["metadata"]["labels"].items()
    for name in ("octopus", "mssql"):
        rule = found.of("NetworkPolicy")[name]["spec"]["ingress"][0]
        chosen = [one["podSelector"]["matchLabels"].items() for one in rule["from"] if "podSelector" in one]
        assert [one for one in chosen if one <= labels]
    for service in found.of("Service").values():
        assert not service["spec"]["selector"].items() <= labels
