"""Takes every program out of an image but for Python, which the stand-in server is written in."""

import os
import pathlib
import shutil


SERVER = pathlib.Path("/Octopus/.octopus")

SERVER.mkdir()
os.chown(SERVER, 1001, 0)
SERVER.chmod(0o770)
for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/opt/mssql-tools18/bin"):
    for path in pathlib.Path(folder).iterdir():
        if not path.name.startswith("python3"):
            path.unlink()
for name in ("/usr/share", "/etc/ssl", "/usr/lib/apt", "/var/lib/dpkg"):
    shutil.rmtree(name, ignore_errors=True)
pathlib.Path("/harden.py").unlink()
