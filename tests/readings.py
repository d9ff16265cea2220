"""An environment as the code reads it."""

from collections.abc import Mapping

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
