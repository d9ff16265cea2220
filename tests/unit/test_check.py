"""What `octo-node check` makes of a licence, a certificate, a memory limit and the marks in shared folders."""

import base64
import datetime
import shutil
import subprocess
from pathlib import Path

import pytest

from entrypoint.base.exitcodes import ExitCode
from entrypoint.check import certificate, container, findings, licence, volumes
from entrypoint.check.findings import Result
from entrypoint.init import dockerd
from entrypoint.octopus import shared_marks
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.environment import Environment


def made(days: int, limit: str = "<NodeLimit>3</NodeLimit>") -> str:
    """Return the base64 of a licence that ends in so many days."""
    ends = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days)
    text = f'<License Signature="x"><ValidTo>{ends}</ValidTo>{limit}</License>'
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("days", "result", "said"),
    [(400, "passed", "for 3 nodes"), (10, "warned", "days from now: renew it"), (-1, "warned", "was valid until")],
)
def test_the_licence_ends(days: int, result: str, said: str) -> None:
    """A licence that has ended, or soon does, is a warning."""
    [found] = licence.look(made(days), None, 3)
    assert found.result == result
    assert said in found.sentence


def test_the_licence_s_nodes() -> None:
    """More nodes than the licence is for are a warning; one without a limit, or whom nobody can count, is none."""
    assert [found.result for found in licence.look(made(400), None, 4)] == ["warned"]
    assert [found.result for found in licence.look(made(400, "<NodeLimit>Unlimited</NodeLimit>"), None, 4)] == [
        "passed"
    ]
    assert [found.result for found in licence.look(made(400), None, None)] == ["passed"]


@pytest.mark.parametrize("stored", [None, "", "<License", "<License/>", "<License><ValidTo>soon</ValidTo></License>"])
def test_a_licence_that_tells_nothing(stored: str | None) -> None:
    """What can't be read of a licence is unknown, and no warning."""
    assert {found.result for found in licence.look(None, stored, 1)} <= {Result.UNKNOWN, Result.PASSED}


def signed(folder: Path, days: int, form: str = "PEM") -> bytes:
    """Return a certificate that ends in so many days."""
    out = folder / "certificate"
    words = (
        f"req -x509 -newkey rsa:2048 -nodes -keyout {folder}/key -out {out} -outform {form} -subj /CN=n -days {days}"
    )
    subprocess.run([str(shutil.which("openssl")), *words.split()], check=True, capture_output=True)
    return out.read_bytes()


@pytest.mark.parametrize("form", ["PEM", "DER"])
@pytest.mark.parametrize("days", [1, 365 * 40])
def test_until_when_a_certificate_is_valid(tmp_path: Path, form: str, days: int) -> None:
    """Both forms of a file, and both forms of a date (UTCTime until 2049), tell the certificate's last day."""
    wanted = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days)
    assert abs(certificate.of_file(signed(tmp_path, days, form)) - wanted) < datetime.timedelta(minutes=5)


def test_what_is_no_certificate(tmp_path: Path) -> None:
    """However a file is cut off, it is no certificate, and no error."""
    whole = signed(tmp_path, 30, "DER")
    pem = b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
    for content in (b"", b"\x00", b"\x30", pem, *(whole[:length] for length in range(0, len(whole), 7))):
        with pytest.raises(certificate.NoCertificateError):
            certificate.of_file(content)


@pytest.mark.parametrize(("cap", "result"), [(None, "passed"), (10, "passed"), (20, "warned"), (1000, "warned")])
def test_memory_and_the_task_cap(tmp_path: Path, cap: int | None, result: str) -> None:
    """A memory limit below the makers' sizing for the task cap is a warning."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        file = tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{2048 << 20}\n")
    [found] = container.memory(BaseSettings(Environment({"OCTO_NODE_ROOT": str(tmp_path)})), cap)
    assert found.result == result
    assert f"2048 MiB of memory for {5 if cap is None else cap} tasks" in found.sentence


def test_how_long_a_stop_takes() -> None:
    """The times of a stop are those that process 1 gives."""
    given = {"OCTO_NODE_DRAIN_ON_STOP": "600", "OCTO_NODE_STOP_TIMEOUT": "60"}
    [found] = container.stop_time(BaseSettings(Environment(given)))
    assert dockerd.STOP_SECONDS == container.DOCKERD_SECONDS
    assert found.sentence.startswith("A stop may take 710 s (drain 630, Octopus.Server 60, dockerd 20).")


def test_marks(tmp_path: Path) -> None:
    """A mark tells the node's name, whatever characters it has; what isn't a mark is passed over."""
    names = ["octopus-0", "../up", "Knoten ä"]
    for name in names:
        assert shared_marks.leave([str(tmp_path)], name, "2026.2.197") == []
    (tmp_path / shared_marks.FOLDER / "README").touch()
    assert shared_marks.read(str(tmp_path)) == sorted(names)
    assert shared_marks.leave([str(tmp_path / "gone"), str(tmp_path)], "octopus-0", "2026.3.1") == [
        str(tmp_path / "gone")
    ]
    assert shared_marks.versions([str(tmp_path)])["octopus-0"] == "2026.3.1"
    for name, target in (("link", "elsewhere"), ("linked", "gone")):
        (tmp_path / name).mkdir()
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        (tmp_path / name / shared_marks.FOLDER).symlink_to(tmp_path / target)
        assert shared_marks.leave([str(tmp_path / name)], "octopus-0", "2026.2.197") == [str(tmp_path / name)]
    assert list((tmp_path / "elsewhere").iterdir()) == []
    found = list(
        volumes.shared({"/artifacts": volumes.Volume(None, is_containers_own=False, marks=("a",))}, ["a", "b"])
    )
    assert [each.result for each in found] == ["warned"]
    assert found[0].sentence.startswith("b left no mark in /artifacts")


def test_the_closing_line() -> None:
    """What ends a start first counts: preflight's codes come before SQL Server's."""
    found = [
        findings.failed("login", ExitCode.SQL_NOT_READY, "down"),
        findings.failed("database", ExitCode.SETTINGS, "lost"),
        findings.failed("volumes", ExitCode.NOT_WRITABLE, "full"),
        findings.warned("memory", "little"),
    ]
    assert findings.worst(found) == ExitCode.NOT_WRITABLE
    assert findings.closing(found).startswith("3 problems, 1 warning: this node wouldn't start (exit code 18)")
    assert findings.closing([]) == "no problems, no warnings: this node would start."
