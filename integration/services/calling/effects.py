"""What a call sets off beyond its own person: an answer that counts, an end, "never again" (product.md B2, F1, W12)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy.orm import Session

from integration.nps.intents import Outcome
from integration.nps.people import Channel, ClientKey
from integration.nps.questionnaire import Answers
from integration.services import card_people, optouts, questions, survey_effects, survey_rows, wave_refusals
from integration.services.calling.types import Made
from integration.services.deps import Deps
from integration.store import responses, wave_queries
from integration.store.answers import Asked
from integration.store.responses import Response

PHONE: Channel = "phone"  # W17
WHY = "said so on the phone"  # stands as the reason where a reason is kept and the caller noted nothing


def answer(deps: Deps, session: Session, found: Asked, made: Made, now: datetime) -> Response:
    """Count the score of a call; one that was held gives way. The moment it was given is that of the call."""
    given = Answers(made.score if made.score is not None else 0, made.comment)
    response = responses.response_of(session, found.portal.id, found.invitation.id)
    response = response or survey_rows.new(session, found, given, PHONE, now, read_out=made.wording)
    response.channel, response.recorded_by = PHONE, made.name[:200]
    response.wording = made.wording or response.wording
    before = survey_rows.store(session, found, response, given, now, author=made.name[:200], reason="")
    response.answered_at = made.at
    questions.take(
        session,
        response,
        made.values,
        language=made.values.get("language") or found.invitation.language,
        now=now,
        by=made.name[:200],
    )
    survey_effects.after_count(deps, session, found, response, before, now, author=made.name[:200])
    return response


def ended(session: Session, found: Asked, made: Made, outcome: Outcome, now: datetime) -> None:
    """The person does not want to answer this time. Raises `ValueError` for an end that no call brings."""
    if outcome != "refused":
        raise ValueError(f"a call does not end as {outcome}")
    wave_refusals.put_down(session, found, made.name, made.note or WHY, now)


def never(session: Session, found: Asked, made: Made, now: datetime) -> None:
    """Never ask this person again, as if they had pressed the link in a letter (product.md W12)."""
    one = found.invitation
    client = ClientKey(cast("Any", found.client.client_kind), found.client.client_id)
    said = card_people.opt_out_in(
        session, found.portal.id, client, one.contact_id, who=made.name, reason=made.note or WHY, now=now
    )
    if (
        said == "unknown"
    ):  # the card is gone, or belongs to another company by now; the word counts all the same
        optouts.record(session, one, source="staff", now=now)
    wave_queries.note(session, found.wave, now, "call_never", made.name, about(found))


def about(found: Asked) -> str:
    """The client in a line of the trail."""
    return f"{found.client.client_kind}:{found.client.client_id}"
