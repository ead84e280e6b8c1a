"""A portal with Molva installed, set up and synchronised: lived through once, remembered for the tests after it.

What is remembered is everything there is at that moment: the rows of the database, the sandbox's memory and the
time. A test gets them back at its own addresses, as if it had installed Molva itself; how that comes about is the
subject of `test_portals_install`, `test_mirror` and `test_setup_placements`, which go the long way.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from sqlalchemy import func, insert, select, text

from integration.bitrix.sandbox.agency import Agency
from integration.bitrix.sandbox.tables import Table
from integration.store.base import Base, Sessions, reading, transaction
from tests.services.portal_world import World, agency, world

Rows = dict[str, list[dict[str, Any]]]
#: By database, agency and settings.
_known: dict[tuple[str, bytes, str], Memory] = {}


@contextmanager
def ready_world(sessions: Sessions, data: Agency | None = None, **settings: Any) -> Iterator[World]:
    """`portal_world.world`, ready to work."""
    data = data or agency()
    key = (sessions.kw["bind"].dialect.name, pickle.dumps(data), repr(sorted(settings.items())))
    with world(sessions, data, **settings) as made:
        if key in _known:
            _known[key].come_back(made)
        else:
            _known[key] = Memory.of(made.ready())
        yield made


@dataclass(frozen=True)
class Memory:
    """One world at one moment, with the addresses it had."""

    rows: Rows
    sandbox: dict[str, dict[str, Any]]
    addresses: tuple[str, ...]
    moment: float
    heard: int
    portal_id: int

    @classmethod
    def of(cls, made: World) -> Memory:
        with reading(made.deps.sessions) as session:
            rows = {
                table.name: [dict(row._mapping) for row in session.execute(select(table))]
                for table in Base.metadata.sorted_tables
            }
        with made.box.portal.state.lock:
            sandbox = copy.deepcopy(_memory(made), _outside(made))
        heard = made.box.portal.queue.counted
        return cls(rows, sandbox, _addresses(made), made.clock.time(), heard, made.portal_id)

    def come_back(self, made: World) -> None:
        """Put everything into a world in which nothing has happened yet."""
        names = dict(zip(self.addresses, _addresses(made), strict=True))
        made.clock.advance(self.moment - made.clock.time())
        _write(made.deps.sessions, _moved(copy.deepcopy(self.rows), names))
        with made.box.portal.state.lock:
            kept = _moved(copy.deepcopy(self.sandbox, _outside(made)), names)
            for part, values in kept.items():
                vars(_parts(made)[part]).update(values)
            made.box.portal.queue.counted = self.heard
        made.portal_id = self.portal_id


def _parts(made: World) -> dict[str, Any]:
    portal = made.box.portal
    return {"state": portal.state, "tokens": portal.tokens, "buckets": portal.buckets, "budget": portal.budget,
            "journal": portal.journal}  # fmt: skip


def _memory(made: World) -> dict[str, dict[str, Any]]:
    """What the sandbox remembers, without its clock, its lock and its address."""
    outside = ("clock", "lock", "origin")
    return {
        part: {name: value for name, value in vars(thing).items() if name not in outside}
        for part, thing in _parts(made).items()
    }


def _outside(made: World) -> dict[int, Any]:
    """For `deepcopy`: things of the process, which are not copied."""
    return {id(thing): thing for thing in (made.clock, made.box.portal.state.lock)}


def _addresses(made: World) -> tuple[str, ...]:
    """Host and port of everybody who can be reached."""
    return tuple(url.split("://")[1] for url in (made.box.portal_url, made.box.oauth_url, made.address))


def _moved(thing: Any, names: dict[str, str]) -> Any:
    """The same with other addresses in all its texts."""
    if isinstance(thing, str):
        for old, new in names.items():
            thing = thing.replace(old, new)
    elif type(thing) in (list, tuple):
        thing = type(thing)(_moved(one, names) for one in thing)
    elif isinstance(thing, dict):
        for name, value in thing.items():
            thing[name] = _moved(value, names)
    elif isinstance(thing, Table):
        _moved(thing.rows, names)
    elif is_dataclass(thing) and not thing.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        for one in fields(thing):
            setattr(thing, one.name, _moved(getattr(thing, one.name), names))
    return thing


def _write(sessions: Sessions, rows: Rows) -> None:
    """Insert rows with their numbers; new ones get numbers after them."""
    with transaction(sessions) as session:
        for table in Base.metadata.sorted_tables:
            if rows[table.name]:
                session.execute(insert(table), rows[table.name])
        if sessions.kw["bind"].dialect.name == "postgresql":
            for table in Base.metadata.sorted_tables:
                if rows[table.name] and "id" in table.c and table.c.id.autoincrement is not False:
                    last = session.scalar(select(func.max(table.c.id)))
                    session.execute(
                        text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"),
                        {"name": table.name, "last": last},
                    )
