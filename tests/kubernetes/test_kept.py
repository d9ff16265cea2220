"""What the chart leaves as the cluster has it, because it can't be changed or must not be."""

import base64
import json

from kubernetes.release import NAME, Release, usual


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


def test_fewer_nodes_keep_the_claims(fresh: Release) -> None:
    """A claim's access mode can't be changed: the volume of many nodes stays one."""
    for verb, nodes in (("install", 2), ("upgrade", 0)):
        fresh.set(verb, usual(nodes))
        claims = fresh.namespace.objects("persistentvolumeclaim")
        modes = {claim["metadata"]["name"]: claim["spec"]["accessModes"] for claim in claims}
        assert modes["shared-claim"] == ["ReadWriteMany"]
