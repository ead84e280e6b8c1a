"""What follows from a message of the direct line: a case for the head's people, never for the manager (S5, F1, F3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy.orm import Session

from integration.nps.followups import Case, Office, follow_up
from integration.nps.intents import Facts, OpenFollowUp
from integration.nps.people import ClientKey
from integration.nps.policy import Policy
from integration.services import followups, policies, rights
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.heirs import heir_of
from integration.store import cards_view, direct_clients, direct_lines, wave_cards
from integration.store.base import reading, transaction
from integration.store.direct_lines import DirectLink, DirectMessage
from integration.store.portals import Portal
from integration.store.waves import WaveClient

SHOWN = 50
LATELY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that nobody was given: `held` without proof of a person, or there was nobody at work to own it."""

    id: int
    client: ClientKey
    client_name: str
    person: str
    back: str
    words: str
    held: bool
    held_reason: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class DeskPage:
    """What waits for the head, and what was put aside lately."""

    waiting: tuple[Waiting, ...]
    dropped: tuple[Waiting, ...]


def reader(session: Session, portal_id: int, policy: Policy) -> tuple[str, str]:
    """Name and position of who reads the direct line: the head of the agency; empty where none is named."""
    head = policy.sender(policy.head_sender)
    if head is not None and head.name.strip():
        return head.name.strip(), head.position.strip()
    person = policies.team(session, portal_id).at_work(policy.head_user_id)
    return (person.name, "") if person is not None else ("", "")


def let_through(session: Session, link: DirectLink, message: DirectMessage, now: datetime) -> None:
    """A person stands behind a message: it becomes a follow-up with a deadline, once.

    Where nobody may own it, it waits to be seen (`waiting`), and is tried once more then.
    """
    message.status, message.held_reason = "new", ""
    portal = session.get(Portal, link.portal_id)
    if portal is None or message.follow_up_id is not None:
        return
    for intent in _intents(session, portal, link, message, now):
        message.follow_up_id = followups.open_one(session, portal, intent, now).id


def _intents(
    session: Session, portal: Portal, link: DirectLink, message: DirectMessage, now: datetime
) -> list[OpenFollowUp]:
    office = followups.office_of(session, portal, now)
    case = _case(session, portal.id, link, message)
    found = _of(case, office, now)
    if not found and office.team.at_work(office.policy.head_user_id) is not None:
        # The head serves this client: it is the head that the client writes to.
        found = _of(replace(case, manager=None, serving=()), office, now)
    facts: Facts = {"back": message.back, "message": message.id}
    return [replace(one, message_id=message.id, facts={**one.facts, **facts}) for one in found]


def _of(case: Case, office: Office, now: datetime) -> list[OpenFollowUp]:
    owned = follow_up("direct_line", office.policy.direct_line_days, case, office, now)
    barred = {case.manager, *case.serving} - {None}
    return [
        replace(one, observers=tuple(user for user in one.observers if user not in barred))
        for one in owned
        if one.owner not in barred
    ]


def _case(session: Session, portal_id: int, link: DirectLink, message: DirectMessage) -> Case:
    key = client_of(session, link)
    line = direct_clients.last_line(session, portal_id, key)
    serving = wave_cards.managers(session, portal_id, [line])[line.id] if line is not None else frozenset()
    card = cards_view.titles(session, portal_id, key)
    title, responsible, city = card if card is not None else ("", None, "")
    return Case(
        client=key, client_name=title or (line.name if line is not None else ""),
        city=city or (line.city if line is not None else ""),
        manager=responsible or (line.manager_id if line is not None else None), serving=tuple(sorted(serving)),
        deal_id=direct_clients.living_deal(session, portal_id, line), person=message.person, comment=message.words,
    )  # fmt: skip


def client_of(session: Session, link: DirectLink) -> ClientKey:
    """The client behind a link; of one whose card was merged the card that lives."""
    key = ClientKey(cast("Any", link.client_kind), link.client_id)
    if wave_cards.gone(session, link.portal_id, [key]):
        return heir_of(session, link.portal_id, key) or key
    return key


def token_of(session: Session, portal_id: int, line: WaveClient) -> str:
    """The token of the living direct line of a client on a list; empty if it has none (yet)."""
    key = wave_cards.key_of(line)
    return direct_lines.living(session, portal_id, [key]).get(key, "")


def waiting(session: Session, portal_id: int, user_id: int) -> list[Waiting]:
    """Messages that nobody was given, oldest first, at most `SHOWN`, for somebody who may see all clients.

    Who serves the client is not shown its messages, unless it is the head of the agency, to whom they are written.
    """
    rows = direct_lines.unsettled(session, portal_id, SHOWN)
    return _for(session, portal_id, user_id, rows)


def dropped(session: Session, portal_id: int, user_id: int, now: datetime) -> list[Waiting]:
    """Messages that somebody dropped lately, to take one back; see `waiting`."""
    return _for(session, portal_id, user_id, direct_lines.dropped(session, portal_id, now - LATELY, SHOWN))


def page(deps: Deps, who: Viewer) -> DeskPage:
    """The messages nobody was given, for the head and administrators. Raises `PermissionError`."""
    with reading(deps.sessions) as session:
        if not rights.of(session, who.portal_id, who).sees_all:
            raise PermissionError
        return DeskPage(
            tuple(waiting(session, who.portal_id, who.user_id)),
            tuple(dropped(session, who.portal_id, who.user_id, deps.clock.now())),
        )


def settle(deps: Deps, who: Viewer, message_id: int, verdict: str) -> Literal["done", "unknown", "nobody"]:
    """Let a held message through as a person's (`release`), put it aside as a machine's (`drop`), or take it back
    (`restore`). Twice is once. Raises `PermissionError` without the right.

    `nobody`: it is known to be a person's, but there is still nobody who may own it.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        if not rights.of(session, who.portal_id, who).sees_all:
            raise PermissionError
        message = direct_lines.message(session, who.portal_id, message_id)
        link = direct_lines.link(session, who.portal_id, message.link_id) if message else None
        if message is None or link is None or not message.words:
            return "unknown"
        if not _for(session, who.portal_id, who.user_id, [(message, link)]):
            raise PermissionError
        if verdict == "release":
            let_through(session, link, message, now)
            return "done" if message.follow_up_id is not None else "nobody"
        if message.follow_up_id is not None:
            return "unknown"
        message.status = "dropped" if verdict == "drop" else "held"
        return "done"


def _for(
    session: Session, portal_id: int, user_id: int, rows: Sequence[tuple[DirectMessage, DirectLink]]
) -> list[Waiting]:
    policy, _ = policies.load(session, portal_id)
    found = []
    for one, of in rows:
        case = _case(session, portal_id, of, one)
        if user_id != policy.head_user_id and user_id in {case.manager, *case.serving}:
            continue
        found.append(
            Waiting(
                id=one.id, client=case.client, client_name=case.client_name, person=one.person, back=one.back,
                words=one.words, held=one.status == "held", held_reason=one.held_reason, said_at=one.said_at,
            )
        )  # fmt: skip
    return found
