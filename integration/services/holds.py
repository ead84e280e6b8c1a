"""Keeping a client out until a date, by a person, and letting it back in (product.md E5).

What counts for the rules is the date on the client's card; the row here says who set it and why. Mirror, card
and open invitations follow in one commit; the machine works out what the hold means for each invitation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal

from sqlalchemy.orm import Session

from integration.nps.holds import HoldProblem, HoldRow, problem_of, same_again
from integration.nps.people import CardKey, ClientKey
from integration.nps.workdays import local_day, zone_named
from integration.services import policies
from integration.services.calls_queue import Cause, queue_fields
from integration.services.deps import Deps
from integration.store import holds as rows
from integration.store.base import transaction
from integration.store.holds import ClientAct, Hold
from integration.store.portals import Portal

FIELD = "UF_CRM_MOLVA_HOLD_UNTIL"


@dataclass(frozen=True, slots=True)
class HoldResult:
    """`done`; `again`: it stood so already; `problem`: `problem` says what is wrong; `no_client`: the card is gone."""

    status: Literal["done", "again", "problem", "no_client"]
    problem: HoldProblem | None = None


def put(
    deps: Deps, portal_id: int, client: ClientKey, *, until: date | None, reason: str, who: str
) -> HoldResult:
    """Do not ask this client before `until` (the portal's day). Doing it twice does it once.

    An invitation already open is postponed: letters that wait to leave wait until then, the machine plans the
    rest anew, and past the end of the survey the outcome is `postponed`. A newer hold takes an older one's place.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = session.get(Portal, portal_id)
        card = rows.locked_card(session, portal_id, client.kind, client.id) if portal else None
        if portal is None or card is None:
            return HoldResult("no_client")
        wrong = problem_of(until, reason, local_day(now, zone_named(portal.time_zone)))
        if wrong is not None or until is None:
            return HoldResult("problem", wrong)
        known = rows.holds_of(session, portal_id, client)
        if same_again(as_row(known[-1]) if known else None, card.hold_until, until, reason, who):
            return HoldResult("again")
        rows.lift_all(session, portal_id, client, who, now)
        hold = Hold(
            portal_id=portal_id, client_kind=client.kind, client_id=client.id, until=until,
            reason=reason.strip(), who=who, set_at=now,
        )  # fmt: skip
        session.add(hold)
        session.flush()
        card.hold_until = until
        queue_fields(
            session, portal, CardKey(client.kind, client.id), {FIELD: until.isoformat()},
            purpose="field", cause=Cause("hold", hold.id), now=now,
        )  # fmt: skip
        invited = rows.open_invitations(session, portal_id, client)
        policy, _ = policies.load(session, portal_id)
        opening = datetime.combine(until, time(policy.hours_from), zone_named(portal.time_zone))
        rows.move_letters(session, portal_id, invited, opening)
        rows.look_again(session, portal_id, invited, now)
        return HoldResult("done")


def lift(deps: Deps, portal_id: int, client: ClientKey, *, who: str) -> HoldResult:
    """The client may be asked again from now on, also if the date was set in the portal. Twice is once."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = session.get(Portal, portal_id)
        card = rows.locked_card(session, portal_id, client.kind, client.id) if portal else None
        if portal is None or card is None:
            return HoldResult("no_client")
        ended = rows.lift_all(session, portal_id, client, who, now)
        if ended is None and card.hold_until is None:
            return HoldResult("again")
        cause = Cause("hold", ended, 2) if ended is not None else _act(session, client, portal_id, who, now)
        card.hold_until = None
        queue_fields(
            session,
            portal,
            CardKey(client.kind, client.id),
            {FIELD: ""},
            purpose="field",
            cause=cause,
            now=now,
        )
        invited = rows.open_invitations(session, portal_id, client)
        rows.move_letters(session, portal_id, invited, now)
        rows.look_again(session, portal_id, invited, now)
        return HoldResult("done")


def as_row(hold: Hold) -> HoldRow:
    """A stored hold as the rules see it."""
    return HoldRow(hold.id, hold.until, hold.reason, hold.who, hold.set_at, hold.lifted_at, hold.lifted_by)


def _act(session: Session, client: ClientKey, portal_id: int, who: str, now: datetime) -> Cause:
    """A date without a row of ours is lifted: who did it is kept all the same."""
    act = ClientAct(
        portal_id=portal_id, client_kind=client.kind, client_id=client.id, what="hold_lifted", who=who, at=now
    )
    session.add(act)
    session.flush()
    return Cause("act", act.id)
