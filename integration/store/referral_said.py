"""What clients said last, to be put beside whom they really recommended (product.md R6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from integration.nps.accounts import score_by, weights_of
from integration.nps.people import CardKey
from integration.nps.policy import AccountRule
from integration.store.referrals import key_of
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient


class LastScore(NamedTuple):
    """A client's one score by the account rule, from the last survey it answered, and when (UTC)."""

    client: CardKey
    score: int
    at: datetime


def last_scores(
    session: Session, portal_id: int, rule: AccountRule, weights: Mapping[str, int]
) -> list[LastScore]:
    """Of every client that has answered, by kind and number; only answers that count."""
    used = weights_of(rule, weights)
    weight = case(
        *((Invitation.role == role, used.get(role, 1)) for role in ("decides", "daily")),
        else_=used.get("other", 1),
    )
    place = func.row_number().over(
        partition_by=(WaveClient.client_kind, WaveClient.client_id),
        order_by=(func.max(Wave.planned_at).desc(), WaveClient.wave_id.desc()),
    )
    answered = (
        select(
            WaveClient.client_kind, WaveClient.client_id, place.label("place"),
            func.min(case((Invitation.role == "decides", Response.score))).label("decider"),
            func.min(Response.score).label("worst"), func.sum(weight).label("weight"),
            func.sum(weight * Response.score).label("weighted"),
            func.max(Response.answered_at).label("at"),
        )
        .join(Invitation, Invitation.id == Response.invitation_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .join(Wave, Wave.id == WaveClient.wave_id)
        .where(Response.portal_id == portal_id, Response.status == "counted")
        .where(Wave.stage != "cancelled", Wave.of_years())
        .group_by(WaveClient.id, WaveClient.client_kind, WaveClient.client_id, WaveClient.wave_id)
        .subquery()
    )  # fmt: skip
    last = select(*(column for column in answered.c if column.name != "place")).where(answered.c.place == 1)
    order = (answered.c.client_kind, answered.c.client_id)
    return [
        LastScore(key_of(kind, number), score_by(rule, decider, worst, int(share), int(total)), at)
        for kind, number, decider, worst, share, total, at in session.execute(last.order_by(*order))
    ]
