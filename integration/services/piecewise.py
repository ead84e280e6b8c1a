"""Long lists, read so that neither a page nor a file holds more of them than it needs (product.md P4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy.orm import Session

from integration.services.deps import Deps
from integration.store.base import reading

AT_ONCE = 500  # rows of a file read at once
R = TypeVar("R")
T = TypeVar("T")


def place(total: int, wanted: int, size: int) -> tuple[int, int]:
    """Which page of so many rows is shown when `wanted` is asked for, and how many there are; both from 1."""
    pages = max(1, -(-total // size))
    return min(max(1, wanted), pages), pages


def every(
    deps: Deps,
    read: Callable[[Session, int, R | None], Sequence[R]],
    show: Callable[[Session, Sequence[R]], Sequence[T]],
) -> Iterator[T]:
    """All rows as `show` makes them, a piece in each transaction. `read` gives the next `AT_ONCE` rows behind so many
    that were read before, and behind the last of them (nothing: from the beginning)."""
    seen, last = 0, None
    while True:
        with reading(deps.sessions) as session:
            part = read(session, seen, last)
            found = show(session, part)
        yield from found
        if len(part) < AT_ONCE:
            return
        seen, last = seen + len(part), part[-1]
