"""Who is on the phone in the walk-around demo: whoever sits at the call desk hears what the client says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.bitrix.sandbox.story_names import words_for
from integration.store import attempts
from integration.store.attempts import CallLease
from integration.store.waves import Invitation, WaveClient

from .days import Office
from .people import SCORES, Person
from .phone import MANNERS, Line

#: What is heard, by what comes of the call.
HEARD = {
    "no_answer": "Nobody picks up.",
    "busy": "The line is busy.",
    "out_of_service": "“The number you have dialled is out of service.”",
    "wrong_number": "“You have the wrong number, nobody of that name works here.”",
    "not_now": "“I have no time just now.”",
    "call_back": "“I am in a meeting. Call me {when}, please.”",
    "asks_email": "“Send it by e-mail, I will answer there.”",
    "refused": "“No, thank you, I take part in no surveys.”",
    "never": "“Never ask me anything like that again.”",
}
SCORED, SCORED_ONLY = "“{score}. {words}”", "“{score}.”"


@dataclass(frozen=True)
class Talk:
    """A client in a caller's hands. `heard`: a text of the pages, with `score`, `words` and `back` to fill it."""

    caller: str
    person: str
    client: str
    number: str
    heard: str
    score: int = -1
    words: str = ""
    back: datetime | None = None


def talks(
    session: Session, portal_id: int, now: datetime, town: Mapping[str, Person], office: Office, seed: int
) -> list[Talk]:
    """Everybody who is being called now, the longest talk first. What they say hangs on seed and person alone."""
    rows = session.execute(
        select(CallLease, Invitation, WaveClient)
        .join(Invitation, Invitation.id == CallLease.invitation_id)
        .join(WaveClient, WaveClient.id == CallLease.wave_client_id)
        .where(CallLease.portal_id == portal_id, CallLease.until > now)
        .order_by(CallLease.taken_at, CallLease.wave_client_id)
    ).all()
    made = attempts.of_people(session, portal_id, [one.id for _, one, _ in rows])
    found = []
    for lease, one, client in rows:
        line = _line(one, town.get(one.address), len(made.get(one.id, ())), seed)
        reply = line.says(lease.taken_at, office)
        text = HEARD.get(reply.outcome, SCORED if line.comment else SCORED_ONLY)
        answered = reply.outcome == "answered"
        found.append(
            Talk(
                lease.holder_name, one.name, client.name, one.phone, text, line.score if answered else -1,
                line.comment if answered else "", reply.back,
            )
        )  # fmt: skip
    return found


def _line(one: Invitation, person: Person | None, rung: int, seed: int) -> Line:
    rng = Random(f"{seed}:{one.contact_id}:phone")
    manner = rng.choice(MANNERS)
    score = person.score if person else rng.choice(SCORES)
    said = person.comment if person else words_for(rng, one.language or "ru", score)
    return Line(one.address, one.phone, manner, score, said, bool(one.address), rung)
