"""Rows by id, kept in the order of ids, with equality indexes: what makes a walk by ``>id`` cheap."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import Any

Row = dict[str, Any]


class Table:
    """A map of rows with sorted ids. ``indexed`` fields (scalars or lists) get equality indexes; ``touched``
    names a whole-number field by which changed rows can be found (the watermark of a reconciliation)."""

    def __init__(self, indexed: Iterable[str] = (), touched: str | None = None) -> None:
        self.rows: dict[int, Row] = {}
        self.ids: list[int] = []
        self.last_id = 0
        self.index: dict[str, dict[Any, set[int]]] = {name: {} for name in indexed}
        self.touched = touched
        #: Writes so far; pages that stay up to date compare it.
        self.changes = 0
        self._log: list[tuple[int, int]] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, row_id: int) -> bool:
        return row_id in self.rows

    def get(self, row_id: int) -> Row | None:
        """The row itself, not a copy."""
        return self.rows.get(row_id)

    def next_id(self) -> int:
        """A fresh id, never used before, not even by a deleted row."""
        self.last_id += 1
        return self.last_id

    def insert(self, row_id: int, row: Row) -> Row:
        """Adds a row; raises ``ValueError`` for an id in use."""
        if row_id in self.rows:
            raise ValueError(f"id {row_id} is taken")
        self.changes += 1
        self.rows[row_id] = row
        if not self.ids or row_id > self.ids[-1]:
            self.ids.append(row_id)
        else:
            insort(self.ids, row_id)
        self.last_id = max(self.last_id, row_id)
        self._index_row(row_id, row)
        self._touch(row_id, row)
        return row

    def change(self, row_id: int, changes: Row) -> Row:
        """Writes the given keys into a row and keeps the indexes true."""
        row = self.rows[row_id]
        for name in self.index:
            if name in changes:
                self._drop(name, row_id, row.get(name))
                self._put(name, row_id, changes[name])
        row.update(changes)
        self.changes += 1
        if self.touched in changes:
            self._touch(row_id, row)
        return row

    def remove(self, row_id: int) -> Row:
        """Takes a row out; its id is not given again."""
        row = self.rows.pop(row_id)
        self.changes += 1
        place = bisect_left(self.ids, row_id)
        del self.ids[place]
        for name in self.index:
            self._drop(name, row_id, row.get(name))
        return row

    def equal(self, name: str, value: Any) -> set[int]:
        """Ids of the rows whose indexed field has (or holds) the value."""
        return self.index[name].get(value, set())

    def walk(self, low: int | None = None, high: int | None = None, down: bool = False) -> Iterator[int]:
        """Ids with ``low < id < high`` in order; the ends are found by bisection."""
        start = 0 if low is None else bisect_right(self.ids, low)
        end = len(self.ids) if high is None else bisect_left(self.ids, high)
        places = range(end - 1, start - 1, -1) if down else range(start, end)
        return (self.ids[place] for place in places)

    def touched_since(self, moment: int) -> set[int]:
        """Ids of rows whose ``touched`` field may be at or after the moment (seconds); deleted rows and
        rows touched again are included, so the caller still checks."""
        if self._log is None:
            name = self.touched or ""
            self._log = sorted((row.get(name) or 0, row_id) for row_id, row in self.rows.items())
        place = bisect_left(self._log, (moment, 0))
        return {row_id for _, row_id in self._log[place:] if row_id in self.rows}

    def _touch(self, row_id: int, row: Row) -> None:
        if self._log is not None and self.touched:
            insort(self._log, (row.get(self.touched) or 0, row_id))

    def _index_row(self, row_id: int, row: Row) -> None:
        for name in self.index:
            self._put(name, row_id, row.get(name))

    def _put(self, name: str, row_id: int, value: Any) -> None:
        for key in _keys(value):
            self.index[name].setdefault(key, set()).add(row_id)

    def _drop(self, name: str, row_id: int, value: Any) -> None:
        for key in _keys(value):
            self.index[name].get(key, set()).discard(row_id)


def _keys(value: Any) -> Iterable[Any]:
    if isinstance(value, list):
        return value
    return () if value is None else (value,)
