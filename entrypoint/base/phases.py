"""The phases of a node's life."""

from enum import StrEnum


class Phase(StrEnum):
    """What process 1 is doing; what it *wants* is another word, `Wanted`."""

    PREFLIGHT = "preflight"
    PREPARING = "preparing"
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"
    KILLING = "killing"
    STOPPED = "stopped"
    FAILED = "failed"


class Wanted(StrEnum):
    """What the operator wants the node to be."""

    UP = "up"
    DOWN = "down"
