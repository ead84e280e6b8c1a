"""The direct line: a page on which a client writes to the head of the agency past its manager (product.md S5).

One link per client, made with the first letter that names it. It works without a login, also when no survey runs,
until somebody revokes it. What a person writes becomes a follow-up of the head's people; nothing of it is told to the
manager, no comment stands in the card's timeline.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy.orm import Session

from integration import i18n
from integration.logs import log
from integration.nps.people import ClientKey
from integration.services import direct_cases, policies, survey_guard
from integration.services.deps import Deps
from integration.services.letter_drafts import Draft
from integration.services.survey_guard import Purpose
from integration.store import answers, direct_lines
from integration.store.base import reading, transaction
from integration.store.direct_lines import DirectLink, DirectMessage
from integration.store.portals import Portal

__all__ = [
    "MOST_WORDS",
    "DirectPage",
    "SaidResult",
    "lines_of",
    "link_of",
    "of_letter",
    "page",
    "prove",
    "say",
]

_log = log(__name__)

MOST_WORDS = 4000  # characters of a message
LONGEST_NAME = 200
A_DAY = timedelta(days=1)
MOST_A_DAY = 10  # messages of people under one link; held ones are counted apart
PURPOSE: Purpose = "direct"
SECOND: Purpose = "direct_2"
SAMPLE = "sample"  # token of the links in letters to staff: it leads to a page that knows nobody

DirectStatus = Literal["open", "revoked", "off", "unknown"]


@dataclass(frozen=True, slots=True)
class DirectPage:
    """The page of a direct line. `reader` and `position`: who reads it, empty where the agency named no head.

    `nonce` is signed and names the link and the moment; it is empty where nothing can be written.
    """

    status: DirectStatus
    language: str = ""
    agency: str = ""
    reader: str = ""
    position: str = ""
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class SaidResult:
    """What became of a message. `needs_confirmation`: it is held, ask once more with `confirm` as one-time value;
    `problem`: `problems` are codes by field; `too_many`: enough for a day; `closed`: `page` says why."""

    status: Literal["done", "needs_confirmation", "problem", "too_many", "closed"]
    page: DirectPage
    confirm: str = ""
    problems: tuple[tuple[str, str], ...] = ()


def link_of(deps: Deps, session: Session, portal_id: int, client: ClientKey, now: datetime) -> str:
    """The address of a client's direct line, made if there is none; empty if the agency switched it off."""
    policy, _ = policies.load(session, portal_id)
    if not policy.direct_line:
        return ""
    known = direct_lines.living(session, portal_id, [client]).get(client)
    return url(deps, known or direct_lines.make(session, portal_id, client, deps.dice.token(), now))


def of_letter(deps: Deps, session: Session, portal_id: int, draft: Draft, now: datetime) -> str:
    """The address in the foot of a letter; empty where the line is switched off."""
    if draft.line is None:
        return ""
    if draft.test:
        return url(deps, SAMPLE)
    token = draft.line_token or direct_lines.make(session, portal_id, draft.line, deps.dice.token(), now)
    return url(deps, token)


def lines_of(
    deps: Deps, session: Session, portal_id: int, clients: Collection[ClientKey], now: datetime
) -> dict[ClientKey, str]:
    """The tokens of these clients' links, made where there is none, for letters that are written together."""
    tokens = {client: deps.dice.token() for client in clients}
    return direct_lines.make_all(session, portal_id, tokens, now)


def url(deps: Deps, token: str) -> str:
    """The address of a direct line (interface.md 4)."""
    return f"{deps.settings.public_url}/d/{token}"


def page(deps: Deps, token: str) -> DirectPage:
    """The page behind a link. Changes nothing."""
    with reading(deps.sessions) as session:
        found = direct_lines.by_token(session, token)
        return _view(deps, session, found, deps.clock.now())


def prove(
    deps: Deps, token: str, nonce: str, gesture: Mapping[str, Any], *, user_agent: str = ""
) -> str | None:
    """A one-time value for a page whose script reports a person's gesture, or nothing (product.md S1)."""
    now = deps.clock.now()
    if not survey_guard.is_gesture(gesture) or survey_guard.is_scanner(user_agent):
        return None
    with transaction(deps.sessions) as session:
        found = direct_lines.by_token(session, token)
        opened = survey_guard.opened_at(deps, found, nonce, now) if found else None
        if found is None or opened is None or _view(deps, session, found, now).status != "open":
            return None
        return survey_guard.issue(deps, session, found, PURPOSE, opened, now)


def say(
    deps: Deps,
    token: str,
    form: Mapping[str, str],
    *,
    proof: str = "",
    sure: bool = False,
    user_agent: str = "",
) -> SaidResult:
    """Take a message: `words`, `person`, `back` (how to reach them), with the one-time value of `prove`, or, if the
    person ticked the box (`sure`), that of a confirmation step.

    Without a valid value it is held: it starts nothing until the person confirms it or staff let it through
    (product.md S1). The same words once more within a day are one message.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        link = direct_lines.by_token(session, token, lock=True)
        shown = _view(deps, session, link, now)
        if link is None or shown.status != "open":
            return SaidResult("closed", shown)
        words, person, back = _clean(form, "words"), _clean(form, "person"), _clean(form, "back")
        if problems := _problems(words, person, back):
            return SaidResult("problem", shown, problems=problems)
        purposes: tuple[Purpose, ...] = (PURPOSE, SECOND) if sure else (PURPOSE,)
        verdict = survey_guard.judge(session, link, proof, purposes, user_agent, now)
        today = direct_lines.messages_since(session, link.portal_id, link.id, now - A_DAY)
        same = next((one for one in reversed(today) if one.words == words and one.status != "dropped"), None)
        if same is not None and same.status == "new":
            return SaidResult("done", shown)
        if (
            same is None
            and sum(one.status == ("new" if verdict.proven else "held") for one in today) >= MOST_A_DAY
        ):
            return SaidResult("too_many", shown)
        kept = same or _keep(session, link, words, person, back, now)
        if not verdict.proven:
            _log.info("direct.held", reason=verdict.reason, portal=link.portal_id)
            kept.held_reason = verdict.reason
            confirm = survey_guard.issue(deps, session, link, SECOND, now, now)
            return SaidResult("needs_confirmation", shown, confirm)
        kept.person, kept.back = person, back
        direct_cases.let_through(session, link, kept, now)
        return SaidResult("done", shown)


def _keep(
    session: Session, link: DirectLink, words: str, person: str, back: str, now: datetime
) -> DirectMessage:
    row = DirectMessage(
        portal_id=link.portal_id,
        link_id=link.id,
        person=person,
        back=back,
        words=words,
        status="held",
        said_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _clean(form: Mapping[str, str], name: str) -> str:
    text = form.get(name, "").replace("\r\n", "\n").strip()
    return text if name == "words" else " ".join(text.split())


def _problems(words: str, person: str, back: str) -> tuple[tuple[str, str], ...]:
    found = []
    if not words:
        found.append(("words", "empty"))
    elif len(words) > MOST_WORDS:
        found.append(("words", "too_long"))
    found += [
        (name, "too_long") for name, text in (("person", person), ("back", back)) if len(text) > LONGEST_NAME
    ]
    return tuple(found)


def _view(deps: Deps, session: Session, link: DirectLink | None, now: datetime) -> DirectPage:
    portal = session.get(Portal, link.portal_id) if link is not None else None
    if link is None or portal is None:
        return DirectPage("unknown")
    language, agency = i18n.language_of(portal.language), answers.agency_name(session, portal)
    if link.revoked_at is not None or portal.status in ("uninstalled", "undecided"):
        return DirectPage("revoked", language, agency)
    policy, _ = policies.load(session, portal.id)
    if not policy.direct_line:
        return DirectPage("off", language, agency)
    reader, position = direct_cases.reader(session, portal.id, policy)
    return DirectPage(
        cast("Any", "open"), language, agency, reader, position, survey_guard.sign_nonce(deps, link, now)
    )
