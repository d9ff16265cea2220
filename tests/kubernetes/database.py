"""The Octopus database of a release, asked in SQL Server's pod."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from container import containers
from kubernetes import cluster
from kubernetes.namespace import Namespace
from processes import wait_until


SAMPLER = Path(__file__).with_name("sampler.py")


def connection_string(server: str) -> str:
    """Return how the database is reached at `server`."""
    login = f"User Id=sa;Password={containers.PASSWORD}"
    return f"Server={server},1433;Database={containers.DATABASE};{login};Encrypt=False"


class Database:
    """The database; `folder` is the test's."""

    def __init__(self, namespace: Namespace, folder: Path) -> None:
        self._namespace = namespace
        self._samples = folder / "samples"
        self._here = connection_string("127.0.0.1")

    def query(self, columns: str, table: str) -> list[str]:
        """Return columns of a table of Octopus's, a line for each row."""
        statement = f"SELECT {columns} FROM {containers.DATABASE}.dbo.{table}"  # noqa: S608 - a test's own words
        tool = ("/opt/mssql-tools18/bin/sqlcmd", "-U", "sa", "-P", containers.PASSWORD)
        return self._namespace.execute("mssql-0", *tool, "-Q", statement).splitlines()

    def violations(self) -> list[str]:
        """Return the signs that two migrations met, or that a node ran over another's schema."""
        program = (
            "import json, sys; from standin.octopus import integrity; from standin.octopus.sql import Database; "
            "print(json.dumps(integrity(Database(sys.argv[1]).open())))"
        )
        return list(json.loads(self._namespace.execute("mssql-0", "python3", "-c", program, self._here)))

    def migrations(self) -> int:
        """Return how many times the schema was made or upgraded."""
        return len(set(self.query("Run", "SchemaTrace")))

    @contextmanager
    def sampled(self) -> Iterator[list[dict[str, str]]]:
        """Collect every 100 ms the versions of the nodes that are alive."""
        command = ["exec", "mssql-0", "--", "python3", "-c", SAMPLER.read_text(), self._here]
        samples: list[dict[str, str]] = []
        with (
            self._samples.open("w") as file,
            subprocess.Popen([cluster.KUBECTL, "--namespace", self._namespace.name, *command], stdout=file) as process,
        ):
            try:
                wait_until(self._samples.read_text, what="the first sample")
                yield samples
            finally:
                process.terminate()
        samples += [json.loads(line) for line in self._samples.read_text().splitlines() if line.endswith("}")]
