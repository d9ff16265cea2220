"""ODBC drivers for one process: the environment in which unixODBC finds just these."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path


MICROSOFT = "ODBC Driver 18 for SQL Server"
FREETDS = "FreeTDS"


def microsoft_library() -> Path | None:
    """Return Microsoft's driver, as the package mssql-python-odbc brings it; None without that package."""
    spec = find_spec("mssql_python_odbc")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "libs" / "linux" / "debian_ubuntu"
    return next(iter(folder.glob("*/lib/libmsodbcsql-18*.so*")), None)


def libraries() -> dict[str, str]:
    """Return the drivers' names and libraries; one without a folder is the dynamic linker's to find."""
    microsoft = microsoft_library()
    return {FREETDS: "libtdsodbc.so"} | ({MICROSOFT: str(microsoft)} if microsoft else {})


def environment(folder: Path, drivers: Iterable[str] | None = None) -> dict[str, str]:
    """Return the variables that make unixODBC know `drivers` (all by default) and no others.

    `folder` gets the odbcinst.ini. It is read once a process: give the variables to a new one.
    """
    known = libraries()
    sections = [f"[{name}]\nDriver={known[name]}\n" for name in (known if drivers is None else drivers)]
    (folder / "odbcinst.ini").write_text("\n".join(sections))
    (folder / "odbcinst.ini").chmod(0o644)  # octo-node refuses one that others may write to, whatever our umask is
    return {"ODBCSYSINI": str(folder), "ODBCINI": str(folder / "odbc.ini")}
