"""Who should be asked and why the others not: product.md E1 to E6 once more, over the story's own cards.

Written apart from the product's rules; the two meet only where the demo compares their results.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from integration.bitrix.sandbox.story_cards import SERVICE

from . import settings
from .days import months_later
from .ground import Card, Ground, Json, day_of, yes

SHARED = ("info", "sales")
HOLD, OPT_OUT = "UF_CRM_MOLVA_HOLD_UNTIL", "UF_CRM_MOLVA_OPT_OUT"


@dataclass(frozen=True)
class Asked:
    """One respondent."""

    contact: int
    address: str
    role: str
    shared: bool = False
    phone: str = ""

    @property
    def key(self) -> str:
        """By which this person is known: the address, for whoever has none the number."""
        return self.address or self.phone


@dataclass(frozen=True)
class Verdict:
    """One client on the list. ``reason`` "" for those who are asked; ``deals``: the chosen one first; ``bought``: what
    was won in the year before, with its currency."""

    card: Card
    name: str
    reason: str
    city: str
    manager: int
    deals: tuple[int, ...] = ()
    asked: tuple[Asked, ...] = field(default=())
    bought: tuple[tuple[Decimal, str], ...] = ()

    @property
    def key(self) -> str:
        """``company:5``."""
        return f"{self.card[0]}:{self.card[1]}"


def assess(ground: Ground, today: date) -> list[Verdict]:
    """Every client with its verdict: companies first, then people without a company."""
    taken: set[str] = set()
    found = []
    for card in _clients(ground):
        verdict = _judge(ground, card, today, taken)
        taken.update(key for one in verdict.asked for key in (one.address, one.phone) if key)
        found.append(verdict)
    return found


def _clients(ground: Ground) -> Iterator[Card]:
    """A client has at least one real deal; own companies are none."""
    companies = {deal.get("companyId") for deal in ground.deals.values() if _real(deal)}
    for number in sorted(ground.companies):
        if number in companies and not yes(ground.companies[number].get("isMyCompany")):
            yield "company", number
    people = {
        c
        for deal in ground.deals.values()
        if _real(deal) and not deal.get("companyId")
        for c in deal["contactIds"]
    }
    for number in sorted(people):
        if number in ground.contacts and not ground.contacts[number].get("companyIds"):
            yield "contact", number


def _real(deal: Json) -> bool:
    return not yes(deal.get("isRecurring"))


def _deals(ground: Ground, card: Card) -> list[Json]:
    kind, number = card
    found = [deal for deal in ground.deals.values() if _real(deal)]
    if kind == "company":
        return [deal for deal in found if deal.get("companyId") == number]
    return [deal for deal in found if not deal.get("companyId") and number in deal["contactIds"]]


def _semantics(deal: Json) -> str:
    code = str(deal["stageId"]).rpartition(":")[2]
    return {"WON": "S", "LOSE": "F", "APOLOGY": "F"}.get(code, "P")


def _won(ground: Ground, deal: Json) -> date | None:
    return ground.entered(deal["id"], lambda row: row["STAGE_SEMANTIC_ID"] == "S")


def _served(ground: Ground, deal: Json) -> date | None:
    return ground.entered(
        deal["id"],
        lambda row: int(row["CATEGORY_ID"]) == SERVICE and row["STAGE_SEMANTIC_ID"] not in ("S", "F"),
    )


def _in_service(deal: Json) -> bool:
    return int(deal.get("categoryId") or 0) == SERVICE and _semantics(deal) == "P"


def _since(ground: Ground, deals: list[Json]) -> date | None:
    """E1: the first of: won, entered service, begin date (of what was sold at all)."""
    days: list[date | None] = []
    for deal in deals:
        days += [_won(ground, deal), _served(ground, deal)]
        if _semantics(deal) == "S" or _in_service(deal):
            days.append(_won(ground, deal) or _served(ground, deal) or day_of(deal.get("begindate")))
    return min((day for day in days if day), default=None)


def _chosen(ground: Ground, deals: list[Json], today: date) -> Json | None:
    """E2: the youngest deal in service, else the won one that ended last, at most a year ago."""
    served = [deal for deal in deals if _in_service(deal)]
    if served:
        return max(served, key=lambda deal: (_served(ground, deal) or day_of(deal["begindate"]), deal["id"]))
    ended = [(day_of(deal["closedate"]), deal) for deal in deals if _semantics(deal) == "S"]
    late = [(day, deal) for day, deal in ended if day and months_later(day, settings.CURRENT_MONTHS) >= today]
    return max(late, key=lambda pair: (pair[0], pair[1]["id"]))[1] if late else None


def _judge(ground: Ground, card: Card, today: date, taken: set[str]) -> Verdict:
    kind, number = card
    own = ground.companies[number] if kind == "company" else ground.contacts[number]
    deals = _deals(ground, card)
    chosen, since = _chosen(ground, deals, today), _since(ground, deals)
    people = _people(ground, card)
    asked, why = _respondents(ground, people, today, taken)
    reason = ""
    if chosen is None:
        reason = "not_current"
    elif since is None or months_later(since, settings.MIN_AGE_MONTHS) > today:
        reason = "too_new"
    else:
        held = any(str(deal["stageId"]) == settings.TROUBLE for deal in deals)
        reasons = {why} | ({"opted_out"} if yes(own.get(OPT_OUT)) else set())
        reasons |= {"on_hold"} if held or _held(own, today) else set()
        order = ("asked_recently", "opted_out", "on_hold", "no_respondent", "no_channel")
        reason = next((name for name in order if name in reasons), "")
    through = [chosen["id"]] if chosen else []
    through += [deal["id"] for deal in deals if _in_service(deal) and deal["id"] not in through]
    manager = int(own.get("assignedById") or (chosen or {}).get("assignedById") or 0)
    name = str(own.get("title") or f"{own.get('name', '')} {own.get('lastName', '')}".strip())
    return Verdict(
        card, name, reason, ground.cities.get(card, ""), manager, tuple(through), asked if not reason else (),
        _bought(ground, deals, today),
    )  # fmt: skip


def _bought(ground: Ground, deals: list[Json], today: date) -> tuple[tuple[Decimal, str], ...]:
    """N8: what was won in the twelve months before, by the day it was won, each in its own currency."""
    sold = [
        (_won(ground, deal) or day_of(deal["closedate"]), deal) for deal in deals if _semantics(deal) == "S"
    ]
    return tuple(
        (Decimal(str(deal.get("opportunity") or 0)), str(deal.get("currencyId") or ""))
        for day, deal in sold
        if day is not None and day <= today < months_later(day, 12)
    )


def _held(own: Json, today: date) -> bool:
    until = day_of(own.get(HOLD))
    return until is not None and until > today


def _people(ground: Ground, card: Card) -> list[int]:
    """The client's people, the primary one first."""
    kind, number = card
    if kind == "contact":
        return [number]
    return sorted(c for c, contact in ground.contacts.items() if number in (contact.get("companyIds") or ()))


def _respondents(
    ground: Ground, people: list[int], today: date, taken: set[str]
) -> tuple[tuple[Asked, ...], str]:
    """E6, and the reason why nobody can be asked ("" if somebody can)."""
    if not people:
        return (), "no_respondent"
    order = {"decides": 1, "daily": 2, "other": 3, "": 4}
    ranked = [people[0], *sorted(people[1:], key=lambda one: (order[ground.role(one)], one))]
    out = {one for one in people if _opted_out(ground, one)}
    held = {one for one in people if _held(ground.contacts[one], today)}
    seen = {one for one in people if taken.intersection([*ground.emails(one), *ground.phones(one)])}
    free = [one for one in ranked if one not in out | held | seen]
    own: list[Asked] = []
    shared: list[Asked] = []
    for one in free:
        mails = ground.emails(one)
        private = [mail for mail in mails if mail.split("@")[0] not in SHARED]
        phone = next(iter(ground.phones(one)), "")
        if private or phone:
            own.append(Asked(one, private[0] if private else "", ground.role(one), phone=phone))
        elif mails:
            shared.append(Asked(one, mails[0], ground.role(one), True))
    chosen = [one for place, one in enumerate(own) if place == 0 or one.role or one.contact == people[0]]
    chosen = (chosen or shared[:1])[: settings.MAX_RESPONDENTS]
    if len(chosen) == 1 and not chosen[0].address and (mails := ground.emails(chosen[0].contact)):
        chosen = [replace(chosen[0], address=mails[0], shared=True)]  # nobody else is there
    if chosen:
        return tuple(chosen), ""
    if free:
        return (), "no_channel"
    return (), next(
        name for name, who in (("asked_recently", seen), ("opted_out", out), ("on_hold", held)) if who
    )


def _opted_out(ground: Ground, contact: int) -> bool:
    """The wish belongs to the person: it holds on every card with the same address or phone."""
    own = {*ground.emails(contact), *ground.phones(contact)} - {""}
    same = [c for c in ground.contacts if own & {*ground.emails(c), *ground.phones(c)}]
    return any(yes(ground.contacts[c].get(OPT_OUT)) for c in {*same, contact})
