"""Which tasks run on a node, for all who count them: by the API or in the database."""

from dataclasses import dataclass


# `HasPendingInterruptions` doesn't matter: a task that only waits for a person is `Queued`; one that executes while an
# interruption is pending (guided failure, an intervention in a child step) works on, and keeps its slot
# (OctopusDeploy issues 3893, 10041).
STATES = ("Executing", "Cancelling")


@dataclass(frozen=True, slots=True)
class Task:
    """A task that a node works on."""

    id: str
    description: str
    state: str
