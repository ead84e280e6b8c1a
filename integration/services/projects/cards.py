"""What an answer about a project puts on cards: the score of its own deal, and of nothing else (product.md W16, B2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy.orm import Session

from integration.nps.accounts import PersonAnswer, card_values
from integration.nps.intents import WriteScore
from integration.nps.people import CardKey, ClientKey
from integration.nps.workdays import local_day, zone_named
from integration.services.projects import names
from integration.store import cards_view
from integration.store.cards_view import Asked, Line
from integration.store.portals import Portal


def of_deal(
    session: Session, portal: Portal, deal_id: int, client: ClientKey
) -> tuple[datetime, WriteScore] | None:
    """The last counted answer about a deal's project, with its moment (UTC); nothing if there is none."""
    lines = [
        one for one in cards_view.project_lines(session, portal.id, client) if one.line.deal_id == deal_id
    ]
    asked = cards_view.asked_of_lines(session, portal.id, [one.line.id for one in lines])
    found = [made for line in lines if (made := _value(portal, deal_id, client, line, asked)) is not None]
    return max(found, key=lambda one: one[0], default=None)


def _value(
    portal: Portal, deal_id: int, client: ClientKey, line: Line, asked: Sequence[Asked]
) -> tuple[datetime, WriteScore] | None:
    zone = zone_named(portal.time_zone)
    given = [
        PersonAnswer(
            contact_id=one.invitation.contact_id,
            score=one.response.score,
            at=one.response.answered_at,
            day=local_day(one.response.answered_at, zone),
            comment=one.response.comment,
            channel=cast("Any", one.response.channel),
        )
        for one in asked
        if one.line.id == line.line.id and one.response is not None and one.response.status == "counted"
    ]
    values = card_values(client, given, [deal_id], names.on_card(portal, line.wave), "worst_decision_maker")
    mine = next((value for value in values if value.card == CardKey("deal", deal_id)), None)
    return (max(one.at for one in given), mine) if mine is not None else None


def without_later(
    session: Session, portal: Portal, client: ClientKey, values: Iterable[WriteScore], at: datetime | None
) -> list[WriteScore]:
    """What a yearly survey writes, without deals whose project was answered about since: the last word stays there."""
    found = list(values)
    if at is None or not cards_view.project_lines(session, portal.id, client):
        return found

    def later(value: WriteScore) -> bool:
        if value.card.kind != "deal":
            return False
        known = of_deal(session, portal, value.card.id, client)
        return known is not None and known[0] > at

    return [value for value in found if not later(value)]
