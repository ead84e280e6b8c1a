"""People of one survey as the rule of calls sees them at this moment of the transaction (nps/calling.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from integration.nps.call_results import EARLY
from integration.nps.calling import CallAt, CallNow, NextCall, next_call
from integration.nps.invited import InvitationFacts, WaveState
from integration.nps.workdays import WorkCalendar
from integration.services.calling.replay import as_call, counting
from integration.services.ground import Ground, OnlyLines, ground
from integration.services.waves_facts import facts_of, state_for
from integration.store import wave_queries
from integration.store.attempts import Attempt, CallLease
from integration.store.waves import Invitation, Wave, WaveClient


@dataclass(frozen=True, slots=True)
class Look:
    """A survey with the facts of some of its people, by invitation."""

    stage: Ground
    facts: Mapping[int, InvitationFacts]
    states: Mapping[int, WaveState]

    @property
    def hours(self) -> WorkCalendar:
        """Working days and allowed hours."""
        return self.stage.calendar.letters

    def next(self, number: int, now: datetime, facts: InvitationFacts | None = None) -> NextCall:
        """What the rule says about one of them; `facts`: if they have changed since."""
        return next_call(facts or self.facts[number], self.states[number], self.stage.policy, now, self.hours)


def look(
    session: Session,
    wave: Wave,
    people: Sequence[Invitation],
    now: datetime,
    *,
    line: WaveClient | None = None,
    lease: CallLease | None = None,
    made: Sequence[Attempt] | None = None,
) -> Look:
    """Read what the rule needs and no more, once for all of them. `line`: of all of them, where it is read already;
    then `lease` is who has it, if anybody, and `made` all attempts at the only one of them, if they are read too.
    Raises `LookupError` if the portal is gone."""
    stage = ground(session, wave, now)
    wanted = {one.wave_client_id for one in people}
    clients = (
        {line.id: line} if line else wave_queries.clients_by_id(session, wave.portal_id, wave.id, wanted)
    )
    in_hand = {lease.invitation_id: lease.until} if lease is not None and lease.until > now else {}
    facts = facts_of(
        session, stage, OnlyLines(clients), people, now=now, in_hand=in_hand if line else None,
        made={one.id: tuple(as_call(row) for row in counting(made)) for one in people} if made is not None else None,
    )  # fmt: skip
    return Look(stage, facts, {one.id: state_for(stage, one) for one in people})


def is_callable(found: NextCall, now: datetime) -> bool:
    """Whether this person is given out now; a promised call-back two minutes before its minute already."""
    if isinstance(found, CallNow):
        return True
    return isinstance(found, CallAt) and found.promised and found.at - now <= EARLY
