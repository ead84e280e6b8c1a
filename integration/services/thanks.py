"""One letter of thanks to each who answered: worded for the group, after a call from the head (product.md S3, F1).

The letter is written in the transaction of the answer and waits; as long as nobody has handed it over a correction may
change its words. Once it left there is no second one.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from integration.mail.render import MissingFact
from integration.nps import letters as rules
from integration.nps.intents import LetterKind
from integration.nps.letters import LetterProblem
from integration.nps.people import Team
from integration.nps.scoring import group
from integration.nps.workdays import zone_named
from integration.services import letters_queue, policies
from integration.services.deps import Deps
from integration.services.letter_drafts import MAIN_LETTERS, casting, draft, scene
from integration.services.standing import plan_of
from integration.store import answers, dead_addresses, responses, wave_queries
from integration.store import letters as rows
from integration.store.answers import Asked
from integration.store.letters import LetterRow
from integration.store.responses import Response
from integration.store.waves import Invitation

log = logging.getLogger(__name__)

STEP = "thanks"


def after_answer(
    deps: Deps, session: Session, found: Asked, response: Response, before: int | None, now: datetime, *,
    team: Team | None = None,
) -> None:  # fmt: skip
    """Queue the thanks for an answer that has just been counted, or change those that still wait for one corrected.

    `before`: the score it had as a counted answer, nothing for a new one. Nobody is thanked by a mailbox that many
    read: the words tell the group. Nothing here can keep the answer from being counted.
    """
    waiting = rows.by_key(session, found.portal.id, _key(found.invitation))
    if waiting is None and before is not None:
        return  # its thanks were decided when it came
    if waiting is not None:
        kind = _kind(response)
        same = (waiting.kind, waiting.language) == (kind, found.invitation.language)
        if same or waiting.status not in ("waiting", "working"):
            return
        if not rows.take_back(session, found.portal.id, waiting.id, now, why="corrected"):
            return  # it has left, is leaving, or somebody has already decided that it must not
    if may(session, found, now):
        _queue(deps, session, found, response, now, team)


def may(session: Session, found: Asked, now: datetime) -> bool:
    """Whether this person may be thanked by letter at all."""
    policy, _ = policies.load(session, found.portal.id)
    one, portal_id = found.invitation, found.portal.id
    if not policy.thanks_letters or not one.address or one.shared or plan_of(found.wave) is None:
        return False
    if answers.said_never(session, one) or dead_addresses.known(session, portal_id, [one.address]):
        return False
    return not rows.thanked(session, portal_id, found.wave.id, one.address)


def write_again(deps: Deps, session: Session, row: LetterRow, now: datetime) -> None:
    """Write thanks that were just taken back once more, by a hand that may sign them (product.md W5)."""
    found = answers.asked(session, row.portal_id, row.invitation_id or 0)
    response = responses.response_of(session, row.portal_id, row.invitation_id or 0) if found else None
    if (
        found is not None
        and response is not None
        and response.status == "counted"
        and may(session, found, now)
    ):
        _queue(deps, session, found, response, now)


def _queue(
    deps: Deps, session: Session, found: Asked, response: Response, now: datetime, team: Team | None = None
) -> None:
    policy, _ = policies.load(session, found.portal.id)
    stage = scene(session, found.wave, now, team=team)
    people = casting(session, found.portal.id, [found.invitation], found.wave.id, lines=[found.client])
    gap = timedelta(days=policy.letter_gap_days)
    last = rows.last_handed(
        session, found.portal.id, found.invitation.address, (*MAIN_LETTERS, *rules.THANKS_LETTERS), now - gap
    )
    due = rules.earliest_letter(
        now + timedelta(hours=policy.thanks_after_hours), last, policy,
        zone_named(found.invitation.time_zone or policy.time_zone), stage.calendar.letters,
    )  # fmt: skip
    made = draft(stage, people, found.invitation, _kind(response), STEP, due)
    problem = made.code if isinstance(made, LetterProblem) else ""
    if not isinstance(made, LetterProblem):
        try:
            letters_queue.queue(deps, session, found.portal.id, made, now, due_at=due)
        except MissingFact as error:
            problem = f"missing {error}"
    if problem:
        log.warning(
            "thanks not written",
            extra={"portal": found.portal.id, "wave": found.wave.id, "why": problem},
        )
        wave_queries.note(session, found.wave, now, "letter_problem", detail=f"{STEP}: {problem}")


def _kind(response: Response) -> LetterKind:
    return rules.thanks_for(group(response.score), response.channel == "phone")


def _key(invitation: Invitation) -> str:
    return f"{STEP}:{invitation.id}"
