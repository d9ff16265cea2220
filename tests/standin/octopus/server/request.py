"""A request to the HTTP API, and the shapes of its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .state import ServerState


Answer = tuple[int, object]
DEFAULT_TAKE = 30


@dataclass(frozen=True)
class Request:
    """A request, its query by lower-case names."""

    state: ServerState
    method: str
    path: str
    query: Mapping[str, str]
    body: object
    key: str
    names: Mapping[str, str] = field(default_factory=dict)

    def asks(self, name: str) -> bool:
        """Whether a query parameter is true."""
        return self.query.get(name.lower(), "").lower() == "true"

    @property
    def fields(self) -> Mapping[str, object]:
        """The body's fields."""
        if not isinstance(self.body, dict):
            raise ValueError("A body is needed.")  # noqa: TRY004 - a wrong request, not a wrong call
        return self.body


def problem(status: int, message: str) -> Answer:
    """An error as the real one words it."""
    return status, {"ErrorMessage": message, "Errors": [message]}


def unknown(request: Request) -> Answer:
    """There is nothing of the Id that the request names."""
    return problem(404, f"The resource '{request.names['id']}' was not found.")


def paged(request: Request, item_type: str, items: Sequence[object]) -> Answer:
    """One page of a collection; 30 items unless told otherwise."""
    skip = int(request.query.get("skip", "0"))
    take = int(request.query.get("take", str(DEFAULT_TAKE)))
    pages = max(1, -(-len(items) // take)) if take else 1
    return 200, {
        "ItemType": item_type,
        "TotalResults": len(items),
        "ItemsPerPage": take,
        "NumberOfPages": pages,
        "LastPageNumber": pages - 1,
        "Items": items[skip : skip + take],
        "Links": {"Self": request.path},
    }
