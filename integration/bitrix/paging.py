"""Many list pages in one request: commands of a batch that start where the one before ended.

A page is 50 rows and a batch 50 commands, so one request brings up to 2,500 rows (bitrix24.md 4.4, 4.5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integration.bitrix.call import Call, Ref, rows_at

PAGE = 50
BATCH = 50


@dataclass(frozen=True)
class Pages:
    """Rows in order; ``exhausted`` when the last page has been seen; ``total`` when the first page was
    counted."""

    rows: list[dict[str, Any]]
    exhausted: bool
    total: int | None = None

    def __iter__(self) -> Iterator[Any]:
        """Unpacks as (rows, exhausted)."""
        return iter((self.rows, self.exhausted))


def chained_pages(
    make_call: Callable[[int | Ref], Call],
    after_id: int = 0,
    n: int = BATCH,
    id_path: str = "[items][49][id]",
) -> dict[str, Call]:
    """A batch of ``n`` list calls of which each filters by the id of the 50th row of the one before.

    ``make_call(after)`` builds one page that lists what follows ``after`` by rising id;
    ``id_path`` leads from a page's result to the id of its row with index 49.
    Send with halt=0 and read with ``unchain``: behind a short page the reference is empty, so those
    pages hold anything and are discarded (bitrix24.md 19).
    """
    batch: dict[str, Call] = {"p0": make_call(after_id)}
    for k in range(1, min(n, BATCH)):
        batch[f"p{k}"] = make_call(Ref(f"$result[p{k - 1}]{id_path}"))
    return batch


def offset_pages(make_call: Callable[[int], Call], start: int = 0, n: int = BATCH) -> dict[str, Call]:
    """A batch of ``n`` list calls by offset, for methods without a filter by id (users, addresses)."""
    return {f"p{k}": make_call(start + k * PAGE) for k in range(min(n, BATCH))}


def unchain(
    results: Mapping[str, Any],
    errors: Mapping[str, Exception] | None = None,
    *,
    path: str = "items",
    totals: Mapping[str, int] | None = None,
) -> Pages:
    """Joins the pages of ``chained_pages`` or ``offset_pages`` up to the first short one.

    A page that failed ends the rows without exhausting them, so that the next batch begins with it;
    when already the first page failed, its error is raised.
    """
    rows: list[dict[str, Any]] = []
    total = (totals or {}).get("p0") or None
    for k in range(BATCH):
        key = f"p{k}"
        if key not in results:
            failed = (errors or {}).get(key)
            if failed is not None and k == 0:
                raise failed
            return Pages(rows, False, total)
        page = rows_at(results[key], path)
        rows += page
        if len(page) < PAGE:
            return Pages(rows, True, total)
    return Pages(rows, False, total)
