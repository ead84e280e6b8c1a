"""What staff do about answers: recording by word of mouth, correcting, judging held ones, restoring a card.

Who may is decided before (`card_rights`); here it is done, each in one transaction with what follows from it
(product.md S1, S3, B2, W10, W17).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from integration.nps.people import CardKey, Channel, ClientKey
from integration.nps.questionnaire import Answers, Problems, read
from integration.nps.standing import may_record
from integration.services import questions, survey, survey_effects, survey_rows, writeback
from integration.services.calls_queue import Cause, lane_of
from integration.services.deps import Deps
from integration.services.standing import value_of_card
from integration.services.survey_types import ChangedMeanwhile, RecordResult
from integration.store import answers, responses
from integration.store import cards_view as rows
from integration.store.base import reading, transaction
from integration.store.holds import ClientAct, locked_card
from integration.store.portals import Portal

Status = Literal["done", "unknown", "no_reason", "bad_score", "too_long", "changed"]
CONFIRMED = "confirmed"  # stands as the reason of a held answer that staff let count
LONGEST_REASON = 500
BY_MOUTH: tuple[Channel, ...] = ("in_person", "phone")


def correct(
    deps: Deps,
    portal_id: int,
    client: ClientKey,
    response_id: int,
    form: Mapping[str, str],
    *,
    seen: int,
    who: str,
) -> Status:
    """Correct an answer of this client: `score`, `comment`, `reason`. The old value stays, card and numbers follow.

    `seen`: the revision the form was filled for; `changed` if another one stands by now. Twice is once.
    """
    reason = form.get("reason", "").strip()
    given = read(form)
    if isinstance(given, Problems):
        return "too_long" if given.problems[0].field == "comment" else "bad_score"
    if not reason:
        return "no_reason"
    if not _is_of(deps, portal_id, client, response_id):
        return "unknown"
    return _corrected(deps, portal_id, response_id, given, who, reason[:LONGEST_REASON], seen, form)


def confirm(
    deps: Deps, portal_id: int, client: ClientKey, response_id: int, *, seen: int, who: str
) -> Status:
    """Let a held answer count: staff know that the person gave it (product.md S1). Twice is once."""
    with reading(deps.sessions) as session:
        response = responses.response_by_id(session, portal_id, response_id)
    if response is None or not _is_of(deps, portal_id, client, response_id):
        return "unknown"
    if response.status == "counted":
        return "done"
    given = Answers(response.score, response.comment)
    return _corrected(deps, portal_id, response_id, given, who, CONFIRMED, seen)


def turn_down(
    deps: Deps, portal_id: int, client: ClientKey, response_id: int, *, seen: int, who: str
) -> Status:
    """Say that a held answer was not given by the person. `seen`: the revision looked at. Twice is once."""
    if not _is_of(deps, portal_id, client, response_id):
        return "unknown"
    return "done" if reject(deps, portal_id, response_id, author=who, seen=seen) else "changed"


def restore(deps: Deps, portal_id: int, card: CardKey, client: ClientKey, *, who: str) -> Status:
    """Write our score to a card once more, over what somebody typed there (product.md B2). Twice is once.

    `unknown`: we know no score for this card. What was typed never entered the numbers, and does not now.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = session.get(Portal, portal_id)
        if portal is None or locked_card(session, portal_id, client.kind, client.id) is None:
            return "unknown"
        value = value_of_card(session, portal, card, client)
        if value is None:
            return "unknown"
        open_writes = rows.under_way(session, portal_id, lane_of(card))
        if any(row.cause_kind == "act" and row.status != "buried" for row in open_writes):
            return "done"
        act = _act(session, portal_id, client, card, who, now)
        writeback.write_whole(session, portal, value, Cause("act", act.id), now)
        return "done"


def record(
    deps: Deps, portal_id: int, client: ClientKey, invitation_id: int, form: Mapping[str, str], *,
    channel: Channel, who: str,
) -> RecordResult:  # fmt: skip
    """An answer (`score`, `comment`) that somebody of the staff was given by word of mouth (product.md W17).

    It takes the place of one that was held; one that was counted is only corrected (`correct`). Recording the
    same once more changes nothing.
    """
    given = read(form)
    if isinstance(given, Problems):
        return RecordResult("problem", tuple((p.field, p.code) for p in given.problems))
    if wrong := extra_problems(deps, portal_id, form):
        return RecordResult("problem", wrong)
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = answers.asked(session, portal_id, invitation_id, lock=True)
        if found is None or (found.client.client_kind, found.client.client_id) != client:
            return RecordResult("closed")
        response = responses.response_of(session, portal_id, invitation_id)
        if survey_rows.stands_already(response, given):
            return RecordResult("counted")
        if not may_record(
            found.wave.stage, found.invitation.outcome, response.status if response else "",
            approved=bool(found.wave.approved_by), revoked=found.invitation.revoked_at is not None,
            preliminary=found.wave.preliminary,
        ):  # fmt: skip
            return RecordResult("closed")
        response = response or survey_rows.new(session, found, given, channel, now)
        response.channel, response.recorded_by = channel, who[:200]
        if channel in BY_MOUTH:  # no text was read out: only the language of the talk is known (W13)
            response.wording = f"talk/{found.invitation.language}"
        before = survey_rows.store(session, found, response, given, now, author=who[:200], reason="")
        questions.take(session, response, form, language=found.invitation.language, now=now, by=who[:200])
        survey_effects.after_count(deps, session, found, response, before, now, author=who[:200])
        return RecordResult("counted")


def extra_problems(deps: Deps, portal_id: int, form: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What is wrong with the extra answers of a form (`q-<key>`), by field (product.md W13)."""
    with reading(deps.sessions) as session:
        return questions.problems_of(session, portal_id, form)


def reject(
    deps: Deps, portal_id: int, response_id: int, *, author: str, reason: str = "", seen: int | None = None
) -> bool:
    """Staff say that a held answer was not given by a person (product.md S1): it counts nowhere, and the person
    may still answer. False if there is no such answer, it is not held (any more), or is not what was `seen`."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        response = responses.response_by_id(session, portal_id, response_id)
        if response is None or answers.asked(session, portal_id, response.invitation_id, lock=True) is None:
            return False
        session.refresh(response)  # the person may have answered, or a colleague decided, while we waited
        if response.status not in ("held", "rejected"):
            return False
        if response.status == "held":
            if seen is not None and seen != response.revision:
                return False
            response.status = "rejected"
            given = Answers(response.score, response.comment)
            survey_rows.add_revision(
                session, response, given, now, status="rejected", author=author[:200], reason=reason[:500]
            )
        return True


def _corrected(
    deps: Deps, portal_id: int, response_id: int, given: Answers, who: str, reason: str, seen: int,
    form: Mapping[str, str] | None = None,
) -> Status:  # fmt: skip
    try:
        found = survey.correct(
            deps, portal_id, response_id, score=given.score, comment=given.comment, author=who[:200],
            reason=reason, seen=seen, extra=form,
        )  # fmt: skip
    except ChangedMeanwhile:
        return "changed"
    return "done" if found else "unknown"


def _is_of(deps: Deps, portal_id: int, client: ClientKey, response_id: int) -> bool:
    """An answer's number comes from the page; only those of the card's own client are touched."""
    with reading(deps.sessions) as session:
        response = responses.response_by_id(session, portal_id, response_id)
        found = answers.asked(session, portal_id, response.invitation_id) if response else None
        return found is not None and (found.client.client_kind, found.client.client_id) == client


def _act(
    session: Session, portal_id: int, client: ClientKey, card: CardKey, who: str, now: datetime
) -> ClientAct:
    act = ClientAct(
        portal_id=portal_id, client_kind=client.kind, client_id=client.id, what="restore", who=who, at=now,
        contact_id=card.id if card.kind == "contact" else 0, detail={"card": list(card)},
    )  # fmt: skip
    session.add(act)
    session.flush()
    return act
