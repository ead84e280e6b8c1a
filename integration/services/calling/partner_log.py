"""Who of a call centre looked at whom, when and from which network address (product.md W9, T7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from integration.services import piecewise
from integration.services.calling.types import Caller
from integration.services.deps import Deps
from integration.store import call_links, call_sheets
from integration.store.base import reading, transaction
from integration.store.call_links import CallLink, CallView

What = Literal["desk", "client", "sheet"]
SAME_VISIT = timedelta(minutes=10)  # the desk opened again within it is one visit
SAME_LOOK = timedelta(minutes=1)  # a page that renews itself is one look
AN_HOUR = timedelta(hours=1)
MOST_AN_HOUR = 120  # people one link is shown in an hour: more than anybody can call
PAGE = 50
LONGEST_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class LogLine:
    """One look. `client`, `person`: empty for the bare desk and for sheets; `line`: the client's line on the list."""

    id: int
    at: datetime
    what: str
    who: str
    remote: str
    count: int
    client: str = ""
    person: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of looks, the last one first; `following`: the number to go on before, 0 at the end."""

    lines: tuple[LogLine, ...]
    following: int


def is_new(deps: Deps, link: CallLink, remote: str, now: datetime) -> bool:
    """Whether a request is a visit of its own, not the next click of one."""
    if link.seen_at is None or link.seen_at <= now - SAME_LOOK:
        return True
    with reading(deps.sessions) as session:
        last = call_links.last_view(session, link.portal_id, link.id, "desk", None, remote[:LONGEST_ADDRESS])
        return last is None or last.at <= now - SAME_VISIT


def visited(session: Session, portal_id: int, link_id: int, remote: str, now: datetime) -> None:
    """Write a visit to the desk down."""
    remote = remote[:LONGEST_ADDRESS]
    call_links.seen(session, portal_id, link_id, now)
    link = call_links.get(session, portal_id, link_id)
    last = call_links.last_view(session, portal_id, link_id, "desk", None, remote)
    if link is not None and (last is None or last.at <= now - SAME_VISIT):
        call_links.note_view(
            session, portal_id, wave_id=link.wave_id, link_id=link_id, invitation_id=None, at=now, what="desk",
            who=_who(link), remote=remote, count=0,
        )  # fmt: skip


def saw(deps: Deps, caller: Caller, invitation_id: int, remote: str) -> None:
    """Write down that a caller behind a link is being shown a person."""
    link_id = _link(caller)
    now, remote = deps.clock.now(), remote[:LONGEST_ADDRESS]
    with transaction(deps.sessions) as session:
        link = call_links.get(session, caller.portal_id, link_id)
        if link is None:
            return
        last = call_links.last_view(session, caller.portal_id, link_id, "client", invitation_id, remote)
        if last is None or last.at <= now - SAME_LOOK:
            call_links.note_view(
                session, caller.portal_id, wave_id=link.wave_id, link_id=link_id, invitation_id=invitation_id, at=now,
                what="client", who=_who(link), remote=remote, count=1,
            )  # fmt: skip


def too_many(deps: Deps, caller: Caller) -> bool:
    """Whether a link has been shown more people within the hour than anybody calls: then it gets no more for now."""
    since = deps.clock.now() - AN_HOUR
    with reading(deps.sessions) as session:
        return call_links.people_since(session, caller.portal_id, _link(caller), since) >= MOST_AN_HOUR


def took_sheet(
    session: Session, portal_id: int, wave_id: int, who: str, remote: str, count: int, now: datetime
) -> None:
    """Write down that somebody took a sheet with so many people out."""
    call_links.note_view(
        session, portal_id, wave_id=wave_id, link_id=None, invitation_id=None, at=now, what="sheet", who=who[:200],
        remote=remote[:LONGEST_ADDRESS], count=count,
    )  # fmt: skip


def page(deps: Deps, portal_id: int, wave_id: int, *, link_id: int = 0, before: int = 0) -> LogPage:
    """Looks at people of a survey, the last one first."""
    with reading(deps.sessions) as session:
        found = call_links.views(session, portal_id, wave_id, link_id=link_id, before=before, limit=PAGE + 1)
        lines = _lines(session, portal_id, found[:PAGE])
    return LogPage(tuple(lines), found[PAGE - 1].id if len(found) > PAGE else 0)


def whole(deps: Deps, portal_id: int, wave_id: int) -> Iterator[LogLine]:
    """Every look, the last one first, read piece by piece."""

    def behind(session: Session, seen: int, last: CallView | None) -> list[CallView]:
        before = last.id if last is not None else 0
        return call_links.views(session, portal_id, wave_id, before=before, limit=piecewise.AT_ONCE)

    return piecewise.every(deps, behind, lambda session, part: _lines(session, portal_id, part))


def _lines(session: Session, portal_id: int, found: Sequence[CallView]) -> list[LogLine]:
    names = call_sheets.names(session, portal_id, {one.invitation_id for one in found if one.invitation_id})
    nobody = ("", "", 0)
    return [
        LogLine(one.id, one.at, one.what, one.who, one.remote, one.count, client, person, line)
        for one in found
        for person, client, line in (names.get(one.invitation_id or 0, nobody),)
    ]


def _link(caller: Caller) -> int:
    kind, _, number = caller.holder.partition(":")
    return int(number) if kind == "link" and number.isdigit() else 0


def _who(link: CallLink) -> str:
    return f"{link.name} ({link.firm})"[:200] if link.firm else link.name
