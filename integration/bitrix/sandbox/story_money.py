"""Money in the story: what clients that are served pay every year, and what recommended ones begin with.

Drawn apart from the rest (`Cards.purse`), so that amounts change nothing about who does what and when.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from .story_cards import SALES, SERVICE, Step, at
from .story_cast import Cast
from .story_staff import SELLERS

Json = dict[str, Any]

#: Clients whose service ends in the year: a sale of last winter would keep them clients.
_ENDING = ("leaving", "vanishing")
#: Of a hundred years of service so many are paid for by a contract of their own.
_RENEWED = 0.9


def first_contract(purse: Random) -> int:
    """What somebody who was recommended buys to begin with, in roubles."""
    return purse.randrange(14, 52) * 10_000


def renew(cast: Cast, until: date) -> None:
    """A sale won for every year of service before a day; prices grow a little, some years are left out."""
    for deal in _served(cast):
        purse = cast.cards.purse
        price = purse.randrange(18, 90) * 10_000
        begun = datetime.fromisoformat(deal["createdTime"]).date()
        for year in range(begun.year + 1, until.year + 1):
            price = round(price * purse.uniform(0.97, 1.14) / 1000) * 1000
            day = begun.replace(year=year, day=min(begun.day, 28)) + timedelta(days=purse.randrange(-10, 25))
            if purse.random() < _RENEWED and day < until:
                _sale(cast, deal, day, price)


def _served(cast: Cast) -> list[Json]:
    """The first open service of every client; who is leaving is left out."""
    found: dict[str, Json] = {}
    for deal in cast.cards.agency.deals:
        key = (
            f"company:{deal['companyId']}"
            if deal["companyId"]
            else f"contact:{(deal['contactIds'] or [0])[0]}"
        )
        known = cast.kinds.get(key, "leaving") not in _ENDING
        if known and deal["categoryId"] == SERVICE and not str(deal["stageId"]).endswith(":LOSE"):
            found.setdefault(key, deal)
    return list(found.values())


def _sale(cast: Cast, served: Json, day: date, price: int) -> None:
    life: list[Step] = [(at(day - timedelta(days=14)), SALES, "NEW"), (at(day, 15), SALES, "WON")]
    title = str(served["title"]).partition(": ")[2] or str(served["title"])
    cast.cards.deal(
        f"Продление на {day.year}: {title}"[:200], served["companyId"] or None, served["contactIds"], life,
        cast.cards.purse.choice(SELLERS), begin=day, close=day, amount=price,
    )  # fmt: skip
