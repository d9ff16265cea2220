"""An environment, and a database, as the code reads them."""

from collections.abc import Mapping

from entrypoint.prepare.situation import Situation
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.configuration import Configuration, Settings
from entrypoint.settings.environment import Environment
from entrypoint.settings.paths import Paths


def base(**environ: str) -> BaseSettings:
    """Return what every process reads of `environ`."""
    return BaseSettings(Environment(environ))


def paths(**environ: str) -> Paths:
    """Return where things are by `environ`."""
    return base(**environ).paths


def configuration(environ: Mapping[str, str]) -> Configuration:
    """Return what a heavy process reads of `environ`."""
    return Configuration(Environment(environ))


def settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings in `environ`. Raise NodeError."""
    return configuration(environ).settings()


def situation(
    *,
    is_new: bool = False,
    is_finished: bool = True,
    is_older: bool = False,
    has_admin: bool = True,
    validated: bool = False,
) -> Situation:
    """Return a situation, by default that of a database which needs nothing."""
    return Situation(
        is_new=is_new,
        is_finished=is_finished,
        is_older=is_older,
        has_admin=has_admin,
        validated=validated,
        everything=False,
        version="2026.2.197",
    )
