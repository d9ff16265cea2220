#!/usr/bin/env python3
"""Makes /opt/octo-node in the build stage: interpreter, libraries, ODBC driver and octo-node, for any base image.

All that is taken along finds its shared libraries by a path of its own, relative to itself: no variable tells it,
and nothing else in the container is told. The C library comes along too: it is no matter whether the image below has
one, which one, and how old it is.
"""

import argparse
import compileall
import hashlib
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

import bill


SOURCE = Path(__file__).resolve().parents[1]
WHEELS = SOURCE / "build" / "wheels"
# of the standard library: what needs a screen, a terminal or a database, what tests it, and what installs more
LEFT_OUT = (
    *("config-*", "dist-packages", "site-packages", "sitecustomize.py", "EXTERNALLY-MANAGED", "__pycache__"),
    *("test", "idlelib", "tkinter", "turtledemo", "turtle.py", "lib2to3", "ensurepip", "venv", "distutils"),
    *("unittest", "doctest.py", "pydoc.py", "pydoc_data", "curses", "sqlite3", "dbm", "__phello__*"),
    *("_test*.so", "_xxtestfuzz*.so", "xx*.so", "_ctypes_test*.so", "_tkinter*.so", "_curses*.so", "readline*.so"),
    *("_sqlite3*.so", "_dbm*.so", "_gdbm*.so", "nis*.so", "ossaudiodev*.so"),
)
# what rich needs for colours of source code and for Markdown, of which octo-node shows none: 12 MB
UNUSED = ("[Pp]ygments*", "markdown_it*", "mdurl*")
# the C library's own, which find each other: only the loader's path is told to the interpreter
GLIBC = re.compile(
    r"(ld-linux.*|linux-vdso|lib(c|m|dl|rt|util|pthread|resolv|anl|nsl|mvec|thread_db|BrokenLocale|nss_\w+))\.so\.\d+"
)
# what the C library loads when it needs it: the end of a thread, names of hosts and users
LOADED_LATER = ("libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2")
MANIFEST = "manifest"
ELF = b"\x7fELF"
MICROSOFT = "ODBC Driver 18 for SQL Server"


def main() -> None:
    """Make the folder, or print what has to be installed in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driver", choices=("freetds", "msodbcsql18"), default="freetds")
    parser.add_argument("--requirements", action="store_true", help="only print the files that name them")
    parser.add_argument("home", type=Path, nargs="?", default=Path("/opt/octo-node"))
    given = parser.parse_args()
    needed = requirements(given.driver)
    if given.requirements:
        print(*needed, sep="\n")  # noqa: T201 - for scripts/build-image
        return
    home = given.home
    copied = [*copy_interpreter(home)]
    install(home / "packages", needed)
    copied += (copy_freetds if given.driver == "freetds" else move_microsoft)(home)
    copied += copy_libraries(home)
    copied += copy_c_library(home)
    compile_all(home)
    bill.write(home, SOURCE, copied, version())
    write_manifest(home)
    report(home)


def requirements(driver: str) -> list[Path]:
    """Return the files that name what octo-node needs of the package index; Microsoft's driver comes from there too."""
    names = ["runtime", *(["microsoft"] if driver == "msodbcsql18" else [])]
    return [SOURCE / "requirements" / f"{name}.txt" for name in names]


def version() -> str:
    """Return octo-node's version."""
    text = (SOURCE / "entrypoint" / "__init__.py").read_text()
    return text.partition('__version__ = "')[2].partition('"')[0]


def copy_interpreter(home: Path) -> list[str]:
    """Copy the interpreter and the standard library; it finds the one from the other. Return what was copied."""
    (home / "bin").mkdir(parents=True)
    program, library = os.path.realpath(sys.executable), Path(sysconfig.get_path("stdlib"))
    shutil.copy(program, home / "bin" / "python3")
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    copied = shutil.copytree(library, home / "lib" / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copy(SOURCE / "docker" / "launcher.py", home / "bin" / "octo-node")
    (home / "bin" / "octo-node").chmod(0o755)
    return [program, *(str(library / path.relative_to(copied)) for path in copied.rglob("*") if path.is_file())]


def install(packages: Path, needed: Iterable[Path]) -> None:
    """Put octo-node and what it needs into a folder; from the wheels that were brought along, if there are any."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--root-user-action=ignore"]
    offline = ["--no-index", "--find-links", str(WHEELS)] if WHEELS.is_dir() else []
    files = [f"--requirement={path}" for path in needed]
    pip += ["--no-compile", "--no-cache-dir", "--only-binary=:all:", "--require-hashes", "--no-deps"]
    run(*pip, "--target", str(packages), *offline, *files)
    shutil.rmtree(packages / "bin", ignore_errors=True)
    unused = (path for pattern in UNUSED for path in packages.glob(pattern))
    for path in [*packages.glob("*/tests"), *packages.glob("*/test"), *unused]:
        shutil.rmtree(path)
    shutil.copytree(SOURCE / "entrypoint", packages / "entrypoint", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SOURCE / "docs", packages / "entrypoint" / "docs")  # for `octo-node explain`


def copy_freetds(home: Path) -> list[str]:
    """Take Debian's build of FreeTDS along. Return what was copied."""
    listed = run("dpkg", "-L", "tdsodbc").split()
    library = next(path for path in listed if path.endswith("/libtdsodbc.so"))
    shutil.copy(library, home / "lib")
    register(home, "FreeTDS", home / "lib" / "libtdsodbc.so")
    return [library]


def move_microsoft(home: Path) -> list[str]:
    """Take Microsoft's driver, with its texts and licence, out of the package that brings it. Nothing is Debian's."""
    package = home / "packages" / "mssql_python_odbc"
    found = package / "libs" / "linux" / "debian_ubuntu" / os.uname().machine.replace("aarch64", "arm64")
    found.rename(home / "msodbcsql18")
    shutil.copy(package / "libs" / "LICENSING", home / "msodbcsql18")
    shutil.rmtree(package)
    register(home, MICROSOFT, next((home / "msodbcsql18" / "lib").glob("libmsodbcsql-18*.so*")))
    return []


def register(home: Path, name: str, library: Path) -> None:
    """Write the file in which unixODBC looks drivers up."""
    (home / "odbc").mkdir()
    (home / "odbc" / "odbcinst.ini").write_text(f"[{name}]\nDriver={library}\n")


def copy_libraries(home: Path) -> list[str]:
    """Copy what the binaries are linked to, what that is linked to, and have each look for it in our folder only.

    Return what was copied.
    """
    own = home / "lib"
    # a wheel's own library stays where it is
    copied = {name: path for name, path in linked(binaries(home)).items() if not path.startswith(f"{home}/")}
    for name, path in copied.items():
        shutil.copy(path, own / name)
    for binary in binaries(home):
        if GLIBC.fullmatch(binary.name):
            continue
        relative = os.path.relpath(own, binary.parent)
        kept = [each for each in run("patchelf", "--print-rpath", str(binary)).strip().split(":") if "$ORIGIN" in each]
        path = ":".join(dict.fromkeys([*kept, f"$ORIGIN/{relative}" if relative != "." else "$ORIGIN"]))
        # RPATH: LD_LIBRARY_PATH comes before a RUNPATH
        run("patchelf", "--force-rpath", "--set-rpath", path, str(binary))
    return list(copied.values())


def copy_c_library(home: Path) -> list[str]:
    """Copy the rest of the C library: its loader, what it loads itself, its character sets (FreeTDS needs them).

    Return what was copied.
    """
    own, python = home / "lib", home / "bin" / "python3"
    folder = Path(linked([Path(sys.executable).resolve()])["libc.so.6"]).resolve().parent
    later = [folder / name for name in LOADED_LATER if (folder / name).exists()]
    for path in later:
        shutil.copy(path, own)
    loader = Path(run("patchelf", "--print-interpreter", str(python)).strip())
    shutil.copy(loader, own / loader.name)
    run("patchelf", "--set-interpreter", str(own / loader.name), str(python))
    # without its cache, which has no place for another folder
    shutil.copytree(folder / "gconv", own / "gconv", ignore=shutil.ignore_patterns("gconv-modules.cache"))
    redirect(own / "libc.so.6", str(folder / "gconv"), own / "gconv")
    return [str(loader), *map(str, later), *map(str, (folder / "gconv").iterdir())]


def redirect(library: Path, old: str, new: Path) -> None:
    """Put the path `new` in the place of `old` within a library; more slashes make it as long as that was.

    GCONV_PATH would be too late: the interpreter's start is the first to look, before a line of ours is run.
    """
    content = library.read_bytes()
    slashes = "/" * (len(old) - len(str(new)) + 1)
    if old.encode() not in content or not slashes:
        sys.exit(f"assemble: {library} doesn't look for its character sets in {old}, or {new} is longer")
    library.write_bytes(content.replace(old.encode(), f"{new.parent}{slashes}{new.name}".encode()))


def binaries(home: Path) -> Iterator[Path]:
    """Give every program and shared library in a folder."""
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(len(ELF)) == ELF:
                    yield path


def linked(found: Iterable[Path]) -> dict[str, str]:
    """Return names and paths of the libraries that binaries need."""
    needed: dict[str, str] = {}
    for binary in found:
        for line in run("ldd", str(binary)).splitlines():
            name, arrow, target = line.strip().partition(" => ")
            if not arrow or os.sep in name:
                continue
            path = target.rpartition(" (")[0]
            if not path:
                sys.exit(f"assemble: {binary} needs {name}, which isn't here")
            needed[name] = path
    return needed


def compile_all(home: Path) -> None:
    """Compile every module, so that none is compiled at a start; the sources are for tracebacks."""
    done = compileall.compile_dir(
        str(home), quiet=1, force=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    if not done:
        sys.exit("assemble: a module couldn't be compiled")


def write_manifest(home: Path) -> None:
    """List all files, each with its checksum and mode: `octo-node install` copies and verifies by that."""
    files = [path for path in sorted(home.rglob("*")) if not path.is_dir()]
    (home / MANIFEST).write_text("".join(entry(path, home) for path in files))
    for path in [home, *home.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def entry(path: Path, home: Path) -> str:
    """Return a file's line: checksum, mode, path."""
    if path.is_symlink():
        sys.exit(f"assemble: {path} is a link, and links aren't copied")
    mode = "755" if path.stat().st_mode & 0o100 else "644"
    return f"{hashlib.sha256(path.read_bytes()).hexdigest()} {mode} {path.relative_to(home)}\n"


def report(home: Path) -> None:
    """Say how large it is."""
    sizes = [path.lstat().st_size for path in home.rglob("*") if path.is_file()]
    print(f"octo-node: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")  # noqa: T201 - the build's log


def run(*command: str) -> str:
    """Run a command and return what it printed; end if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"assemble: {' '.join(command)} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
