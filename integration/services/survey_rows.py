"""The rows of an answer: its first version, what counts, every version it had (product.md S3)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from integration.nps.people import Channel
from integration.nps.questionnaire import Answers, Wording
from integration.nps.wording import ASKING
from integration.store import answers
from integration.store import letters as letter_rows
from integration.store.answers import Asked
from integration.store.responses import Response, ResponseRevision

WORDING = 1  # version of the question on the page, raised with every change of its text (product.md W13)


def stands_already(response: Response | None, given: Answers) -> bool:
    """The same answer is already counted: a double click, a reload, a replay. Nothing is to be done."""
    return (
        response is not None
        and response.status == "counted"
        and (response.score, response.comment) == (given.score, given.comment)
    )


def new(
    session: Session, found: Asked, given: Answers, channel: Channel, now: datetime, language: str = "",
    *, read_out: str = "",
) -> Response:  # fmt: skip
    """A first answer of an invitation, not counted yet; it is written with its first version (`add_revision`).
    `language`: in which the question was shown; `read_out`: what names the words of a call (`wording`)."""
    response = Response(
        portal_id=found.portal.id,
        wave_id=found.wave.id,
        invitation_id=found.invitation.id,
        score=given.score,
        comment=given.comment,
        channel=channel,
        status="held",
        wording=read_out or wording(session, found, language),
        recorded_by="client",
        answered_at=now,
        revision=0,
    )
    session.add(response)
    return response


def wording(session: Session, found: Asked, language: str = "") -> str:
    """What names the text a response answered: the question on the page in the language it was shown in, and the
    agency's own words of the letter that brought it (product.md W13)."""
    question = Wording(WORDING, language or found.invitation.language).id
    letter = letter_rows.question_wording(session, found.portal.id, found.invitation.id, ASKING)
    return f"{question} {letter}" if letter.startswith("agency/") else question


def store(
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
    add_revision(session, response, given, now, status="counted", author=author, reason=reason)
    if found.invitation.outcome != "answered":
        found.invitation.outcome, found.invitation.outcome_at = "answered", now
    found.invitation.due_at = None
    if found.wave.stage == "closing":
        found.wave.step_due_at = now  # the last outcome may be this one (product.md W14)
    answers.cancel_letters(session, found.portal.id, now, invitation_id=found.invitation.id)
    return before


def add_revision(
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
    """Keep one more version, whatever the answer itself is now."""
    response.revision += 1
    session.flush()  # a first answer has its number only then
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
