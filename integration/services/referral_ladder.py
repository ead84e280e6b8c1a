"""The ladder of a recommendation as the cards climb it: days kept, the referrer's card told, thanks ordered (R5).

Everything is worked out from the mirror whenever a newcomer is looked at (`referrals`), in that transaction; what comes
by time or by a later sale is found once a day. So it does not matter how often, or in which order, events come.

What is lost: the steps stay, `lost_on` says since when nothing is left of it. A referral that does not stand any more
(refused, withdrawn, somebody else counts), or whose newcomer's card is gone, is thanked for no more; its steps stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from integration.bitrix.calls import comment_add
from integration.logs import log
from integration.nps import ladder
from integration.nps.ladder import Entered, Facts, Sale, Stand, Step
from integration.nps.newcomers import Arrival
from integration.nps.people import CardKey, ClientFacts, Semantics
from integration.nps.policy import Policy
from integration.nps.workdays import add_months, local_day, zone_named
from integration.services import policies, referral_texts, referral_thanks
from integration.services.calls_queue import Cause, lane_of, queue_call
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.referral_book import MirrorBook
from integration.services.referral_rows import note as put_note
from integration.store import portals as portal_rows
from integration.store import referral_thanks as rows
from integration.store import referrals as referral_store
from integration.store import snapshots
from integration.store.base import transaction
from integration.store.clients import Deal
from integration.store.portals import Portal
from integration.store.referral_rows import Referral

STEP_ROWS = 50  # referrals in one transaction of the daily look


def advance(
    session: Session, portal: Portal, policy: Policy, book: MirrorBook, whole: Arrival, row: Referral,
    now: datetime, *, quiet: bool = False,
) -> None:  # fmt: skip
    """Bring the ladder of one newcomer up to date. `quiet`: the portal is not written to; what is fresh is told and
    thanked for by the next look that may."""
    if row.problem or not row.referrer_id:
        gone(session, portal, row, now, lost=False)
        return
    zone = zone_named(portal.time_zone)
    today = local_day(now, zone)
    facts = _facts(session, portal, policy, book, whole, row, zone, today)
    _settle(
        session, portal, policy, row, ladder.advance(_known(row), facts, policy, today), now, today, quiet
    )


def gone(session: Session, portal: Portal, row: Referral, now: datetime, *, lost: bool = True) -> None:
    """The referral does not stand, or (`lost`) the newcomer's card is gone: nobody is to be thanked for it any more."""
    if lost and row.lost_on is None:
        row.lost_on = local_day(now, zone_named(portal.time_zone))
    if ladder.rank(row.step) > 0:
        referral_thanks.withdraw(session, portal, row.id, now)


def _settle(
    session: Session, portal: Portal, policy: Policy, row: Referral, stand: Stand, now: datetime, today: date,
    quiet: bool,
) -> None:  # fmt: skip
    """Keep what is new, and let follow from it what follows."""
    if stand.sale is not None and row.deal_id != stand.sale:
        row.deal_id = stand.sale
    if stand.lost != (row.lost_on is not None):
        row.lost_on = today if stand.lost else None
    if stand.fresh:
        row.steps = {step: day.isoformat() for step, day in stand.steps.items()}
        days = {step: stand.steps[step].isoformat() for step in stand.fresh}
        put_note(session, portal.id, row.id, "step", now, step=stand.step, steps=days)
    row.step = stand.step
    if not quiet:
        _tell(session, portal, row, stand, now, today)
    if len(stand.steps) < 2:
        return
    due = ladder.thanks_due(stand.steps, policy.thanked_steps)
    since = stand.steps[due] if due else None
    past = since is not None and ladder.is_past(since, today)
    referral_thanks.consider(session, portal, row, due, since, now, past=past, quiet=quiet)


def _tell(session: Session, portal: Portal, row: Referral, stand: Stand, now: datetime, today: date) -> None:
    """One comment on the referrer's card for all steps that it was not told of; what happened long ago is no news."""
    referrer = f"{row.referrer_kind}:{row.referrer_id}"
    before, _, upto = (row.told or "").partition(" ")
    known = ladder.rank(upto) if before == referrer else -1
    fresh = [step for step in stand.steps if ladder.rank(step) > known]
    if not fresh:
        return
    words = f"{referrer} {stand.step}"
    row.told = words
    if ladder.is_past(stand.steps[stand.step], today) or rows.told(session, portal.id, row.id, words):
        return
    card = referral_store.key_of(row.referrer_kind, row.referrer_id)
    newcomer = referral_store.key_of(row.newcomer_kind, row.newcomer_id)
    name = referral_thanks.name_of(session, portal.id, newcomer)
    text = referral_texts.note(portal, newcomer, name, stand.steps, fresh)
    mark = f"Molva R{row.id}.{ladder.rank(stand.step)}"
    queue_call(
        session, portal, comment_add(card.kind, card.id, text, mark), lane=lane_of(card),
        key=f"ladder:{row.id}:{words}", purpose="ladder", cause=Cause("referral", row.id), now=now,
    )  # fmt: skip
    put_note(session, portal.id, row.id, "noted", now, told=words, steps=fresh)


# --- facts


def _known(row: Referral) -> dict[Step, date]:
    return {step: date.fromisoformat(row.steps[step]) for step in ladder.STEPS if step in (row.steps or {})}


def _facts(
    session: Session, portal: Portal, policy: Policy, book: MirrorBook, whole: Arrival, row: Referral,
    zone: ZoneInfo, today: date,
) -> Facts:  # fmt: skip
    deals = [deal for number in whole.deals if (deal := book.row(CardKey("deal", number))) is not None]
    leads = [lead for number in whole.leads if (lead := book.row(CardKey("lead", number))) is not None]
    facts = Facts(
        sales=_sales(session, portal.id, deals, zone, today),
        lead_seen=min(local_day(row.found_at, zone), today) if leads else None,
        lead_open=any(lead.semantics != "F" for lead in leads),
    )
    won = min((sale.won for sale in facts.sales if sale.won), default=None)
    if won is None or add_months(won, ladder.YEAR) > today or row.step == "year":
        return facts
    keys = rows.clients_of([row])
    found = snapshots.clients_by_key(session, portal.id, policy, zone, keys, None) if keys else {}
    return replace(facts, client=next(iter(found.values()), None))


def _sales(
    session: Session, portal_id: int, deals: Sequence[Deal], zone: ZoneInfo, today: date
) -> tuple[Sale, ...]:
    entered = _entered(session, portal_id, [deal.id for deal in deals], zone)
    return tuple(
        Sale(
            deal.id, local_day(deal.created_at, zone) if deal.created_at else None, deal.stage_id,
            cast("Semantics", deal.semantics), _won(deal, zone, today), entered.get(deal.id, ()),
        )
        for deal in deals
    )  # fmt: skip


def _won(deal: Deal, zone: ZoneInfo, today: date) -> date | None:
    """By the stage history; where the portal has none of a won deal, the close date, which people edit (E1)."""
    if deal.won_at is not None:
        return local_day(deal.won_at, zone)
    if deal.semantics != "S":
        return None
    made = local_day(deal.created_at, zone) if deal.created_at else today
    return deal.close_on if deal.close_on and deal.close_on <= today else made


def _entered(
    session: Session, portal_id: int, deal_ids: Sequence[int], zone: ZoneInfo
) -> dict[int, tuple[Entered, ...]]:
    found: dict[int, list[Entered]] = {}
    for move in rows.moves_of(session, portal_id, deal_ids):
        one = Entered(move.stage_id, cast("Semantics", move.semantics or "P"), local_day(move.moved_at, zone))
        found.setdefault(move.deal_id, []).append(one)
    return {deal: tuple(moves) for deal, moves in found.items()}


# --- once a day


def climb(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `referral_ladder`: steps that come by time or by a later sale, fifty newcomers a slice.

    At the end the thanks for which nobody was at work are looked at again.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        if portal is None or portal.synced_at is None:
            return Outcome()
        policy, _ = policies.load(session, portal_id)
        zone = zone_named(portal.time_zone)
        today = local_day(now, zone)
        until = add_months(today, -ladder.YEAR)
        found = rows.climbing(
            session, portal_id, until, paid=bool(policy.paid_stages), after=int(cursor.get("after", 0)),
            limit=STEP_ROWS,
        )  # fmt: skip
        clients = snapshots.clients_by_key(session, portal_id, policy, zone, rows.clients_of(found), None)
        moved = _later_sales(session, portal_id, policy, clients, zone)
        for row in found:
            client = clients.get(referral_store.client_key(row.newcomer_kind, row.newcomer_id))
            _climb_one(session, portal, policy, row, client, moved, now, today)
    if len(found) == STEP_ROWS:
        return Outcome(now, {"after": found[-1].id})
    referral_thanks.assign_rest(deps, portal_id)
    return Outcome()


def _later_sales(
    session: Session, portal_id: int, policy: Policy, clients: Mapping[Any, ClientFacts], zone: ZoneInfo
) -> dict[int, tuple[Entered, ...]]:
    """The stage history of all deals of these clients, if a stage means that they have paid."""
    if not policy.paid_stages:
        return {}
    deals = [deal.id for client in clients.values() for deal in client.deals]
    return _entered(session, portal_id, deals, zone)


def _climb_one(
    session: Session, portal: Portal, policy: Policy, row: Referral, client: ClientFacts | None,
    moved: Mapping[int, tuple[Entered, ...]], now: datetime, today: date,
) -> None:  # fmt: skip
    if client is None:
        return
    sales = tuple(
        Sale(deal.id, None, deal.stage_id, deal.semantics, deal.won_on, moved.get(deal.id, ()), first=False)
        for deal in client.deals
        if not deal.recurring
    )
    known = _known(row)
    stand = ladder.advance(known, Facts(sales, client=client), policy, today)
    if not stand.fresh:
        return
    try:
        with session.begin_nested():
            _settle(session, portal, policy, row, stand, now, today, quiet=False)
    except Exception:
        log(__name__).exception("referral.failed", portal=portal.id, referral=row.id)


__all__ = ["advance", "climb", "gone"]
