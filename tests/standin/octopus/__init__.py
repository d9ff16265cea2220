"""A stand-in for Octopus.Server: its command line, HTTP API, tables and habits, and nothing else of it."""

from .trace import integrity, migrations


__all__ = ["integrity", "migrations"]
