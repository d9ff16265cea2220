#!/usr/bin/env python3
"""Tells what a release becomes with this chart: what is kept, renamed, deleted, made anew or refused.

What it rehearses is `helm upgrade --reset-values --values FILE`. Nothing is changed. It compares manifests, the
release's and those that the values render to. Secrets and claims come first, and no secret is printed. Exit code 1:
something is refused, or a Secret's content or a claim would be lost.
"""

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml


CHART = Path(__file__).with_name("octopus")
CLAIM = "PersistentVolumeClaim"
FIRST = ("Secret", CLAIM, "StatefulSet", "Service", "Ingress")
OFFICIAL = "octopusdeploy-helm-"
KEEP = "helm.sh/resource-policy"
UNUSED = ": what is in it would seem gone"
# the chart keeps these claims and Secret of a release, also if nothing uses them any more
SHARED = ("package-repository-claim", "artifacts-claim", "task-log-claim", "audit-log-claim", "shared-claim")
KEY = "{}-masterkey"
VOLUME = "master-key-claim"
# where a release may keep SQL Server's password, as the chart looks it up
PASSWORDS = (("{}-sapassword", "secret"), ("mssql", "sa_password"))

Object = dict[str, Any]


class Fate(NamedTuple):
    """What becomes of an object."""

    word: str
    name: str
    why: str = ""


def main() -> int:
    """Print what becomes of a release."""
    parser = argparse.ArgumentParser("scripts/rehearse-move", description=__doc__.splitlines()[0])
    parser.add_argument("release", help="its name")
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--manifest", type=Path, help="a file with its objects, in place of `helm get manifest`")
    parser.add_argument("--values", type=Path, action="append", default=[], help="a file of the upgrade's --values")
    parser.add_argument("--reuse-values", action="store_true", help="over the release's own values, as of that upgrade")
    parser.add_argument("--release-values", type=Path, help="a file with those, in place of `helm get values`")
    parser.add_argument(
        "--chart", type=Path, default=CHART, help="the chart to move to, if it only depends on this one"
    )
    given = parser.parse_args()
    if not (given.values or given.reuse_values):
        parser.error("give the file of the move with --values: helm get values RELEASE --output yaml > octopus.yaml")
    asked = ("--namespace", given.namespace, given.release)
    before = list(objects(given.manifest.read_text() if given.manifest else helm("get", "manifest", *asked)))
    texts = [path.read_text() for path in given.values]
    if given.reuse_values:
        own = given.release_values
        texts.insert(0, own.read_text() if own else helm("get", "values", "--output=yaml", *asked))
    try:
        after = render(given, [yaml.safe_load(text) or {} for text in texts], before)
    except subprocess.CalledProcessError as error:
        print(f"Refused: {sentence(error.stderr)}")
        return 1
    return tell(before, after + list(named(given.release, before, after)))


def helm(*words: str) -> str:
    """Run helm and return its output; its own words are the error."""
    command = [os.environ.get("HELM", "helm"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def sentence(stderr: str) -> str:
    """Return what the chart says, without what Helm says around it."""
    lines = [line for line in stderr.splitlines() if line.strip() and not line.startswith(("WARNING", "Use --debug"))]
    return "\n".join(lines).rpartition(".yaml:")[2].partition("): ")[2] or "\n".join(lines)


def objects(manifest: str) -> Iterator[Object]:
    """Yield the objects of a manifest, but for those of tests and hooks."""
    for one in yaml.safe_load_all(manifest):
        if one and "helm.sh/hook" not in (one["metadata"].get("annotations") or {}):
            yield one


def render(given: argparse.Namespace, values: list[Object], before: list[Object]) -> list[Object]:
    """Return what the chart makes of the values, with what it would look up in the cluster taken from the manifest."""
    merged: Object = {}
    for one in values:
        merge(merged, one)
    within = dependency(given.chart)
    ours = merged.setdefault(within, {}) if within else merged
    merge(ours, looked_up(given.release, ours, before))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:  # readable for its owner only
        json.dump(merged, file)
        file.flush()
        words = (str(given.chart), f"--namespace={given.namespace}", "--is-upgrade", f"--values={file.name}")
        return list(objects(helm("template", given.release, *words)))


def dependency(chart: Path) -> str:
    """Return under which name a chart's values have those of this one; an empty string for this one itself."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    names = {one["name"]: one.get("alias") or one["name"] for one in about.get("dependencies") or ()}
    return str(names.get(CHART.name, ""))


def merge(over: Object, more: Object) -> None:
    """Put values over others, as Helm does."""
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(over.get(name), dict):
            merge(over[name], value)
        else:
            over[name] = value


def looked_up(release: str, values: Mapping[str, Any], before: list[Object]) -> Object:
    """Return the values that stand for what the chart finds in a cluster: names, master key, SQL Server's password."""
    found: Object = {"octopus": {}, "mssql": {}}
    labels = [one["metadata"].get("labels") or {} for one in before]
    if any(label.get("helm.sh/chart", "").startswith(OFFICIAL) for label in labels):
        found = official(values)
    octopus, mssql = (values.get(section) or {} for section in ("octopus", "mssql"))
    key = ((octopus.get("existingSecrets") or {}).get("masterkey") or {}).get("name")
    if octopus.get("createSecrets", True) and not (octopus.get("masterKey") or key):
        found["octopus"]["masterKey"] = content(before, KEY.format(release), "secret")
        if not found["octopus"]["masterKey"] and VOLUME in of(before, CLAIM):
            found["octopus"]["masterKeyVolume"] = {"existingClaim": VOLUME}
    if not (mssql.get("SA_PASSWORD") or (mssql.get("existingSecret") or {}).get("name")):
        passwords = [content(before, name.format(release), key) for name, key in PASSWORDS]
        found["mssql"]["SA_PASSWORD"] = next(filter(None, passwords), "")
    return found


def named(release: str, before: list[Object], after: list[Object]) -> Iterator[Object]:
    """Yield what the release has and pods only name, and its master key: the chart finds that, and keeps it."""
    wanted = {("Secret", KEY.format(release)), *used([one for one in after if one["kind"] == "StatefulSet"])}
    made = {(one["kind"], one["metadata"]["name"]) for one in after}
    yield from (one for one in before if (one["kind"], one["metadata"]["name"]) in wanted - made)


def used(part: object, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the Secrets and claims that a part of a pod's specification names."""
    if isinstance(part, list):
        for one in part:
            yield from used(one, above)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "claimName":
                yield CLAIM, value
            elif key == "secretName" or (key == "name" and above in {"secret", "secretKeyRef", "secretRef"}):
                yield "Secret", value
            else:
                yield from used(value, key)


def official(values: Mapping[str, Any]) -> Object:
    """Return the values that stand for the official chart's names, where a release has a name of its own."""
    if not values.get("nameOverride"):
        return {"nameOverride": "octopus-deploy", "octopus": {}, "mssql": {}}
    nodes, polling = {"namePrefix": "octopus-deploy-node"}, {"namePrefix": "octopus-deploy-polling-node"}
    kind = ((values.get("octopus") or {}).get("service") or {}).get("type") or "NodePort"
    services = {"type": kind, "nodes": nodes}
    return {"octopus": {"service": services, "ingress": {"pollingTentacles": polling}}, "mssql": {}}


def content(before: list[Object], name: str, key: str) -> str:
    """Return what a Secret keeps; an empty string if there is none."""
    for one in before:
        if one["kind"] == "Secret" and one["metadata"]["name"] == name:
            return base64.b64decode((one.get("data") or {}).get(key, "")).decode()
    return ""


def tell(before: list[Object], after: list[Object]) -> int:
    """Print what becomes of each object, kind by kind; return 1 if that can't or mustn't be."""
    kinds = {one["kind"]: None for one in before + after}
    bad = False
    for kind in sorted(kinds, key=lambda kind: (FIRST.index(kind) if kind in FIRST else len(FIRST), kind)):
        print(f"{kind}:")
        for fate in fates(of(before, kind), of(after, kind)):
            print(f"  {fate.word:9}{fate.name}{f': {fate.why}' if fate.why else ''}")
            bad |= fate.word in {"refused", "lost"} or (fate.word in {"deleted", "left"} and kind == CLAIM)
        for line in images(of(before, kind), of(after, kind)):
            print(f"  {line}")
    return int(bad)


def of(found: list[Object], kind: str) -> dict[str, Object]:
    """Return the objects of a kind, by name."""
    return {one["metadata"]["name"]: one for one in found if one["kind"] == kind}


def images(before: Mapping[str, Object], after: Mapping[str, Object]) -> Iterator[str]:
    """Yield which images the containers of StatefulSets have, and get."""
    for name, one in after.items():
        if one["kind"] == "StatefulSet" and name in before:
            old, new = (found["spec"]["template"]["spec"]["containers"][0]["image"] for found in (before[name], one))
            yield f"image    {name}: {old} {'stays' if old == new else f'becomes {new}'}"


def fates(before: Mapping[str, Object], after: Mapping[str, Object]) -> Iterator[Fate]:
    """Yield what becomes of the objects of one kind."""
    gone = {name: one for name, one in before.items() if name not in after}
    new = {name: one for name, one in after.items() if name not in before}
    for name, one in before.items():
        if name in after:
            yield compared(name, one, after[name])
            continue
        renamed = next((other for other, made in new.items() if is_same(one, made)), None)
        if renamed:
            del new[renamed]
            yield Fate("renamed", name, f"{renamed}, so its address changes")
        elif (one["metadata"].get("annotations") or {}).get(KEEP) == "keep" or (
            one["kind"] == CLAIM and name in SHARED
        ):
            yield Fate("left", name, f"Helm keeps it, nothing uses it{UNUSED if one['kind'] == CLAIM else ''}")
        else:
            yield deleted(name, one, after)
    yield from (Fate("new", name) for name in new if name not in gone)


def deleted(name: str, one: Object, after: Mapping[str, Object]) -> Fate:
    """Return what is to be said of an object that goes: of a Secret, whether what it keeps stays elsewhere."""
    if one["kind"] != "Secret":
        return Fate("deleted", name)
    stay = {content: other for other, made in after.items() for content in (made.get("data") or {}).values()}
    places = [stay.get(content) for content in (one.get("data") or {}).values()]
    if places and all(places):
        return Fate("deleted", name, f"what it keeps is in {', '.join(map(str, places))}")
    return Fate("lost", name, "what it keeps is nowhere else: make a copy of it")


def is_same(old: Object, new: Object) -> bool:
    """Return whether two objects of different names have the same job: they select the same pods, on the same ports."""
    selectors = [one.get("spec", {}).get("selector") for one in (old, new)]
    if None in selectors or "statefulset.kubernetes.io/pod-name" not in selectors[0]:
        return False
    return bool(selectors[0] == selectors[1])


def compared(name: str, old: Object, new: Object) -> Fate:
    """Return what becomes of an object that keeps its name."""
    compare = {"Secret": secret, "PersistentVolumeClaim": claim, "StatefulSet": statefulset, "Service": service}
    return compare.get(old["kind"], lambda *_: Fate("kept", name))(name, old, new)


def secret(name: str, old: Object, new: Object) -> Fate:
    """Return what becomes of a Secret. The chart keeps its type, which it looks up."""
    same = (old.get("data") or {}) == (new.get("data") or {})
    return Fate("kept", name, "" if same else "with other content")


def claim(name: str, old: Object, new: Object) -> Fate:
    """Return what becomes of a claim, as the chart has it: its mode stays, its class can't be changed, it can grow."""
    modes, wanted = old["spec"]["accessModes"], new["spec"]["accessModes"]
    if not {wanted[0], "ReadWriteMany"} & set(modes):
        return Fate("refused", name, f"it is {', '.join(modes)}, and can't become {wanted[0]}")
    was, would = old["spec"].get("storageClassName") or "", new["spec"].get("storageClassName")
    if would is not None and was != would:
        return Fate("refused", name, f"its storage class is {was!r}, and can't become {would!r}")
    was, would = (str(one["spec"]["resources"]["requests"]["storage"]) for one in (old, new))
    if size(would) < size(was):
        return Fate("refused", name, f"it has {was}, and can't be made smaller ({would})")
    return Fate("kept", name, "" if was == would else f"{was} becomes {would}")


def size(quantity: str) -> float:
    """Return the bytes of a quantity as Kubernetes writes it."""
    number = quantity.rstrip("kKMGTPEim")
    unit = quantity[len(number) :]
    base = 1024 if unit.endswith("i") else 1000
    return float(number) * (0.001 if unit == "m" else base ** " KMGTPE".index(unit[:1].upper() or " "))


def statefulset(name: str, old: Object, new: Object) -> Fate:
    """Return what becomes of a StatefulSet, most of which can't be changed; its pods and volumes stay in any case."""
    for field in ("podManagementPolicy", "serviceName", "selector", "volumeClaimTemplates"):
        defaults = "OrderedReady" if field == "podManagementPolicy" else None
        if simple(old["spec"].get(field, defaults)) != simple(new["spec"].get(field, defaults)):
            command = f"kubectl delete statefulset {name} --cascade=orphan"
            return Fate("anew", name, f"{field} can't be changed: first {command}, which leaves pods and volumes")
    return Fate("kept", name)


def simple(value: object) -> object:
    """Return a part of a StatefulSet as it is compared: of claims, names and what they ask for."""
    if not isinstance(value, list):
        return value
    return [(one["metadata"]["name"], one["spec"].get("storageClassName"), one["spec"]["resources"]) for one in value]


def service(name: str, old: Object, new: Object) -> Fate:
    """Return what becomes of a Service: whether it can be reached as before."""
    kinds = [one["spec"].get("type", "ClusterIP") for one in (old, new)]
    ports = [{port["port"] for port in one["spec"]["ports"]} for one in (old, new)]
    if kinds[0] != kinds[1]:
        return Fate("kept", name, f"but its type {kinds[0]} becomes {kinds[1]}")
    lost = ports[0] - ports[1]
    return Fate("kept", name, f"but without the ports {', '.join(map(str, sorted(lost)))}" if lost else "")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(map(str, error.cmd))}: {error.stderr}")
