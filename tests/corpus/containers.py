"""From a settings file to the container that Docker, Compose, Kubernetes or ECS would make of it.

Nothing is put right on the way: quotes, line ends and empty values arrive in the environment as those programs leave
them there.
"""

import base64
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


FILES = Path(__file__).with_name("files")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass
class Container:
    """A container: its environment, its files by path, folders that a bind mount made, and its host name."""

    environment: dict[str, str]
    files: dict[str, bytes] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    host: str = "3f8a0c1d5e7b"


def load(name: str, **about: Any) -> Container:  # noqa: ANN401 - it is YAML
    """Return the container of a file in `files`; `about` has what isn't in it, such as what a secret store holds."""
    readers = {
        ".env": _env_file,
        ".sh": _docker_run,
        ".container": _quadlet,
        ".json": _task_definition,
        ".yaml": _yaml,
    }
    path = FILES / name
    return readers[path.suffix](path, about)


# --- docker run and podman


def _env_file(path: Path, about: Mapping[str, Any]) -> Container:
    """`docker run --env-file`: the docker command takes away a byte order mark and line ends, and nothing else."""
    lines = path.read_bytes().removeprefix(BYTE_ORDER_MARK).decode().splitlines()
    pairs = [line.lstrip().partition("=") for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return Container({key: value for key, equals, value in pairs if equals}, host=about.get("host", "3f8a0c1d5e7b"))


def _docker_run(path: Path, _about: Mapping[str, Any]) -> Container:
    """A shell script with one `docker run`."""
    words = iter(shlex.split(path.read_text().replace("\\\n", " "), comments=True))
    made = Container({})
    for word in words:
        option, _, value = word.partition("=")
        if option in {"-e", "--env"}:
            key, _, value = (value or next(words)).partition("=")
            made.environment[key] = value
        elif option in {"-h", "--hostname"}:
            made.host = value or next(words)
    return made


def _quadlet(path: Path, _about: Mapping[str, Any]) -> Container:
    """Podman's systemd unit: each Environment= has words quoted as systemd reads them."""
    made = Container({})
    for line in path.read_text().splitlines():
        key, _, value = line.partition("=")
        if key == "Environment":
            made.environment |= dict(word.split("=", 1) for word in shlex.split(value))
        elif key == "HostName":
            made.host = value
    return made


# --- Compose


def _yaml(path: Path, about: Mapping[str, Any]) -> Container:
    documents = list(yaml.safe_load_all(path.read_text()))
    first = documents[0]
    if "services" in first:
        return _compose(first, about)
    if "location" in first:
        return _container_instance(first)
    return _kubernetes(documents, about)


def _compose(project: Mapping[str, Any], about: Mapping[str, Any]) -> Container:
    service = next(found for name, found in project["services"].items() if "octopus" in name)
    given = service.get("environment") or {}
    if isinstance(given, list):
        given = dict(line.split("=", 1) for line in given if "=" in line)
    dotenv = dict(_dotenv(about["dotenv"])) if "dotenv" in about else {}
    values = {key: "" if value is None else _interpolated(str(value), dotenv) for key, value in given.items()}
    made = Container(values, host=service.get("hostname", "3f8a0c1d5e7b"))
    for secret in service.get("secrets", []):
        made.files[f"/run/secrets/{secret}"] = (FILES / project["secrets"][secret]["file"]).read_bytes()
    for volume in service.get("volumes", []):
        source, _, target = str(volume).partition(":")
        if source.startswith("./"):
            made.folders.append(target.removesuffix(":ro"))
    return made


def _dotenv(name: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of Compose's own .env file, from which it takes quotes away."""
    for line in (FILES / name).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            yield key, value[1:-1] if value[:1] in {"'", '"'} and value[-1:] == value[:1] else value


def _interpolated(text: str, values: Mapping[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, _, default = (found[1] or found[2]).partition(":-")
        return values.get(name) or default

    return re.sub(r"\$\$|\$\{([^}]+)\}|\$([A-Za-z_]\w*)", one, text)


# --- Kubernetes


def _kubernetes(documents: Iterable[Mapping[str, Any]], about: Mapping[str, Any]) -> Container:
    objects = [found for found in documents if found]
    kept = {(found["kind"], found["metadata"]["name"]): _content(found) for found in objects}
    workload = next(found for found in objects if "template" in found.get("spec", {}))
    pod = workload["spec"]["template"]["spec"]
    name = about.get("pod", f"{workload['metadata']['name']}-0")
    made = Container({}, host=name)
    container = pod["containers"][0]
    for source in container.get("envFrom", []):
        made.environment |= {key: value.decode() for key, value in _referenced(source, kept).items()}
    for variable in container.get("env", []):
        value = _value(variable, kept, name)
        made.environment[variable["name"]] = re.sub(
            r"\$\((\w+)\)", lambda found: made.environment.get(found[1], found[0]), value
        )
    mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", [])}
    for volume in pod.get("volumes", []):
        if "secret" in volume:
            secret = kept["Secret", volume["secret"]["secretName"]]
            made.files |= {f"{mounts[volume['name']]}/{key}": value for key, value in secret.items()}
    return made


def _content(found: Mapping[str, Any]) -> dict[str, bytes]:
    is_secret = found["kind"] == "Secret"
    data = {
        key: base64.b64decode(text) if is_secret else str(text).encode()
        for key, text in (found.get("data") or {}).items()
    }
    return data | {key: text.encode() for key, text in (found.get("stringData") or {}).items()}


def _referenced(source: Mapping[str, Any], kept: Mapping[tuple[str, str], dict[str, bytes]]) -> dict[str, bytes]:
    kind = "Secret" if any(key.startswith("secret") for key in source) else "ConfigMap"
    return kept[kind, next(iter(source.values()))["name"]]


def _value(variable: Mapping[str, Any], kept: Mapping[tuple[str, str], dict[str, bytes]], pod: str) -> str:
    source = variable.get("valueFrom")
    if source is None:
        return str(variable.get("value", ""))
    if "fieldRef" in source:
        return pod
    reference = next(iter(source.values()))
    return _referenced(source, kept)[reference["key"]].decode()


# --- task definitions


def _task_definition(path: Path, about: Mapping[str, Any]) -> Container:
    """An ECS task definition; `secrets` of `about` is what the parameter store holds."""
    container = json.loads(path.read_text())["containerDefinitions"][0]
    environment = {pair["name"]: pair["value"] for pair in container["environment"]}
    for secret in container.get("secrets", []):
        environment[secret["name"]] = about["secrets"][secret["valueFrom"].rpartition("/")[2]]
    return Container(environment, host=container.get("hostname", "ip-10-0-12-34.eu-west-1.compute.internal"))


def _container_instance(group: Mapping[str, Any]) -> Container:
    """An Azure Container Instance."""
    variables = group["properties"]["containers"][0]["properties"]["environmentVariables"]
    environment = {one["name"]: str(one.get("secureValue", one.get("value", ""))) for one in variables}
    return Container(environment, host="SandboxHost-638683612345678901")
