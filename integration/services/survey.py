"""Answers of clients: proving a person, holding what is not proven, counting, correcting (product.md S1, S3).

One transaction per request: the answer, its version, the outcome of the invitation, the calls to the cards
and the follow-up are committed together or not at all (product.md B4).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration import i18n
from integration.logs import log
from integration.nps.people import Channel
from integration.nps.questionnaire import Answers, Problems, read
from integration.nps.questions import touched
from integration.services import policies, questions, survey_effects, survey_guard, survey_rows
from integration.services.deps import Deps
from integration.services.survey_guard import PURPOSES, Purpose
from integration.services.survey_pages import UNKNOWN, answered, page, view
from integration.services.survey_types import (
    AnswerResult,
    ChangedMeanwhile,
    HeldReason,
    SurveyPage,
)
from integration.store import answers, responses
from integration.store.answers import Asked
from integration.store.base import transaction
from integration.store.clients import Contact
from integration.store.responses import Response

__all__ = ["answer", "correct", "page", "prove"]

_log = log(__name__)

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
        found = (answers.asked_by_any_token if purpose == "unsubscribe" else answers.asked_by_token)(
            session, token
        )
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
    language: str = "",
) -> AnswerResult:
    """Take a posted answer (`score`, `comment`) with the one-time value of `prove` or of a confirmation step.

    `language`: of the page on which it was given; from then on it is the person's own (product.md S4).

    Without a valid value, too soon after opening, or from a known scanner the answer is held: it counts
    nowhere, changes nothing a person said, and the result asks for a confirmation (product.md S1).
    """
    now = deps.clock.now()
    language = language if language in i18n.LANGUAGES else ""
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
        if survey_rows.stands_already(response, given):
            return AnswerResult("counted", shown)
        if verdict.proven:
            _speaks(session, found, language)
            return _count(deps, session, found, response, given, channel, shown, now, language)
        _log.info("answer.held", reason=verdict.reason, remote=remote, portal=found.portal.id)
        return _hold(deps, session, found, response, given, verdict.reason, channel, shown, now, language)


def correct(
    deps: Deps,
    portal_id: int,
    response_id: int,
    *,
    score: int,
    comment: str,
    author: str,
    reason: str,
    seen: int | None = None,
    extra: Mapping[str, str] | None = None,
) -> bool:
    """A correction by staff, or their confirmation of a held answer (product.md S1, S3).

    `reason` must say why; the old value, the author and the time are kept; card and statistics follow.
    `extra`: answers to extra questions as a form has them; they follow the same rules, and count apart (W13).
    Returns False if there is no such answer. Raises `ValueError` for an empty reason or a score off 0–10, and
    `ChangedMeanwhile` if `seen`, the revision the author looked at, is not the one that stands.
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
        if not survey_rows.stands_already(response, given):
            if seen is not None and seen != response.revision:
                raise ChangedMeanwhile
            before = survey_rows.store(
                session, found, response, given, now, author=author, reason=reason.strip()
            )
            survey_effects.after_count(
                deps, session, found, response, before, now, author=author, reason=reason.strip()
            )
        given_besides = touched(questions.read(session, portal_id, extra or {})[0], extra or {})
        questions.save_answers(
            session, response, given_besides, language=found.invitation.language, now=now, by=author,
            reason=reason.strip(),
        )  # fmt: skip
        return True


def _count(
    deps: Deps,
    session: Session,
    found: Asked,
    response: Response | None,
    given: Answers,
    channel: Channel,
    shown: SurveyPage,
    now: datetime,
    language: str,
) -> AnswerResult:
    """A person answered: the answer, the outcome, the cards and the follow-up in this transaction."""
    if response is None:
        response = survey_rows.new(session, found, given, channel, now, language)
    else:  # it was held before
        response.wording = survey_rows.wording(session, found, language)
    before = survey_rows.store(session, found, response, given, now, author="client", reason="")
    survey_effects.after_count(deps, session, found, response, before, now)
    return AnswerResult("counted", answered(session, shown, found, response, now))


def _speaks(session: Session, found: Asked, language: str) -> None:
    """Who answers on the page in another language gets the letters in it from now on, if the agency writes in it."""
    invitation = found.invitation
    if not language or language == invitation.language:
        return
    if language in policies.load_version(session, found.portal.id, found.wave.policy_version).languages:
        invitation.language = language
    contact = session.get(Contact, (found.portal.id, invitation.contact_id))
    if contact is not None:
        contact.language = language


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
    language: str,
) -> AnswerResult:
    """Keep an unproven answer apart; beside a counted one it is only a flagged version (product.md S1)."""
    if response is None:
        response = survey_rows.new(session, found, given, channel, now, language)
        response.held_reason = reason
    flag = "after_human" if response.status == "counted" else reason
    if not _kept_already(session, response, given, flag):
        survey_rows.add_revision(session, response, given, now, status="held", flag=flag)
        if response.status == "rejected" or (
            response.status == "held" and (reason == "no_script" or response.held_reason != "no_script")
        ):
            response.status = "held"  # what was rejected was another answer
            response.score, response.comment, response.held_reason = given.score, given.comment, reason
    confirm = survey_guard.issue(deps, session, found.invitation, "confirm", now, now)
    return AnswerResult(
        "needs_confirmation", shown, held_reason=reason, confirm=confirm, comment=given.comment
    )


def _kept_already(session: Session, response: Response, given: Answers, flag: str) -> bool:
    if not response.revision:
        return False
    if response.revision >= MOST_REVISIONS:
        return True
    kept = responses.revisions_of(session, response.portal_id, response.id)
    return any(
        (r.score, r.comment, r.status, r.flag) == (given.score, given.comment, "held", flag) for r in kept
    )
