"""What a counted answer does to cards and follow-ups, in its own transaction (product.md B2, B3, F1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.nps.accounts import PersonAnswer, card_values
from integration.nps.intents import AddTimelineComment, Facts, Intent, WriteScore
from integration.nps.people import CardKey, ClientKey
from integration.nps.scoring import group
from integration.nps.workdays import local_day, zone_named
from integration.services import followups, policies, standing, thanks
from integration.services.calls_queue import Cause
from integration.services.deps import Deps
from integration.services.followups import role_of
from integration.services.projects import cards as project_cards
from integration.services.projects import names, triggers
from integration.services.writeback import perform
from integration.store import responses
from integration.store.answers import Asked
from integration.store.clients import Deal
from integration.store.responses import Response
from integration.store.waves import PROJECT


def after_count(
    deps: Deps, session: Session, found: Asked, response: Response, before: int | None, now: datetime,
    *, author: str = "client", reason: str = "",
) -> None:  # fmt: skip
    """Queue everything that follows from an answer that has just been counted or corrected.

    `before`: the score it had when it was counted last, nothing for a new one. `author` and `reason`: who
    corrected it and why, as its revision keeps them; by default the person who answered. The client's row of
    the wave must be locked (`answers.asked`), so that two respondents are accounted for one after the other.
    """
    given = given_answers(session, found)
    client = ClientKey(cast("Any", found.client.client_kind), found.client.client_id)
    deals = _living_deals(session, found)
    values = _values(session, found, given, deals)
    intents: list[Intent] = [
        v for v in values if v.card.kind != "contact" or v.card.id == found.invitation.contact_id
    ]
    office = followups.office_of(session, found.portal, now)
    intents += followups.on_response(session, found, response, before, given, now, office)
    facts = {**_facts(found, response, before), "author": author, "reason": reason}
    code = "answer" if before is None else "correction"
    for card in _commented(found, client, deals):
        intents.append(AddTimelineComment(card, cast("Any", code), facts))
    perform(deps, session, found.portal, intents, Cause("response", response.id, response.revision))
    chosen = found.client.deal_id if found.client.deal_id in deals else None
    triggers.fire(session, found.portal, response, before, chosen, now)
    thanks.after_answer(deps, session, found, response, before, now, team=office.team)


def write_scores(deps: Deps, session: Session, found: Asked, cause: Cause) -> None:
    """Queue what the counted answers put on the cards of a client, where it does not stand there yet.

    For a client that took the place of another: nothing has been answered anew, so nobody is told, and nothing follows.
    """
    given = given_answers(session, found)
    perform(deps, session, found.portal, _values(session, found, given, _living_deals(session, found)), cause)


def _values(
    session: Session, found: Asked, given: Sequence[PersonAnswer], deals: Sequence[int]
) -> list[WriteScore]:
    rules = policies.load_version(session, found.portal.id, found.wave.policy_version)
    client = ClientKey(cast("Any", found.client.client_kind), found.client.client_id)
    if found.wave.kind == PROJECT:
        own = found.client.deal_id if found.client.deal_id in deals else None
        value = standing.value_of_card(session, found.portal, CardKey("deal", own), client) if own else None
        return [value] if value is not None else []
    values = card_values(client, given, deals, found.wave.name, rules.account_rule, rules.role_weights)
    last = max((answer.at for answer in given), default=None)
    return project_cards.without_later(session, found.portal, client, values, last)


def given_answers(session: Session, found: Asked) -> list[PersonAnswer]:
    """Counted answers of the client in this wave, as the rules see them."""
    zone = zone_named(found.portal.time_zone)
    return [
        PersonAnswer(
            contact_id=invitation.contact_id,
            score=response.score,
            at=response.answered_at,
            day=local_day(response.answered_at, zone),
            role=role_of(invitation.role),
            comment=response.comment,
            channel=cast("Any", response.channel),
        )
        for response, invitation in responses.counted_of_client(session, found.portal.id, found.client.id)
    ]


def _living_deals(session: Session, found: Asked) -> list[int]:
    """The deal through which the client was chosen, then its others, without those deleted since."""
    first = [found.client.deal_id] if found.client.deal_id else []
    wanted = list(dict.fromkeys([*first, *found.client.deal_ids]))
    gone = set(
        session.scalars(
            select(Deal.id).where(
                Deal.portal_id == found.portal.id, Deal.id.in_(wanted), Deal.deleted_at.is_not(None)
            )
        )
    )
    return [deal for deal in wanted if deal not in gone]


def _commented(found: Asked, client: ClientKey, deals: list[int]) -> list[CardKey]:
    """Where the words go: the deal and the client's card (product.md B3)."""
    cards = (
        [CardKey("deal", found.client.deal_id)]
        if found.client.deal_id in deals and found.client.deal_id
        else []
    )
    return [*cards, CardKey(client.kind, client.id)]


def _facts(found: Asked, response: Response, before: int | None) -> Facts:
    return {
        "wave": names.in_words(found.portal, found.wave),
        "score": response.score,
        "score_before": before,
        "group": group(response.score),
        "comment": response.comment,
        "person": found.invitation.name,
        "role": found.invitation.role,
        "channel": response.channel,
    }
