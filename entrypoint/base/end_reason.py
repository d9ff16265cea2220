"""Why a node ends: as the container's termination message, and in the run folder, which outlives the processes."""

from . import statefile, termination_message


_MOST = 4096  # characters that are kept in the run folder


def tell(folder: str | None, termination_log: str, text: str) -> None:
    """Leave `text` in the file `termination_log` and in the run `folder`; empty: what was left there is taken back.

    Where it can't be written, the log has to do.
    """
    termination_message.write(termination_log, text)
    if folder is None:
        return
    try:
        if text:
            statefile.write(folder, statefile.END, {"reason": text[:_MOST]})
        else:
            statefile.remove(folder, statefile.END)
    except OSError:
        pass
