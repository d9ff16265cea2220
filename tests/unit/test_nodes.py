"""Who of the other nodes is alive, by the signs of life that the database has of them."""

from entrypoint.octopus.node_table import HeartbeatWatch, NodeRow


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def watched(*signs: tuple[float, int, int]) -> list[tuple[bool, float]]:
    """Return what a watch says of a node, alive and unsure, at each (time, LastSeen, its age in seconds)."""
    clock = Clock()
    watch = HeartbeatWatch(clock)
    found = []
    for now, last_seen, age in signs:
        clock.now = 1000.0 + now
        names, unsure = watch.alive([NodeRow("octopus-1", last_seen, age)])
        found.append((bool(names), unsure))
    return found


def test_a_recent_sign_is_life() -> None:
    """Within five minutes, by the database's clock, a node is alive."""
    assert watched((0, 1, 299)) == [(True, 0.0)]


def test_an_old_sign_is_watched_before_it_is_death() -> None:
    """An old sign that doesn't change for longer than a heartbeat is a dead node's."""
    assert watched((0, 1, 300), (4, 1, 304), (6, 1, 306)) == [(False, 6.0), (False, 2.0), (False, 0.0)]


def test_an_old_sign_that_moves_is_a_slow_clock() -> None:
    """A node whose clock is ten minutes slow lives, and dies five minutes after its last sign."""
    assert watched((0, 1, 600), (5, 2, 600), (304, 2, 899), (305, 2, 900)) == [
        (False, 6.0),
        (True, 0.0),
        (True, 0.0),
        (False, 0.0),
    ]


def test_a_sign_from_the_future_ages_as_any_other() -> None:
    """A dead node whose clock was ten minutes fast is dead after five minutes, not fifteen."""
    assert watched((0, 1, -600), (299, 1, -301), (300, 1, -300)) == [(True, 0.0), (True, 0.0), (False, 0.0)]


def test_each_node_is_watched_for_itself() -> None:
    """The names are those of the living; the longest doubt counts."""
    watch = HeartbeatWatch(Clock())
    rows = [NodeRow("a", 1, 10), NodeRow("b", 1, 400)]
    assert watch.alive(rows) == (["a"], 6.0)
