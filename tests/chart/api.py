"""A stand-in of the Kubernetes API, in memory: what Helm asks of it to install, look up, upgrade and roll back.

It keeps objects by kind and name, in one namespace, merges patches as RFC 7396 says, and notes what is made and
deleted. It validates nothing and runs no pods. Sources of what it answers: the API's reference
(https://kubernetes.io/docs/reference/using-api/api-concepts/: discovery, lists by label, Status), and what Helm 3's
own client (pkg/kube/client.go) asks.
"""

import json
import re
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chart import helm


Object = dict[str, Any]
KINDS = {
    "v1": "Secret Service PersistentVolumeClaim ServiceAccount Namespace ConfigMap Pod",
    "apps/v1": "StatefulSet",
    "policy/v1": "PodDisruptionBudget",
    "networking.k8s.io/v1": "Ingress NetworkPolicy",
    "rbac.authorization.k8s.io/v1": "Role RoleBinding",
}
PATH = re.compile(r"/apis?/(?P<group>.*?v1)(/namespaces/[^/]+)?(/(?P<plural>[a-z]+))?(/(?P<name>[^/]+))?")
RELEASE = "Secret sh.helm.release"  # Helm's own notes


def plural(kind: str) -> str:
    """Return what a kind is called in a path."""
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}es" if kind.endswith("s") else f"{kind}s"


def merged(old: Object, new: Object) -> Object:
    """Return an object with a merge patch in it; directives of strategic patches are left out."""
    result = dict(old)
    for key, value in new.items():
        if value is None:
            result.pop(key, None)
        elif not key.startswith("$"):
            result[key] = merged(result.get(key) or {}, value) if isinstance(value, dict) else value
    return result


class Cluster(ThreadingHTTPServer):
    """Objects by kind and name, and what was done to them: `CREATE Secret mssql`, `DELETE ...`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        default = {"metadata": {"name": "default"}}
        self.objects: dict[tuple[str, str], Object] = {
            (kind, "default"): {"apiVersion": "v1", "kind": kind} | default for kind in ("Namespace", "ServiceAccount")
        }
        self.log: list[str] = []

    def helm(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run helm against these objects, and forget what was done before."""
        self.log.clear()
        return helm.run(*words, f"--kube-apiserver=http://127.0.0.1:{self.server_port}", "--namespace=default")

    def done(self, verb: str) -> set[str]:
        """Return what was done to objects, `Secret mssql` for example, but to Helm's own."""
        done = (line.partition(" ")[::2] for line in self.log)
        return {what for word, what in done if word == verb and not what.startswith(RELEASE)}

    def annotate(self, kind: str, name: str, **annotations: str) -> None:
        """Annotate an object as `kubectl annotate` does."""
        self.objects[kind, name] = merged(self.objects[kind, name], {"metadata": {"annotations": annotations}})

    def answer(self, verb: str, url: str, body: Object) -> tuple[int, Object]:
        """Return the code and the object that answer a request."""
        path, query = urlsplit(url).path, dict(parse_qsl(urlsplit(url).query))
        found = PATH.fullmatch(path)
        if path == "/api/v1/namespaces/default":
            return 200, self.objects["Namespace", "default"]
        if not found or found["group"] not in KINDS:
            return discovery(path)
        kinds = {plural(kind).lower(): kind for kind in KINDS[found["group"]].split()}
        if not found["plural"]:
            return 200, resources(found["group"], kinds)
        kind, name = kinds[found["plural"]], found["name"] or body.get("metadata", {}).get("name", "")
        if verb == "GET" and not name:
            return 200, {"kind": f"{kind}List", "apiVersion": found["group"], "items": self.chosen(kind, query)}
        if verb != "POST" and (kind, name) not in self.objects:
            return status(404, "NotFound", f'{kind} "{name}" not found')
        return self.change(verb, (kind, name), body)

    def change(self, verb: str, key: tuple[str, str], body: Object) -> tuple[int, Object]:
        """Do what is asked to one object."""
        self.log.append(f"{verb.replace('POST', 'CREATE')} {' '.join(key)}")
        if verb == "DELETE":
            del self.objects[key]
            return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        if verb == "POST":
            own = {"namespace": "default", "uid": str(uuid.uuid4()), "resourceVersion": "1"}
            self.objects[key] = merged(body, {"metadata": own})
        elif verb != "GET":
            self.objects[key] = merged(self.objects[key], body) if verb == "PATCH" else body
        return 200, self.objects[key]

    def chosen(self, kind: str, query: dict[str, str]) -> list[Object]:
        """Return the objects of a kind that have the labels asked for."""
        wanted = {tuple(pair.split("=", 1)) for pair in query.get("labelSelector", "").split(",") if "=" in pair}
        found = [one for (other, _), one in self.objects.items() if other == kind]
        return [one for one in found if wanted <= set(one["metadata"].get("labels", {}).items())]


def status(code: int, reason: str, message: str) -> tuple[int, Object]:
    """Return a failure as the API tells it."""
    failure = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason}
    return code, failure | {"code": code, "message": message}


def resources(group: str, kinds: dict[str, str]) -> Object:
    """Return what a group's version has."""
    verbs = ["get", "list", "create", "patch", "update", "delete"]
    listed = [
        {"name": name, "singularName": "", "namespaced": kind != "Namespace", "kind": kind, "verbs": verbs}
        for name, kind in kinds.items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": listed}


def discovery(path: str) -> tuple[int, Object]:
    """Return what the API says of itself."""
    versions = [(group, {"groupVersion": group, "version": "v1"}) for group in KINDS if "/" in group]
    groups = [{"name": group[:-3], "versions": [one], "preferredVersion": one} for group, one in versions]
    known: dict[str, Object] = {
        "/version": {"major": "1", "minor": "30", "gitVersion": "v1.30.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }
    return (200, known[path]) if path in known else status(404, "NotFound", path)


class Answers(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet: nobody waits for an acknowledgement
    server: Cluster

    def handle_one(self) -> None:
        """Answer a request."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        code, found = self.server.answer(self.command, self.path, json.loads(content or b"{}"))
        answer = json.dumps(found).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one  # noqa: N815  (the library's names)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
        """Say nothing."""


@contextmanager
def running() -> Iterator[Cluster]:
    """Give a cluster that has nothing but its default namespace and account."""
    with Cluster() as cluster:
        cluster.daemon_threads = True
        thread = threading.Thread(target=cluster.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield cluster
        finally:
            cluster.shutdown()
            thread.join()
