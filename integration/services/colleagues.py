""" "Ask my colleague": a client names somebody else; staff decide, and write to nobody but a card (product.md W12).

What is typed on the page is never an address to write to. Staff choose a contact of that client; it gets an invitation
of its own on the same line of the list, one more than `max_respondents` if need be. Who named somebody gets no more
reminders, and may still answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from integration import i18n
from integration.nps.touches import AFTER_SNOOZE, step_names
from integration.services import policies, survey_guard
from integration.services.deps import Deps
from integration.services.standing import plan_of
from integration.services.survey_guard import Purpose
from integration.services.survey_pages import is_late, status_of
from integration.store import answers, responses, wave_queries
from integration.store import colleagues as rows
from integration.store.answers import Asked
from integration.store.base import transaction
from integration.store.colleagues import Colleague

MOST = 3  # proposals of one respondent
LONGEST = {"name": 200, "reach": 255, "words": 500}
SKIPPED = "colleague"  # why the reminders of who named somebody are left out (W14)

Told = Literal["done", "needs_confirmation", "problem", "too_many", "closed"]


@dataclass(frozen=True, slots=True)
class ProposedResult:
    """What became of a proposal. `needs_confirmation`: nothing is kept yet, ask once more with `confirm`."""

    status: Told
    language: str = ""
    confirm: str = ""
    problems: tuple[tuple[str, str], ...] = ()


def propose(
    deps: Deps,
    token: str,
    form: Mapping[str, str],
    *,
    proof: str = "",
    sure: bool = False,
    user_agent: str = "",
) -> ProposedResult:
    """Keep a proposal (`name`, `reach`, `words`) of a respondent who acts as a person; else ask once more (S1).

    The same name once more is the same proposal.
    """
    now = deps.clock.now()
    given = {name: " ".join(form.get(name, "").split()) for name in LONGEST}
    with transaction(deps.sessions) as session:
        found = answers.asked_by_token(session, token, lock=True)
        if found is None or not may_propose(session, found, now):
            return ProposedResult("closed", _language(found))
        if problems := _problems(given):
            return ProposedResult("problem", _language(found), problems=problems)
        purposes: tuple[Purpose, ...] = ("colleague", "colleague_2") if sure else ("colleague",)
        if not survey_guard.judge(session, found.invitation, proof, purposes, user_agent, now).proven:
            confirm = survey_guard.issue(deps, session, found.invitation, "colleague_2", now, now)
            return ProposedResult("needs_confirmation", _language(found), confirm)
        mine = rows.of_invitation(session, found.portal.id, found.invitation.id)
        if all(one.name.casefold() != given["name"].casefold() for one in mine):
            if len(mine) >= MOST:
                return ProposedResult("too_many", _language(found))
            _keep(session, found, given, now)
        return ProposedResult("done", _language(found))


def may_propose(session: Session, found: Asked, now: datetime) -> bool:
    """Whether this respondent may name somebody else now: the question is open, and the agency wants to know."""
    response = responses.response_of(session, found.portal.id, found.invitation.id)
    if status_of(session, found, response, now) != "open" or is_late(found):
        return False
    return policies.load(session, found.portal.id)[0].offer_colleague


def _keep(session: Session, found: Asked, given: Mapping[str, str], now: datetime) -> None:
    row = Colleague(portal_id=found.portal.id, invitation_id=found.invitation.id, said_at=now, **given)
    session.add(row)
    session.flush()
    _no_more_letters(session, found, now)
    line = f"{found.client.client_kind}:{found.client.client_id}"
    wave_queries.note(session, found.wave, now, "colleague_named", "client", line)


def _no_more_letters(session: Session, found: Asked, now: datetime) -> None:
    """The steps to come are left out and named; an answer is welcome until the end (product.md W14)."""
    one, plan = found.invitation, plan_of(found.wave)
    steps = [*(step_names(plan) if plan else ()), AFTER_SNOOZE]
    one.skipped = {**{step: SKIPPED for step in steps if step not in one.touches}, **one.skipped}
    one.snoozed_until, one.due_at = None, now
    answers.cancel_letters(session, one.portal_id, now, invitation_id=one.id)


def open_for(session: Session, portal_id: int, wave_id: int) -> int:
    """Proposals of a wave that wait for somebody to decide."""
    return rows.count_open(session, portal_id, wave_id)


def _problems(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    found = [(name, "too_long") for name, most in LONGEST.items() if len(given[name]) > most]
    if not given["name"]:
        found.append(("name", "empty"))
    if not given["reach"]:
        found.append(("reach", "empty"))
    return tuple(found)


def _language(found: Asked | None) -> str:
    if found is None:
        return ""
    return i18n.known(found.invitation.language, i18n.language_of(found.portal.language))
