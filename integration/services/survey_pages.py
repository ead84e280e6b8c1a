"""What the answer page shows, and whether it still takes an answer. Nothing here writes (product.md S1, S6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from integration import i18n
from integration.nps.policy import Policy
from integration.nps.scoring import group
from integration.nps.touches import DONE_STAGES
from integration.services import direct_cases, policies, questions, survey_guard
from integration.services.deps import Deps
from integration.services.survey_types import Extra, PageStatus, SurveyPage
from integration.store import answers, responses
from integration.store.answers import Asked
from integration.store.base import reading
from integration.store.responses import Response
from integration.store.waves import PROJECT

UNKNOWN = SurveyPage("unknown")


def page(deps: Deps, token: str) -> SurveyPage:
    """The answer page behind a link; see `SurveyPage`. Changes nothing."""
    with reading(deps.sessions) as session:
        found = answers.asked_by_token(session, token)
        if found is None:
            return _replaced(deps, session, token)
        response = responses.response_of(session, found.portal.id, found.invitation.id)
        return view(deps, session, found, response, deps.clock.now())


def _replaced(deps: Deps, session: Session, token: str) -> SurveyPage:
    """A link that was replaced by a new one says so; any other is unknown (product.md S6)."""
    found = answers.asked_by_any_token(session, token)
    if found is None:
        return UNKNOWN
    shown = view(deps, session, found, None, deps.clock.now())
    return replace(shown, status="revoked", nonce="", colleagues=False)


def view(deps: Deps, session: Session, found: Asked, response: Response | None, now: datetime) -> SurveyPage:
    """The page of an invitation inside a transaction that has read it."""
    status = status_of(session, found, response, now)
    shown = response if response is not None and response.status == "counted" else None
    until = edit_until(session, found, shown)
    can_edit = status == "answered" and until is not None and now <= until
    takes_answers = status == "open" or can_edit
    policy, _ = policies.load(
        session, found.portal.id
    )  # whether a page is offered follows the rules of today
    named = answers.named(session, found.portal, found.client, found.invitation.contact_id)
    direct = direct_cases.token_of(session, found.portal.id, found.client) if policy.direct_line else ""
    return SurveyPage(
        status=status,
        language=i18n.known(found.invitation.language, i18n.language_of(found.portal.language)),
        agency=named.agency,
        service=named.service,
        people=(named.manager,) if named.manager else (),
        first_name=found.invitation.name.split(" ")[0],
        wave=found.wave.name,
        score=shown.score if shown and status == "answered" else None,
        group=group(shown.score) if shown and status == "answered" else None,
        comment=shown.comment if shown and status == "answered" else "",
        nonce=survey_guard.sign_nonce(deps, found.invitation, now) if takes_answers else "",
        can_edit=can_edit,
        edit_until=until if status == "answered" else None,
        direct=direct if found.portal.status not in ("uninstalled", "undecided") else "",
        colleagues=status == "open" and policy.offer_colleague and not is_late(found),
        extra=_extra(session, policy, shown) if can_edit and shown else Extra(),
    )


def _extra(session: Session, policy: Policy, response: Response) -> Extra:
    """What is asked besides, and what this person said to it so far; held answers are not shown to whoever looks."""
    asked = questions.current(session, response.portal_id, policy)
    if not asked:
        return Extra()
    said = questions.of_responses(session, response.portal_id, [response.id]).get(response.id, ())
    return Extra(asked, {one.question.key: one.value for one in said if not one.held}, policy.language)


def answered(
    session: Session, shown: SurveyPage, found: Asked, response: Response, now: datetime
) -> SurveyPage:
    """The page that took an answer, as it is once the answer counts; `view` reads all of it anew."""
    until = edit_until(session, found, response)
    return replace(
        shown,
        status="answered",
        language=i18n.known(found.invitation.language, i18n.language_of(found.portal.language)),
        score=response.score,
        group=group(response.score),
        comment=response.comment,
        can_edit=until is not None and now <= until,
        edit_until=until,
        colleagues=False,
    )


def is_late(found: Asked) -> bool:
    """Whether it is too late to ask anybody else in this wave, or the person is done with it."""
    if found.wave.kind == PROJECT:  # one person is asked about a project, and nobody else
        return True
    return bool(found.invitation.outcome) or found.wave.stage in (*DONE_STAGES, "closing")


def status_of(session: Session, found: Asked, response: Response | None, now: datetime) -> PageStatus:
    """Whether an invitation can be answered at this moment, and why not."""
    invitation = found.invitation
    if invitation.revoked_at is not None or found.portal.status in ("uninstalled", "undecided"):
        return "revoked"
    if response is not None and response.status == "counted":
        return "answered"
    if invitation.outcome == "opted_out" or answers.said_never(session, invitation):
        return "opted_out"
    ended = expires_at(session, found)
    if found.wave.stage == "cancelled" or (ended is not None and now > ended):
        return "expired"
    return "open"


def edit_time(session: Session, found: Asked) -> timedelta:
    """`edit_days` of the rules the wave was frozen with."""
    return timedelta(
        days=policies.load_version(session, found.portal.id, found.wave.policy_version).edit_days
    )


def expires_at(session: Session, found: Asked) -> datetime | None:
    """When the link ends: `edit_days` after the wave was closed (product.md S6); not known before that."""
    closed = found.wave.closed_at
    return closed + edit_time(session, found) if closed else None


def edit_until(session: Session, found: Asked, response: Response | None) -> datetime | None:
    """Until when the client may change a counted answer (product.md S3), and no longer than the link lives."""
    if response is None:
        return None
    until = response.answered_at + edit_time(session, found)
    ended = expires_at(session, found)
    return min(until, ended) if ended else until
