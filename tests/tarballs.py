"""The archive of `octo-node diagnose`, unpacked."""

import io
import tarfile


def unpacked(content: bytes) -> dict[str, str]:
    """Return the files of an archive, by their names in its folder."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = {entry.name.partition("/")[2]: archive.extractfile(entry) for entry in archive.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file is not None}
