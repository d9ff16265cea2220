"""Waits until an engine answers and has started a container, and tells why it doesn't."""

from entrypoint.base import state_reader, statefile
from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings.base_settings import EXTERNAL, BaseSettings

from . import container_trial, ping, watch
from .report import Report


_TRIALS = 5


def wait(settings: BaseSettings) -> ExitCode:
    """Return once the engine answers: DONE if it can start a container, else DOCKER_IN_DOCKER.

    Why it isn't ready is left in the run folder meanwhile, and said in the log.
    """
    is_ours = settings.containers != EXTERNAL
    report = Report(settings.log_format, "dockerd" if is_ours else "engine")
    name = "dockerd" if is_ours else f"The engine at {settings.engine}"

    def tell(reason: str) -> None:
        _keep(settings, f"it doesn't answer: {reason}")
        if not is_ours:
            report.say("info", f"{name} doesn't answer yet: {reason}.")

    ping.wait(settings.engine, tell)
    report.say("info", f"{name} answers.")
    problem = _trial(settings, name, report)
    _keep(settings, "" if problem is None else f"it can't start a container: {problem}")
    if problem is None:
        return ExitCode.DONE
    report.say("warning", f"{name} can't start a container: {problem}. Steps in execution containers fail.")
    return ExitCode.DOCKER_IN_DOCKER


def watch_external(settings: BaseSettings) -> ExitCode:
    """Return once an engine that octo-node didn't start has answered and is lost again."""
    ping.wait(settings.engine)
    reason = watch.until_lost(settings.engine)
    _keep(settings, f"it was lost: {reason}")
    Report(settings.log_format, "engine").say("warning", f"The engine at {settings.engine} is lost: {reason}.")
    return ExitCode.DONE


def _trial(settings: BaseSettings, name: str, report: Report) -> str | None:
    """Return why the engine can't start a container, None if it can; one that is slow is tried again."""
    reason = None
    for _ in range(_TRIALS):
        try:
            return container_trial.problem(settings.engine, settings.node_name)
        except TimeoutError as error:
            reason = str(error)
            report.say("warning", f"{name} answers, but {reason}.")
    return reason


def _keep(settings: BaseSettings, problem: str) -> None:
    """Leave in the run folder, for `status`, why the engine isn't ready."""
    folder = state_reader.find_folder(settings.run_dir)
    if folder is None:
        return
    try:
        statefile.write(folder, statefile.ENGINE, {"problem": problem})
    except OSError:
        pass  # process 1 says that its folder can't be written
