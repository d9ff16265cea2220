"""A namespace of the cluster, with folders of its machine for the volumes."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Self

from container import images
from kubernetes import cluster
from processes import wait_until


# claims that volumes are made for; those of the chart's with one shared volume, and SQL Server's
CLAIMS = ("shared-claim", "master-key-claim", "mssql-mssql-0")


class Namespace:
    """A namespace with a volume for each of `claims`."""

    def __init__(self, name: str, claims: Sequence[str] = CLAIMS) -> None:
        self.name = name
        self._claims = claims

    def __enter__(self) -> Self:
        """Make the namespace and the volumes."""
        cluster.kubectl("create", "namespace", self.name)
        self._on_machine(f"mkdir -p {' '.join(self._claims)} && chmod 777 {' '.join(self._claims)}")
        for claim in self._claims:
            cluster.kubectl("apply", "--filename=-", given=self._volume(claim))
        return self

    def __exit__(self, *_: object) -> None:
        """Take all of it away, without waiting for drains."""
        self.kubectl("delete", "statefulset", "--all", "--cascade=orphan", check=False)
        self.kubectl("delete", "pod", "--all", "--force", "--grace-period=0", check=False)
        self._on_machine(f"rm -rf {' '.join(self._claims)}")
        cluster.kubectl("delete", "namespace", self.name, "--timeout=120s", check=False)
        names = [self._volume_name(claim) for claim in self._claims]
        cluster.kubectl("delete", "persistentvolume", "--ignore-not-found", *names, check=False)

    @property
    def _folder(self) -> str:
        return f"/var/tmp/{self.name}"

    def _volume_name(self, claim: str) -> str:
        return f"{self.name}-{claim}"

    def _volume(self, claim: str) -> Mapping[str, object]:
        spec = {
            "capacity": {"storage": "8Gi"},
            "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": self.name, "name": claim},
            "hostPath": {"path": f"{self._folder}/{claim}"},
        }
        metadata = {"name": self._volume_name(claim)}
        return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}

    def _on_machine(self, command: str) -> None:
        """Run a shell command in this namespace's folder on the cluster's machine, as root."""
        container = {
            "name": "shell",
            "image": f"{images.OCTOPUS}:latest",
            "imagePullPolicy": "Never",
            "command": ["sh", "-c", command],
            "workingDir": "/machine",
            "volumeMounts": [{"name": "machine", "mountPath": "/machine"}],
        }
        volume = {"name": "machine", "hostPath": {"path": self._folder, "type": "DirectoryOrCreate"}}
        spec = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "machine"}, "spec": spec}
        phase = ("get", "pod", "machine", "--output=jsonpath={.status.phase}")
        self.kubectl("apply", "--filename=-", given=pod)
        wait_until(lambda: self.kubectl(*phase).stdout == "Succeeded", 120, command)
        self.kubectl("delete", "pod", "machine", "--grace-period=0", "--force")

    def kubectl(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - kubectl's
        """Run kubectl in this namespace."""
        return cluster.kubectl("--namespace", self.name, *words, **more)

    def objects(self, kind: str, *words: str) -> list[dict[str, Any]]:
        """Return the objects of a kind in this namespace."""
        return cluster.objects(kind, "--namespace", self.name, *words)

    def execute(self, pod: str, *command: str, check: bool = True) -> str:
        """Run a command in a pod and return its output."""
        return str(self.kubectl("exec", pod, "--", *command, check=check).stdout)
