"""Locks that sessions hold: application locks, and each database's one writer."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Protocol


MODES = ("IntentShared", "Shared", "Update", "IntentExclusive", "Exclusive")
_COMPATIBLE = {
    "IntentShared": {"IntentShared", "Shared", "Update", "IntentExclusive"},
    "Shared": {"IntentShared", "Shared", "Update"},
    "Update": {"IntentShared", "Shared"},
    "IntentExclusive": {"IntentShared", "IntentExclusive"},
    "Exclusive": set[str](),
}
GRANTED, WAITED, TIMEOUT, DEADLOCK = 0, 1, -1, -3
Key = tuple[str, ...]


class Owner(Protocol):
    """Who can hold a lock and wait for one."""

    def pause(self, seconds: float | None) -> None:
        """Wait until woken; raises when the client has gone or cancelled."""

    def wake(self) -> None:
        """End the pause."""


@dataclass(eq=False)
class _Waiter:
    owner: Owner
    mode: str
    scope: str
    granted: bool = False


@dataclass
class _Resource:
    # Who holds it: a (mode, scope) for each time that it was got.
    holders: dict[Owner, list[tuple[str, str]]] = field(default_factory=dict)
    queue: list[_Waiter] = field(default_factory=list)

    def compatible(self, owner: Owner, mode: str) -> bool:
        """Whether no other holder is in the way."""
        others = (held for other, held in self.holders.items() if other is not owner)
        return all(held in _COMPATIBLE[mode] for entries in others for held, _ in entries)


class Locks:
    """All locks of the server; waiting is in the order of asking."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._resources: dict[Key, _Resource] = {}
        self._waiting: dict[Owner, _Resource] = {}

    def acquire(self, owner: Owner, key: Key, mode: str, seconds: float | None, scope: str = "Session") -> int:
        """Get a lock, waiting for it no longer than that; None is for ever."""
        with self._mutex:
            resource = self._resources.setdefault(key, _Resource())
            if resource.compatible(owner, mode) and (owner in resource.holders or not resource.queue):
                resource.holders.setdefault(owner, []).append((mode, scope))
                return GRANTED
            if seconds is not None and seconds <= 0:
                self._tidy(key)
                return TIMEOUT
            if self._would_deadlock(owner, resource):
                return DEADLOCK
            waiter = _Waiter(owner, mode, scope)
            resource.queue.insert(0 if owner in resource.holders else len(resource.queue), waiter)
            self._waiting[owner] = resource
        try:
            self._wait(waiter, seconds)
        except BaseException:
            if self._stop_waiting(key, waiter):
                self.release(owner, key, scope)
            raise
        return WAITED if self._stop_waiting(key, waiter) else TIMEOUT

    @staticmethod
    def _wait(waiter: _Waiter, seconds: float | None) -> None:
        deadline = None if seconds is None else time.monotonic() + seconds
        while not waiter.granted:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return
            waiter.owner.pause(left)

    def _stop_waiting(self, key: Key, waiter: _Waiter) -> bool:
        """Leave the queue; True if the lock was granted, be it in the last moment."""
        with self._mutex:
            self._waiting.pop(waiter.owner, None)
            if not waiter.granted:
                self._resources[key].queue.remove(waiter)
                self._grant(key)
            return waiter.granted

    def _would_deadlock(self, owner: Owner, resource: _Resource) -> bool:
        seen: set[int] = set()
        wanted = [resource]
        while wanted:
            current = wanted.pop()
            if id(current) in seen:
                continue
            seen.add(id(current))
            for holder in current.holders:
                if holder is owner and current is not resource:
                    return True
                if holder is not owner and holder in self._waiting:
                    wanted.append(self._waiting[holder])
                    # Two holders of one resource that both want more of it.
                    if self._waiting[holder] is resource and owner in resource.holders:
                        return True
        return False

    def _grant(self, key: Key) -> None:
        resource = self._resources[key]
        while resource.queue and resource.compatible(resource.queue[0].owner, resource.queue[0].mode):
            waiter = resource.queue.pop(0)
            resource.holders.setdefault(waiter.owner, []).append((waiter.mode, waiter.scope))
            self._waiting.pop(waiter.owner, None)
            waiter.granted = True
            waiter.owner.wake()
        self._tidy(key)

    def _tidy(self, key: Key) -> None:
        resource = self._resources[key]
        if not resource.holders and not resource.queue:
            del self._resources[key]

    def release(self, owner: Owner, key: Key, scope: str = "Session") -> bool:
        """Give a lock back once; False if it isn't held."""
        with self._mutex:
            entries = self._resources[key].holders.get(owner, []) if key in self._resources else []
            mine = [entry for entry in entries if entry[1] == scope]
            if not mine:
                return False
            entries.remove(mine[-1])
            if not entries:
                del self._resources[key].holders[owner]
            self._grant(key)
            return True

    def release_all(self, owner: Owner, scope: str | None = None) -> None:
        """Give back everything of that scope, or everything."""
        with self._mutex:
            for key, resource in list(self._resources.items()):
                if owner not in resource.holders:
                    continue
                left = [entry for entry in resource.holders[owner] if scope and entry[1] != scope]
                resource.holders[owner] = left
                if not left:
                    del resource.holders[owner]
                self._grant(key)

    def mode(self, owner: Owner, key: Key, scope: str) -> str:
        """The strongest mode in which a lock is held, or NoLock."""
        with self._mutex:
            resource = self._resources.get(key)
            entries = resource.holders.get(owner, []) if resource else []
            return max((mode for mode, kept in entries if kept == scope), key=MODES.index, default="NoLock")

    def free(self, owner: Owner, key: Key, mode: str) -> bool:
        """Whether a lock could be got at once."""
        with self._mutex:
            resource = self._resources.get(key)
            return resource is None or resource.compatible(owner, mode)

    def listing(self) -> list[tuple[Key, Owner, str, str]]:
        """All locks: key, owner, mode, and GRANT or WAIT."""
        with self._mutex:
            rows = []
            for key, resource in self._resources.items():
                for owner, entries in resource.holders.items():
                    rows.append((key, owner, entries[-1][0], "GRANT"))
                rows += [(key, waiter.owner, waiter.mode, "WAIT") for waiter in resource.queue]
            return rows
