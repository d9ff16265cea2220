"""Takes every program out of an image, Python too; the stand-in server keeps one of its own, as .NET programs do."""

import os
import pathlib
import shutil
import sys


VERSION = os.environ["VERSION"]
RUNTIME = pathlib.Path("/Octopus/runtime")
LIBRARY = pathlib.Path(f"/usr/lib/python{sys.version_info.major}.{sys.version_info.minor}")
# what the image's user writes to: group 0 may do what he may
FOLDERS = ("import", "repository", "artifacts", "taskLogs", "cache", "eventExports", "diagnostics", "etc/octopus")
SERVER = pathlib.Path("/Octopus/.octopus")

(RUNTIME / "bin").mkdir(parents=True)
shutil.copy(os.path.realpath(sys.executable), RUNTIME / "bin" / "dotnet")
shutil.copytree(LIBRARY, RUNTIME / "lib" / LIBRARY.name)
for driver in pathlib.Path("/usr/lib/python3/dist-packages").glob("pyodbc*.so"):
    shutil.copy(driver, "/standin")
sys.path.insert(0, "/standin")
from standin.octopus.install import install  # noqa: E402 - not before there is one


install("/Octopus", VERSION, str(RUNTIME / "bin" / "dotnet"))

(SERVER / "OctopusServer" / "Server").mkdir(parents=True)
for path in (*(pathlib.Path("/", name) for name in FOLDERS), SERVER, *SERVER.rglob("*")):
    os.chown(path, 1001, 0)
    path.chmod(0o770)
for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/mssql-tools18/bin"):
    for path in pathlib.Path(folder).iterdir():
        path.unlink()
for name in ("/usr/share", "/etc/ssl", "/usr/lib/apt", "/var/lib/dpkg", "/usr/lib/python3", LIBRARY):
    shutil.rmtree(name, ignore_errors=True)
pathlib.Path("/harden.py").unlink()
