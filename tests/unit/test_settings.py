"""Settings as people write them: what is taken, what is refused, and what is said about it."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
import readings

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus.command_runner import Runner
from entrypoint.octopus.instance import Instance
from entrypoint.octopus.version import Version
from entrypoint.prepare.configure import master_key
from entrypoint.settings import configuration, variables
from entrypoint.settings.environment import Environment, UnreadableError
from entrypoint.structured_log import logger


SECRET = "hush-hush"
GOOD = {"ACCEPT_EULA": "Y", "DB_CONNECTION_STRING": f"Server=db;Database=Octopus;User Id=sa;Password={SECRET}"}
VERSION = Version("2026.2.197", (2026, 2, 197, 0), ())
LOG = logger("test", [])
KEYS = {size: base64.b64encode(bytes(range(size))).decode() for size in (15, 16, 17, 24, 31, 32, 33, 64)}
# prints the default name of a node where the host is called as the first argument says
NAME = """
import sys
from entrypoint.settings.configuration import Configuration
from entrypoint.settings.environment import Environment
environment = Environment({"ACCEPT_EULA": "Y", "DB_CONNECTION_STRING": sys.argv[1]})
print(Configuration(environment).settings().octopus_server_node_name)
"""


def refusal(**environ: str) -> str:
    """Return what is said of settings that are right but for `environ`."""
    with pytest.raises(NodeError) as caught:
        readings.settings(GOOD | environ)
    assert all(sentence.endswith(".") for sentence in caught.value.sentences)
    assert SECRET not in str(caught.value)
    return "\n".join(caught.value.sentences)


# --- the master key (OctopusDeploy/Issues 9104)


@pytest.mark.parametrize("size", KEYS)
def test_a_master_key_has_16_or_32_bytes(size: int) -> None:
    """Octopus makes 256-bit keys since 2024.4, and those of 128 bits stay valid; all else is refused."""
    if size in {16, 32}:
        assert readings.settings(GOOD | {"MASTER_KEY": KEYS[size]}).master_key == KEYS[size]
        wrapped = f" {KEYS[size][:9]}\n{KEYS[size][9:]}\r\n"
        assert readings.settings(GOOD | {"MASTER_KEY": wrapped}).master_key == KEYS[size]
    else:
        assert "16 or 32 bytes" in refusal(MASTER_KEY=KEYS[size])


@pytest.mark.parametrize("size", [16, 32])
def test_a_saved_master_key_may_have_either_size(tmp_path: Path, size: int) -> None:
    """The file on /masterKey holds a key of 16 or of 32 bytes."""
    (tmp_path / "masterKey").mkdir()
    (tmp_path / "masterKey" / "OctopusServer").write_text(f"{KEYS[size]}\n")
    paths = readings.paths(OCTO_NODE_ROOT=str(tmp_path))
    found = master_key.find(paths, None, has_schema=True, ask_instance=lambda: None, version=VERSION, log=LOG)
    assert found == KEYS[size]


@pytest.mark.parametrize("size", [16, 32])
def test_show_master_key_may_tell_either_size(tmp_path: Path, size: int) -> None:
    """What `show-master-key` prints is known as a key, of 16 bytes or of 32."""
    program = tmp_path / "Octopus.Server"
    program.write_text(f"#!/bin/sh\necho 'The key of the instance:'\necho {KEYS[size]}\n")
    program.chmod(0o755)
    paths = readings.paths(OCTO_NODE_SERVER_DIR=str(tmp_path), OCTOPUS_SERVER_CONFIGURATION_DIRECTORY=str(tmp_path))
    (tmp_path / "OctopusServer.config").touch()
    assert Instance(paths, Runner(os.environ, LOG)).master_key() == KEYS[size]


@pytest.mark.parametrize("make", ["mkfifo", "mkdir"])
def test_a_master_key_is_read_from_a_regular_file_only(tmp_path: Path, make: str) -> None:
    """A pipe in the key's place neither hangs the node nor counts as no key."""
    (tmp_path / "masterKey").mkdir()
    getattr(os, make)(tmp_path / "masterKey" / "OctopusServer")
    paths = readings.paths(OCTO_NODE_ROOT=str(tmp_path))
    with pytest.raises(NodeError, match=r"masterKey/OctopusServer, is a .*, not a regular file") as caught:
        master_key.find(paths, None, has_schema=False, ask_instance=lambda: None, version=VERSION, log=LOG)
    assert caught.value.code == ExitCode.SETTINGS


# --- the node's name


@pytest.mark.parametrize(
    ("host", "name"),
    [("octo-0", "octo-0"), ("octo-0.octopus.svc.cluster.local", "octo-0"), ("OCTO.Example.org", "OCTO")],
)
def test_a_node_is_called_as_the_official_image_calls_it(host: str, name: str) -> None:
    """The default is .NET's MachineName, the host name up to its first dot: another name would be another node."""
    own_host_name = ["unshare", *([] if os.getuid() == 0 else ["-Ur"]), "-u", "sh", "-c", 'hostname "$0" && exec "$@"']
    words = [*own_host_name, host, sys.executable, "-c", NAME, GOOD["DB_CONNECTION_STRING"]]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"{name}\n"


# --- the licence agreement


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("y", "ACCEPT_EULA is 'y', but only a capital `Y`"),
        ("true", "ACCEPT_EULA is 'true', but only a capital `Y`"),
        ("yes", "ACCEPT_EULA is 'yes', but only a capital `Y`"),
        ("N", "ACCEPT_EULA is 'N', but only a capital `Y`"),
        ("Y ", "ACCEPT_EULA is 'Y ', but only a capital `Y`"),
        ('"Y"', "ACCEPT_EULA is '\"Y\"', with quotes: remove the quotes"),
        ("'Y'", "ACCEPT_EULA is \"'Y'\", with quotes: remove the quotes"),
        ("\u201cY\u201d", "with quotes: remove the quotes"),
        ("Y\r", "ACCEPT_EULA is 'Y\\r': it ends with a carriage return (character 2), a Windows line ending"),
        ("\ufeffY", "ACCEPT_EULA is '\\ufeffY': it begins with an invisible character, ZERO WIDTH NO-BREAK SPACE"),
        ("x" * 1000, f"ACCEPT_EULA is '{'x' * 60}...'"),
    ],
)
def test_only_y_accepts_the_licence_agreement(value: str, said: str) -> None:
    """Everything else is shown as it was found, with what is wrong with it (10)."""
    with pytest.raises(NodeError) as caught:
        readings.settings(GOOD | {"ACCEPT_EULA": value})
    assert caught.value.code == ExitCode.EULA
    assert str(caught.value).startswith(configuration.EULA)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["Accept_Eula", "ACCEPT_EULLA", "\ufeffACCEPT_EULA", "accept_eula"])
def test_an_agreement_under_another_name_is_seen(name: str) -> None:
    """Who accepted it under a misspelt name is told so, also where a byte order mark is part of the name."""
    with pytest.raises(NodeError) as caught:
        readings.settings({name: "Y"})
    shown = "'\\ufeffACCEPT_EULA'" if name.startswith("\ufeff") else name
    assert f"{shown}, which is set, isn't read by this image: its name here is ACCEPT_EULA." in str(caught.value)


# --- quotes


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TASK_CAP", '"5"', "TASK_CAP is '\"5\"', with quotes"),
        ("ADMIN_USERNAME", "'admin'", "ADMIN_USERNAME is \"'admin'\", with quotes"),
        ("OCTOPUS_SERVER_NODE_NAME", '"octo"', "OCTOPUS_SERVER_NODE_NAME is '\"octo\"', with quotes"),
        ("DISABLE_DIND", '"Y"', "DISABLE_DIND is '\"Y\"', with quotes"),
        ("SSL_CERTIFICATE_FILE", '"/x.pfx"', "SSL_CERTIFICATE_FILE is '\"/x.pfx\"', with quotes"),
        ("ADMIN_PASSWORD_FILE", '"/run/pw"', "ADMIN_PASSWORD_FILE is '\"/run/pw\"', with quotes: remove the quotes"),
        ("OCTO_NODE_UNDRAIN", "\u2018never\u2019", "OCTO_NODE_UNDRAIN is '\u2018never\u2019', with quotes"),
        ("MASTER_KEY", f'"{KEYS[16]}"', "MASTER_KEY begins and ends with a quote"),
        ("OCTOPUS_SERVER_BASE64_LICENSE", f'"{SECRET}"', "OCTOPUS_SERVER_BASE64_LICENSE begins and ends with a quote"),
        ("ADMIN_API_KEY", f"'API-{SECRET}'", "ADMIN_API_KEY begins and ends with a quote"),
        ("DB_CONNECTION_STRING", f'"{GOOD["DB_CONNECTION_STRING"]}"', "DB_CONNECTION_STRING begins and ends with a"),
    ],
)
def test_quotes_around_a_value(name: str, value: str, said: str) -> None:
    """Quotes that --env-file or a Compose list kept are shown, unless it is a secret, and are to be taken away."""
    found = refusal(**{name: value})
    assert found.startswith(said)
    assert "remove the quotes" in found
    assert found.count("\n") == 0
    assert KEYS[16] not in found


def test_a_password_in_quotes_is_only_warned_of() -> None:
    """A password may have quotes; that it begins and ends with one is said, and the password isn't."""
    environ = GOOD | {"ADMIN_PASSWORD": f'"{SECRET}"', "IMPORT_PASSWORD": f"'{SECRET}"}
    assert readings.settings(environ).admin_password == f'"{SECRET}"'
    (warning,) = readings.configuration(environ).warnings()
    assert warning.startswith("ADMIN_PASSWORD begins and ends with a quote, which is a part of the password")
    assert SECRET not in warning


def test_dockerds_arguments_are_quoted_as_in_a_shell() -> None:
    """Quotes around the arguments of dockerd are the shell's, and stay."""
    readings.settings(GOOD | {"OCTO_NODE_DOCKERD_ARGS": '"--label=a b"'})


# --- characters that nobody sees


@pytest.mark.parametrize("name", ["ADMIN_PASSWORD", "ADMIN_USERNAME", "TASK_CAP", "DB_CONNECTION_STRING", "MASTER_KEY"])
@pytest.mark.parametrize(
    ("character", "word"),
    [
        ("\ufeff", "ZERO WIDTH NO-BREAK SPACE (U+FEFF"),
        ("\u200b", "ZERO WIDTH SPACE (U+200B"),
        ("\xa0", "NO-BREAK SPACE (U+00A0"),
        ("\u2060", "WORD JOINER (U+2060"),
        ("\u3000", "IDEOGRAPHIC SPACE (U+3000"),
        ("\x85", "a control character (U+0085"),
    ],
)
def test_invisible_characters_at_the_ends(name: str, character: str, word: str) -> None:
    """A byte order mark, a zero-width or a no-break space at an end is refused with its name and place."""
    value = {"TASK_CAP": "5", "MASTER_KEY": KEYS[32], "ADMIN_USERNAME": "admin"}.get(name, GOOD["DB_CONNECTION_STRING"])
    assert refusal(**{name: character + value}).startswith(
        f"{name} begins with an invisible character, {word}, character 1)"
    )
    assert refusal(**{name: value + character}).startswith(
        f"{name} ends with an invisible character, {word}, character {len(value) + 1})"
    )


def test_characters_inside_are_the_values_own() -> None:
    """What stands between visible characters isn't judged, and neither are ordinary blanks at the ends."""
    parsed = readings.settings(GOOD | {"ADMIN_PASSWORD": " a\u200db\xa0c ", "ADMIN_USERNAME": "Jörg Müller"})
    assert (parsed.admin_password, parsed.admin_username) == (" a\u200db\xa0c ", "Jörg Müller")


@pytest.mark.parametrize("name", ["ADMIN_PASSWORD", "TASK_CAP", "DB_CONNECTION_STRING"])
def test_a_windows_line_ending(tmp_path: Path, name: str) -> None:
    """A carriage return at the end is called a Windows line ending, in the environment and in a file."""
    (tmp_path / "file").write_bytes(b"x\r\n")
    for environ in ({name: "x\r"}, {name: "", f"{name}_FILE": str(tmp_path / "file")}):
        assert refusal(**environ).startswith(
            f"{name} ends with a carriage return (character 2), a Windows line ending: save the file with Unix line"
        )


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/run/pw\r", "ADMIN_PASSWORD_FILE ends with a carriage return (character 8)"),
        ("\ufeff/run/pw", "ADMIN_PASSWORD_FILE begins with an invisible character"),
    ],
)
def test_a_path_with_what_nobody_sees(path: str, said: str) -> None:
    """Where a file isn't found because of a character that nobody sees, that is what is told."""
    assert refusal(ADMIN_PASSWORD_FILE=path).startswith(said)


# --- names of other images


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("sqlDbConnectionString", "DB_CONNECTION_STRING"),
        ("SqlDbConnectionString", "DB_CONNECTION_STRING"),
        ("CONNSTRING", "DB_CONNECTION_STRING"),
        ("masterKey", "MASTER_KEY"),
        ("MasterKey", "MASTER_KEY"),
        ("OctopusAdminUsername", "ADMIN_USERNAME"),
        ("OctopusAdminPassword", "ADMIN_PASSWORD"),
        ("OctopusAdminEmail", "ADMIN_EMAIL"),
        ("ServerNodeName", "OCTOPUS_SERVER_NODE_NAME"),
        ("LicenceBase64", "OCTOPUS_SERVER_BASE64_LICENSE"),
        ("LICENSE_BASE64", "OCTOPUS_SERVER_BASE64_LICENSE"),
        ("OCTOPUS_SERVER_LICENCE_BASE64", "OCTOPUS_SERVER_BASE64_LICENSE"),
        ("OCTOPUS_SERVER_LICENSE_BASE64", "OCTOPUS_SERVER_BASE64_LICENSE"),
        ("ImportPassword", "IMPORT_PASSWORD"),
        ("EnableUsage", "ENABLE_USAGE"),
        ("admin_password", "ADMIN_PASSWORD"),
        ("DbConnectionString_File", "DB_CONNECTION_STRING_FILE"),
    ],
)
def test_names_of_other_images(given: str, name: str) -> None:
    """A name of the Windows image or a sibling's, or one in other letters, is told with its successor."""
    environ = {"ACCEPT_EULA": "Y", given: SECRET}
    (warning,) = readings.configuration(environ).warnings()
    assert warning == f"{given} isn't read by this image. Its name here is {name}: rename it."
    (both,) = readings.configuration(environ | {name: "x"}).warnings()
    assert both == f"{given} isn't read by this image. Its name here is {name}, which is set and counts."
    if name == "DB_CONNECTION_STRING":
        with pytest.raises(
            NodeError, match=f"{given}, which is set, isn't read by this image: its name here is {name}"
        ):
            readings.settings(environ)


def test_names_without_a_successor() -> None:
    """What isn't needed here, or has no successor, is said too."""
    assert readings.configuration({"CREATE_DB": "Y"}).warnings() == [
        "CREATE_DB isn't read by this image: a database that isn't there is made."
    ]
    assert readings.configuration({"EnableMetrics": "true"}).warnings() == [
        "EnableMetrics isn't read by this image: this image has no variable for it."
    ]


@pytest.mark.parametrize("name", ["PATH", "HOSTNAME", "https_proxy", "OCTOPUS__FeatureToggles__X", "USER", "LANG", "_"])
def test_names_of_nobody(name: str) -> None:
    """Everything else is nobody's mistake."""
    assert readings.configuration({name: "x"}).warnings() == []


# --- files


def test_an_empty_password_file_makes_no_default_administrator(tmp_path: Path) -> None:
    """A file that is named but holds nothing is refused with its path: the published password must not replace it."""
    (tmp_path / "empty").write_text("\n")
    path = tmp_path / "empty"
    said = refusal(ADMIN_PASSWORD_FILE=str(path))
    assert said.startswith(f"The file that ADMIN_PASSWORD_FILE names, {path}, is empty: put the value into it")


@pytest.mark.parametrize("variable", variables.VARIABLES, ids=lambda variable: variable.name)
def test_no_variables_file_may_be_empty(tmp_path: Path, variable: variables.Variable) -> None:
    """That holds for each variable."""
    (tmp_path / "empty").touch()
    environ = {name: value for name, value in GOOD.items() if name != variable.name}
    with pytest.raises(NodeError, match=f"The file that {variable.name}_FILE names, {tmp_path}/empty, is empty"):
        readings.settings(environ | {f"{variable.name}_FILE": str(tmp_path / "empty")})


def test_files_as_kubernetes_mounts_them(tmp_path: Path) -> None:
    """A Secret's file is a link into a folder that is a link itself."""
    (tmp_path / "..2026_11_26").mkdir()
    (tmp_path / "..2026_11_26" / "secret").write_text(SECRET)
    (tmp_path / "..data").symlink_to("..2026_11_26")
    (tmp_path / "secret").symlink_to("..data/secret")
    assert readings.settings(GOOD | {"ADMIN_PASSWORD_FILE": str(tmp_path / "secret")}).admin_password == SECRET


def test_a_file_is_read_once_a_process(tmp_path: Path) -> None:
    """A file that changes later still gives what it gave first, to whoever asks, and an error stays one."""
    file, absent = tmp_path / "file", tmp_path / "absent"
    file.write_text("Server=one;Database=x;User Id=sa;Password=p")
    environ = {"ACCEPT_EULA": "Y", "DB_CONNECTION_STRING_FILE": str(file)}
    found = readings.configuration(environ)
    before = found.settings()
    file.write_text("Server=two;Database=x;User Id=sa;Password=p")
    assert found.settings() == before
    lost = Environment({"ADMIN_PASSWORD_FILE": str(absent)})
    for _ in range(2):
        with pytest.raises(UnreadableError):
            lost.lookup("ADMIN_PASSWORD")
        absent.write_text("too late")
