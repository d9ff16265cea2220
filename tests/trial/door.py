"""`scripts/trial-containers`: each step with each way, and a table of what came of it."""

import argparse
import json
import time
from pathlib import Path

from container.engine import docker
from processes import ROOT

from . import ways
from .steps import STEPS


PAGE = ROOT / "docs" / "containers.md"
BEGIN, END = "<!-- Made by scripts/trial-containers. -->\n", "<!-- End. -->\n"
FIGURES = "seconds to the first answer, seconds of one `docker run`, memory of the engine"
BOX = dict(STEPS)["import an image"]
READY_SECONDS, STEP_SECONDS = 90.0, 90
WORDS = 300  # characters of what a step that failed said
Result = tuple[bool, str]  # whether it went well, and what was said


def main(arguments: list[str]) -> int:
    """Try the ways that `arguments` name, print the table; return 1 if a step failed that is known to work."""
    parser = argparse.ArgumentParser("scripts/trial-containers", description=__doc__)
    parser.add_argument(
        "ways", nargs="*", default=list(ways.WAYS), help=f"of: {', '.join(ways.WAYS)}; all if not given"
    )
    parser.add_argument("--keep", type=Path, help="a file with results of other ways, to which these are added")
    parser.add_argument("--image", default="", help="with docker/rootless.Dockerfile's additions; built if not given")
    parser.add_argument("--write", action="store_true", help="write the table to docs/containers.md")
    given = parser.parse_args(arguments)
    found = json.loads(given.keep.read_text()) if given.keep and given.keep.exists() else {}
    with ways.site(given.image) as site:
        for way in given.ways:
            found[way] = _try(site, way)
    if given.keep:
        given.keep.write_text(json.dumps(found, indent=1))
    text = table(found)
    print(text)
    if given.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    return 0


def _try(site: ways.Site, way: str) -> dict[str, Result]:
    begun = time.monotonic()
    name, host = ways.WAYS[way](site)
    variables = {"DOCKER_HOST": host, "W": ways.WORK, "R": ways.REGISTRY, "REGISTRY_ADDRESS": site.address}
    variables |= {"DOCKER_CONFIG": f"{ways.WORK}/config", "HOME": ways.HOME}
    inside = ["exec", *(f"--env={key}={value}" for key, value in variables.items()), name, "sh", "-c"]
    while docker(*inside, "docker version", check=False).returncode:
        assert time.monotonic() - begun < READY_SECONDS, docker("logs", name, check=False).stdout
        time.sleep(0.05)
    answered = time.monotonic() - begun
    print(f"{way}: answers after {answered:.1f} s", flush=True)
    docker(*inside, "mkdir -p $W")
    found = {step: _step(inside, way, step, script) for step, script in STEPS}
    return found | {FIGURES: (True, f"{answered:.1f} s, {_one_run(inside):.2f} s, {_memory(site):.0f} MB")}


def _one_run(inside: list[str]) -> float:
    """Return the seconds of one `docker run`, without those of the outer `docker exec`."""
    script = "docker run --rm box true; t=$(date +%s%N); docker run --rm box true; echo $(($(date +%s%N) - t))"
    return int(docker(*inside, f"{BOX}\n{script}").stdout.split()[-1]) / 1e9


def _memory(site: ways.Site) -> float:
    """Return the memory of the engine's processes, in MB: what is resident of dockerd, containerd and rootlesskit."""
    script = "ps -C dockerd,containerd,rootlesskit,exe,slirp4netns -o rss= | awk '{ sum += $1 } END { print sum }'"
    return int(docker("exec", site.engine, "sh", "-c", script).stdout or 0) / 1e3


def _step(inside: list[str], way: str, step: str, script: str) -> Result:
    begun = time.monotonic()
    bounded = f"timeout {STEP_SECONDS} sh -ec '{script.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}'"
    done = docker(*inside, bounded, check=False, seconds=STEP_SECONDS + 30)
    lines = done.stdout.strip().splitlines()
    well = done.returncode == 0
    said = "" if well else " ".join(lines)[:WORDS] if lines else f"exit code {done.returncode}"
    print(f"{way}: {'ok  ' if well else 'FAIL'} {step} ({time.monotonic() - begun:.1f} s) {said}", flush=True)
    return well, said


def table(found: dict[str, dict[str, Result]]) -> str:
    """Return the table, and below it what was said by the steps that failed."""
    heads = list(found)
    lines = [f"| step | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for step, _ in STEPS:
        cells = ["yes" if found[way].get(step, (False, ""))[0] else "**no**" for way in heads]
        lines.append(f"| {step} | {' | '.join(cells)} |")
    figures = " | ".join(found[way].get(FIGURES, (True, "?"))[1] for way in heads)
    lines.append(f"| {FIGURES} | {figures} |")
    found = {way: {step: came for step, came in steps.items() if step != FIGURES} for way, steps in found.items()}
    good = {way: sum(1 for well, _ in steps.values() if well) for way, steps in found.items()}
    lines.append(f"| of {len(STEPS)} | {' | '.join(str(good[way]) for way in heads)} |")
    said = [f"- {way}, *{step}*: `{words}`" for way in heads for step, (well, words) in found[way].items() if not well]
    return "\n".join([*lines, "", *said, ""])
