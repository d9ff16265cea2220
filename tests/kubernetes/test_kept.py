"""What the chart leaves as the cluster has it, because it can't be changed or must not be."""

import base64
import json

import pytest
from kubernetes.release import NAME, OLD, Release, usual
from processes import wait_until


pytestmark = pytest.mark.timeout(1200)  # the first test waits for the images


def secret(release: Release, name: str) -> dict[str, str]:
    """Return the type of a Secret of the release's, and what it keeps."""
    found = json.loads(release.namespace.kubectl("get", "secret", f"{NAME}-{name}", "--output=json").stdout)
    return {"type": found["type"], "keeps": base64.b64decode(found["data"]["secret"]).decode()}


def test_a_drawn_password_stays(fresh: Release) -> None:
    """SQL Server's password, if none is given, is drawn once and is in the connection string, also after an upgrade."""
    values = usual(0)
    values["mssql"]["SA_PASSWORD"] = ""
    values["octopus"]["databaseConnectionString"] = ""
    fresh.set("install", values)
    drawn = secret(fresh, "sapassword")["keeps"]
    assert drawn
    fresh.set("upgrade", values)
    assert secret(fresh, "sapassword")["keeps"] == drawn
    assert f'Password="{drawn}"' in secret(fresh, "connectionstring")["keeps"]


def test_secrets_of_the_official_chart(fresh: Release) -> None:
    """A Secret that the official chart made is of a type of its own, which can't be changed; its content can."""
    metadata = {
        "name": f"{NAME}-masterkey",
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": NAME, "meta.helm.sh/release-namespace": fresh.namespace.name},
    }
    made = {"apiVersion": "v1", "kind": "Secret", "type": "opaque", "metadata": metadata, "data": {"secret": ""}}
    fresh.namespace.kubectl("apply", "--filename=-", given=made)
    values = usual(0)
    fresh.set("install", values)
    assert secret(fresh, "masterkey") == {"type": "opaque", "keeps": values["octopus"]["masterKey"]}


def test_the_other_secret_with_the_password(fresh: Release) -> None:
    """Where the official chart was given SQL Server's password, it keeps it in the Secret `mssql` only: it is taken."""
    kept = {"sa_password": base64.b64encode(b"Kept-1234").decode()}
    made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mssql"}, "data": kept}
    fresh.namespace.kubectl("apply", "--filename=-", given=made)
    values = usual(0)
    values["mssql"]["SA_PASSWORD"] = ""
    fresh.set("install", values)
    assert secret(fresh, "sapassword")["keeps"] == "Kept-1234"


def test_a_kept_master_key(fresh: Release) -> None:
    """A key that isn't given any more stays, a wrong one is refused, and no upgrade or uninstall deletes it."""
    values = usual(0)
    fresh.set("install", values)
    given = values["octopus"]["masterKey"]
    values["octopus"]["masterKey"] = ""
    fresh.set("upgrade", values)
    assert secret(fresh, "masterkey")["keeps"] == given
    values["octopus"]["masterKey"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    assert "which may be the only copy of it" in fresh.refusal("upgrade", values)
    yours = {"createSecrets": False, "secretNames": ["connectionstring"], "masterKey": ""}
    values["octopus"] |= yours
    fresh.set("upgrade", values)
    assert secret(fresh, "masterkey")["keeps"] == given
    fresh.helm("uninstall", "octopus")
    assert secret(fresh, "masterkey")["keeps"] == given


def test_a_drawn_master_key(fresh: Release) -> None:
    """More nodes than one, without a key, get one that is drawn once; a node's own volume with a key is respected."""
    values = usual(2)
    values["octopus"]["masterKey"] = ""
    values["octopus"]["image"]["tag"] = OLD  # an image that isn't there: no pod is waited for
    fresh.set("install", values)
    drawn = secret(fresh, "masterkey")["keeps"]
    assert len(base64.b64decode(drawn)) == 32, "as this version of the server draws it"
    fresh.set("upgrade", values)
    assert secret(fresh, "masterkey")["keeps"] == drawn


def test_a_master_key_on_a_volume(fresh: Release) -> None:
    """One node that may have drawn its key onto a volume doesn't become two with another key."""
    values = usual(1)
    values["octopus"]["masterKey"] = ""
    fresh.set("install", values)
    values["octopus"]["replicaCount"] = 2
    assert "show-master-key" in fresh.refusal("upgrade", values)


def test_what_cannot_be_changed(fresh: Release) -> None:
    """It is refused before anything is sent, in a sentence: the cluster has what it had."""
    values = usual(0)
    values["octopus"]["sharedVolume"] |= {"size": "2Gi", "storageAccessMode": "ReadWriteOnce"}
    fresh.set("install", values)
    before = [one["spec"] for one in fresh.namespace.objects("statefulset")]
    more, smaller, logs = usual(2), usual(0), usual(0)
    more["octopus"]["sharedVolume"]["size"] = "2Gi"
    logs["octopus"]["sharedVolume"]["size"] = "2Gi"
    logs["octopus"]["serverLogVolume"] = {"persistent": True}
    assert "The volume of shared-claim is ReadWriteOnce, and can't become" in fresh.refusal("upgrade", more)
    assert "The volume of shared-claim has 2Gi, and can't be made smaller" in fresh.refusal("upgrade", smaller)
    said = fresh.refusal("upgrade", logs)
    assert "The StatefulSet octopus has volumes none, which can't be changed to server-log-volume with 200Mi" in said
    assert "delete statefulset octopus --cascade=orphan" in said
    assert [one["spec"] for one in fresh.namespace.objects("statefulset")] == before


def test_files_do_not_seem_gone(fresh: Release) -> None:
    """One volume for all files in place of four, or the other way round, would be new and empty: it is refused."""
    values = usual(0)
    fresh.set("install", values)
    values["octopus"]["sharedVolume"]["enabled"] = False
    assert "The nodes' files are in shared-claim" in fresh.refusal("upgrade", values)
    fresh.helm("uninstall", "octopus")
    fresh.namespace.kubectl("delete", "persistentvolumeclaim", "--all", "--wait=false")
    wait_until(lambda: fresh.namespace.objects("persistentvolumeclaim") == [], what="the claims are gone")
    fresh.set("install", values)
    values["octopus"]["sharedVolume"]["enabled"] = True
    said = fresh.refusal("upgrade", values)
    assert "The nodes' files are in package-repository-claim, artifacts-claim, task-log-claim, audit-log-claim" in said


def test_the_database_outlives_the_nodes(fresh: Release) -> None:
    """`helm uninstall` ends idle nodes in seconds: SQL Server, which a drain asks, is still there, and stays."""
    fresh.install(usual(1))
    fresh.helm("uninstall", "octopus")
    wait_until(lambda: fresh.nodes.pods() == [], 60, "the node is gone")
    assert fresh.namespace.objects("pod", "--selector", "app.kubernetes.io/component=mssql")
    fresh.install(usual(1))
    assert fresh.database.migrations() == 1


def test_helm_test(fresh: Release) -> None:
    """`helm test` succeeds with a release whose nodes answer."""
    fresh.install(usual(1))
    fresh.helm("test", "octopus", "--timeout", "3m")


def test_fewer_nodes_keep_the_claims(fresh: Release) -> None:
    """A claim's access mode can't be changed: the volume of many nodes stays one."""
    for verb, nodes in (("install", 2), ("upgrade", 0)):
        fresh.set(verb, usual(nodes))
        claims = fresh.namespace.objects("persistentvolumeclaim")
        modes = {claim["metadata"]["name"]: claim["spec"]["accessModes"] for claim in claims}
        assert modes["shared-claim"] == ["ReadWriteMany"]
