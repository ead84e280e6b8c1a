"""Answers of clients: proving a person, holding what is not proven, counting, correcting (product.md S1, S3).

One transaction per request: the answer, its version, the outcome of the invitation, the calls to the cards
and the follow-up are committed together or not at all (product.md B4).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.logs import log
from integration.nps.people import Channel
from integration.nps.questionnaire import Answers, Problems, Wording, read
from integration.services import survey_effects, survey_guard
from integration.services.deps import Deps
from integration.services.survey_guard import PURPOSES, Purpose
from integration.services.survey_pages import UNKNOWN, page, view
from integration.services.survey_types import AnswerResult, HeldReason, SurveyPage
from integration.store import answers, responses
from integration.store.answers import Asked
from integration.store.base import transaction
from integration.store.responses import Response, ResponseRevision

__all__ = ["answer", "correct", "page", "prove"]

_log = log(__name__)

WORDING = 1  # version of the question on the page, raised with every change of its text (product.md W13)
MOST_REVISIONS = 100  # a machine that keeps posting fills no table


def prove(
    deps: Deps, token: str, nonce: str, gesture: Mapping[str, Any], *, user_agent: str = ""
) -> str | None:
    """A one-time value for a page whose script reports a person's gesture, or nothing.

    `gesture`: `{"type": "pointerdown", "trusted": true, "purpose": "answer"}`; the purposes are `answer`,
    `unsubscribe` and `snooze`, and a value serves only its own.
    """
    now = deps.clock.now()
    purpose: Purpose | None = next((p for p in PURPOSES if p == gesture.get("purpose", "answer")), None)
    if purpose is None or not survey_guard.is_gesture(gesture) or survey_guard.is_scanner(user_agent):
        return None
    with transaction(deps.sessions) as session:
        found = answers.asked_by_token(session, token)
        opened = survey_guard.opened_at(deps, found.invitation, nonce, now) if found else None
        if found is None or opened is None:
            return None
        return survey_guard.issue(deps, session, found.invitation, purpose, opened, now)


def answer(
    deps: Deps,
    token: str,
    form: Mapping[str, str],
    *,
    proof: str = "",
    user_agent: str = "",
    remote: str = "",
    channel: Channel = "email",
) -> AnswerResult:
    """Take a posted answer (`score`, `comment`) with the one-time value of `prove` or of a confirmation step.

    Without a valid value, too soon after opening, or from a known scanner the answer is held: it counts
    nowhere, changes nothing a person said, and the result asks for a confirmation (product.md S1).
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = answers.asked_by_token(session, token, lock=True)
        if found is None:
            return AnswerResult("closed", UNKNOWN)
        response = responses.response_of(session, found.portal.id, found.invitation.id)
        shown = view(deps, session, found, response, now)
        if shown.status != "open" and not shown.can_edit:
            return AnswerResult("closed", shown)
        given = read(form)
        if isinstance(given, Problems):
            return AnswerResult("problem", shown, problems=tuple((p.field, p.code) for p in given.problems))
        verdict = survey_guard.judge(session, found.invitation, proof, ("answer", "confirm"), user_agent, now)
        if _stands_already(response, given):
            return AnswerResult("counted", shown)
        if verdict.proven:
            return _count(deps, session, found, response, given, channel, now)
        _log.info("answer.held", reason=verdict.reason, remote=remote, portal=found.portal.id)
        return _hold(deps, session, found, response, given, verdict.reason, channel, shown, now)


def correct(
    deps: Deps, portal_id: int, response_id: int, *, score: int, comment: str, author: str, reason: str
) -> bool:
    """A correction by staff, or their confirmation of a held answer (product.md S1, S3).

    `reason` must say why; the old value, the author and the time are kept; card and statistics follow.
    Returns False if there is no such answer. Raises `ValueError` for an empty reason or a score off 0–10.
    """
    if not reason.strip() or not author.strip():
        raise ValueError("a correction names its author and its reason")
    given = read({"score": str(score), "comment": comment})
    if isinstance(given, Problems):
        raise ValueError(f"the answer cannot be read: {given.problems[0].code}")
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        response = responses.response_by_id(session, portal_id, response_id)
        found = answers.asked(session, portal_id, response.invitation_id, lock=True) if response else None
        if response is None or found is None:
            return False
        session.refresh(response)
        if not _stands_already(response, given):
            before = _store(session, found, response, given, now, author=author, reason=reason.strip())
            survey_effects.after_count(deps, session, found, response, before, now)
        return True


def _stands_already(response: Response | None, given: Answers) -> bool:
    """The same answer is already counted: a double click, a reload, a replay. Nothing is to be done."""
    return (
        response is not None
        and response.status == "counted"
        and (response.score, response.comment) == (given.score, given.comment)
    )


def _count(
    deps: Deps,
    session: Session,
    found: Asked,
    response: Response | None,
    given: Answers,
    channel: Channel,
    now: datetime,
) -> AnswerResult:
    """A person answered: the answer, the outcome, the cards and the follow-up in this transaction."""
    if response is None:
        response = _new(session, found, given, channel, now)
    before = _store(session, found, response, given, now, author="client", reason="")
    survey_effects.after_count(deps, session, found, response, before, now)
    return AnswerResult("counted", view(deps, session, found, response, now))


def _new(session: Session, found: Asked, given: Answers, channel: Channel, now: datetime) -> Response:
    response = Response(
        portal_id=found.portal.id,
        wave_id=found.wave.id,
        invitation_id=found.invitation.id,
        score=given.score,
        comment=given.comment,
        channel=channel,
        status="held",
        wording=Wording(WORDING, found.invitation.language).id,
        recorded_by="client",
        answered_at=now,
        revision=0,
    )
    session.add(response)
    session.flush()
    return response


def _store(
    session: Session,
    found: Asked,
    response: Response,
    given: Answers,
    now: datetime,
    *,
    author: str,
    reason: str,
) -> int | None:
    """Make this the counted answer; the score it had as a counted one, if it was.

    `answered_at` stays the moment of the first counted one.
    """
    before = response.score if response.status == "counted" else None
    if response.status != "counted":
        response.answered_at = now
    response.status, response.held_reason = "counted", ""
    response.score, response.comment = given.score, given.comment
    _add_revision(session, response, given, now, status="counted", author=author, reason=reason)
    if found.invitation.outcome != "answered":
        found.invitation.outcome, found.invitation.outcome_at = "answered", now
    found.invitation.due_at = None
    if found.wave.stage == "closing":
        found.wave.step_due_at = now  # the last outcome may be this one (product.md W14)
    answers.cancel_letters(session, found.portal.id, now, invitation_id=found.invitation.id)
    return before


def _hold(
    deps: Deps,
    session: Session,
    found: Asked,
    response: Response | None,
    given: Answers,
    reason: HeldReason,
    channel: Channel,
    shown: SurveyPage,
    now: datetime,
) -> AnswerResult:
    """Keep an unproven answer apart; beside a counted one it is only a flagged version (product.md S1)."""
    if response is None:
        response = _new(session, found, given, channel, now)
        response.held_reason = reason
    flag = "after_human" if response.status == "counted" else reason
    if not _kept_already(session, response, given, flag):
        _add_revision(session, response, given, now, status="held", flag=flag)
        if response.status == "held" and (reason == "no_script" or response.held_reason != "no_script"):
            response.score, response.comment, response.held_reason = given.score, given.comment, reason
    confirm = survey_guard.issue(deps, session, found.invitation, "confirm", now, now)
    return AnswerResult(
        "needs_confirmation", shown, held_reason=reason, confirm=confirm, comment=given.comment
    )


def _kept_already(session: Session, response: Response, given: Answers, flag: str) -> bool:
    if response.revision >= MOST_REVISIONS:
        return True
    kept = responses.revisions_of(session, response.portal_id, response.id)
    return any(
        (r.score, r.comment, r.status, r.flag) == (given.score, given.comment, "held", flag) for r in kept
    )


def _add_revision(
    session: Session,
    response: Response,
    given: Answers,
    now: datetime,
    *,
    status: str,
    flag: str = "",
    author: str = "client",
    reason: str = "",
) -> None:
    response.revision += 1
    session.add(
        ResponseRevision(
            portal_id=response.portal_id,
            response_id=response.id,
            revision=response.revision,
            score=given.score,
            comment=given.comment,
            status=status,
            flag=flag,
            author=author,
            reason=reason,
            at=now,
        )
    )
    session.flush()
