"""octo-node: ENTRYPOINT and node supervisor of Octopus Server's Linux container."""

__version__ = "0.1.0"
