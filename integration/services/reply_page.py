"""The page of what clients wrote back: those that wait or all, of the clients the viewer sees (product.md W18, P2)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.nps.rights import Rights
from integration.nps.scoring import group
from integration.nps.standing import RECORDABLE
from integration.services import piecewise, replies, reports, rights
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.store import client_owners, wave_queries
from integration.store import replies as rows
from integration.store import reports as report_rows
from integration.store.base import reading
from integration.store.replies import Reply as Reply
from integration.store.replies import Shown
from integration.store.reports import Scope

PAGE = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One reply. `own`: the viewer serves this client and decides nothing here; `recordable`: a score may still be
    written down; `standing`: the group of an answer that counts already, None without one."""

    reply: Reply
    person: str
    client_kind: str
    client_id: int
    client: str
    manager: str
    wave: str
    letter: str
    outcome: str
    score: int | None
    standing: str | None
    own: bool
    recordable: bool


@dataclass(frozen=True, slots=True)
class ReplyPage:
    """What the page shows. `page` of `pages`, from 1; `new` and `every`: how many wait, and how many there are;
    `listening`: whether a survey runs whose letters people may be answering."""

    rights: Rights
    lines: tuple[Line, ...]
    all: bool
    page: int
    pages: int
    new: int
    every: int
    listening: bool


def read(deps: Deps, who: Viewer, *, everything: bool, page: int = 1) -> ReplyPage:
    """The replies of the clients the viewer sees; a fixed number of queries. Raises `LookupError` if the portal is
    gone."""
    with reading(deps.sessions) as session:
        mine, scope = _sees(session, who)
        new = rows.count(session, who.portal_id, scope, new=True)
        every = rows.count(session, who.portal_id, scope, new=False)
        page, pages = piecewise.place(every if everything else new, page, PAGE)
        found = rows.listed(
            session, who.portal_id, scope, new=not everything, skip=(page - 1) * PAGE, limit=PAGE
        )
        listening = replies.wanted(session, who.portal_id, deps.clock.now())
        lines = _lines(session, who, found)
        return ReplyPage(mine, lines, everything, page, pages, new, every, listening)


def one(deps: Deps, who: Viewer, reply_id: int) -> Line | None:
    """One reply; nothing if there is none. Raises `PermissionError` if its client is a colleague's."""
    with reading(deps.sessions) as session:
        found = rows.shown(session, who.portal_id, reply_id)
        if found is None or found.line is None:
            return None
        if not rights.of(session, who.portal_id, who).sees(found.line.manager_id, found.line.city):
            raise PermissionError("not_yours")
        return _lines(session, who, [found])[0]


def waiting(session: Session, portal_id: int, mine: Rights) -> int:
    """How many replies wait, of the clients this person sees."""
    if not mine.sees_clients:
        return 0
    return replies.waiting(session, portal_id, scope=_scope(session, portal_id, mine))


def _sees(session: Session, who: Viewer) -> tuple[Rights, Scope]:
    mine = rights.of(session, who.portal_id, who)
    return mine, _scope(session, who.portal_id, mine)


def _scope(session: Session, portal_id: int, mine: Rights) -> Scope:
    waves = [] if mine.sees_all else [wave.id for wave in wave_queries.waves_of(session, portal_id)]
    return reports.scope_of(session, portal_id, mine, waves)


def _lines(session: Session, who: Viewer, found: list[Shown]) -> tuple[Line, ...]:
    managers = {one.line.manager_id for one in found if one.line is not None and one.line.manager_id}
    names = report_rows.names(session, who.portal_id, managers)
    clients = {_client(one) for one in found if one.line is not None}
    owners = client_owners.owners(session, who.portal_id, clients)
    return tuple(_line(one, who, names, owners) for one in found if one.line is not None)


def _client(one: Shown) -> ClientKey:
    line = one.line
    return ClientKey.parse(f"{line.client_kind}:{line.client_id}" if line else "company:0")


def _line(one: Shown, who: Viewer, names: dict[int, str], owners: dict[ClientKey, set[int]]) -> Line:
    line = one.line
    manager = line.manager_id if line is not None else None
    client = _client(one)
    runs = one.stage in RECORDABLE or (one.stage == "closed" and one.preliminary)
    open_still = one.outcome not in ("answered", "opted_out", "excluded") and runs
    return Line(
        reply=one.reply, person=one.person, client_kind=client.kind, client_id=client.id,
        client=line.name if line is not None else "", manager=names.get(manager or 0, ""), wave=one.wave,
        letter=one.letter, outcome=one.outcome, score=one.score,
        standing=None if one.score is None else group(one.score),
        own=who.user_id in {manager, *owners.get(client, set())}, recordable=open_still and one.score is None,
    )  # fmt: skip
