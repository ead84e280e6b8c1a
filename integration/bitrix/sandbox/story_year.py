"""What the agency's own staff do in the portal during the year: sell, serve, note, convert, dismiss.

Nothing here needs a running portal: acts are data with names in place of what is known only later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from .agency import COMPANY, CONTACT, DEAL, LEAD
from .story_cards import SALES, SERVICE, PersonSpec, at, stage
from .story_cast import Cast
from .story_money import first_contract
from .story_staff import CITY_A, CITY_B, DIRECTOR_A, LEFT, MANAGERS_A, SELLERS, managers_of

Json = dict[str, Any]

#: Who leaves the agency in the middle of the year, with clients on hand.
LEAVES = MANAGERS_A[2]
_FRIENDS = ("Фотостудия «Кадр» & Co", "Ветклиника «Хвост»")
_NEWCOMERS = {
    "edge": "Кондитерская «Эклер»",
    "almost": "Ателье «Напёрсток»",
    "fresh": "Веломастерская «Спица»",
}


@dataclass(frozen=True)
class Act:
    """One deed of an employee in the portal's own pages.

    In ``params`` a text ``@name`` stands for the id kept under that name, ``CO_@name`` for a link to it, and
    ``#lead:FIELD:xml`` for the id of an enumeration's value. ``keep`` maps names to paths in the answer
    (``item.id``). ``about`` says it in words.
    """

    at: datetime
    user: int
    method: str
    params: Json
    about: str
    keep: dict[str, str] = field(default_factory=dict)


@dataclass
class Year:
    """Collects the acts. ``kinds`` names clients born in the year under ``@name``."""

    cast: Cast
    freeze: date
    acts: list[Act] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)

    def act(self, moment: datetime, user: int, method: str, params: Json, about: str, **keep: str) -> None:
        self.acts.append(Act(moment, user, method, params, about, keep))

    def update(self, moment: datetime, user: int, kind: int, item: Any, fields: Json, about: str) -> None:
        """Staff change a card."""
        params = {"entityTypeId": kind, "id": item, "fields": fields, "useOriginalUfNames": "Y"}
        self.act(moment, user, "crm.item.update", params, about)

    def add(self, moment: datetime, user: int, kind: int, fields: Json, name: str, about: str) -> None:
        """Staff create a card, known as ``@name`` afterwards."""
        params = {"entityTypeId": kind, "fields": fields, "useOriginalUfNames": "Y"}
        self.act(moment, user, "crm.item.add", params, about, **{name: "item.id"})


def write_year(cast: Cast, freeze: date) -> Year:
    """All acts of the year in the order of time."""
    year = Year(cast, freeze)
    _roles(year)
    _wishes(year)
    _referrals(year)
    _newcomers(year)
    _old_clients(year)
    _staff(year)
    year.acts.sort(key=lambda act: act.at)
    return year


def _day(year: int, month: int, day: int, hour: int = 11, minute: int = 0) -> datetime:
    return at(date(year, month, day), hour, minute)


def _of_kind(year: Year, kind: str, card: str = "") -> list[int]:
    """Ids of the clients of one kind; with ``card`` only those that are companies, or only contacts."""
    found = [key for key, value in year.cast.kinds.items() if value == kind and key.startswith(card)]
    return [int(key.split(":")[1]) for key in found]


def _people_of(year: Year, company: int) -> list[int]:
    contacts = year.cast.cards.agency.contacts
    return [card["id"] for card in contacts if company in card.get("companyIds", ())]


def _firm(year: Year, company: int) -> str:
    """The company's title, short enough for a line."""
    title = str(year.cast.cards.agency.companies[company - 1]["title"])
    return title if len(title) <= 40 else f"{title[:39]}…"


def _person(year: Year, contact: int) -> str:
    card = year.cast.cards.agency.contacts[contact - 1]
    return f"{card['name']} {card['lastName']}"


def _roles(year: Year) -> None:
    """Managers say who decides and who works with us daily; the last of each crowd stays without a role."""
    moment = _day(2026, 2, 3, 10)
    for company in _of_kind(year, "eligible_roles"):
        people = _people_of(year, company)
        roles = ["daily", "decides", "other"] if company % 2 else ["decides", "daily", "other"]
        for contact, role in zip(people[: max(1, len(people) - 1)], roles, strict=False):
            fields = {"UF_CRM_MOLVA_ROLE": f"#contact:UF_CRM_MOLVA_ROLE:{role}"}
            year.update(
                moment,
                _serving(year, company),
                CONTACT,
                contact,
                fields,
                f"{_person(year, contact)} of {_firm(year, company)} gets the role «{role}»",
            )
            moment += timedelta(minutes=7)


def _wishes(year: Year) -> None:
    """Holds and opt-outs noted on the cards."""
    hold, out = "UF_CRM_MOLVA_HOLD_UNTIL", "UF_CRM_MOLVA_OPT_OUT"
    for company in _of_kind(year, "hold_over"):
        year.update(
            _day(2026, 3, 2),
            6,
            COMPANY,
            company,
            {hold: "2026-05-01"},
            f"{_firm(year, company)} is not to be asked before May",
        )
    for company in _of_kind(year, "held"):
        until = (year.freeze + timedelta(days=150)).isoformat()
        year.update(
            _day(2026, 7, 6),
            7,
            COMPANY,
            company,
            {hold: until},
            f"{_firm(year, company)} is not to be asked before next year",
        )
    for company in _of_kind(year, "opted_out"):
        contact = _people_of(year, company)[0]
        year.update(
            _day(2026, 5, 18),
            9,
            CONTACT,
            contact,
            {out: "Y"},
            f"{_person(year, contact)} of {_firm(year, company)} is never to be asked",
        )
    for company in _of_kind(year, "company_opted_out"):
        year.update(
            _day(2026, 5, 19), 9, COMPANY, company, {out: "Y"}, f"{_firm(year, company)} is never to be asked"
        )


def _referrals(year: Year) -> None:
    """Leads that came by recommendation; the field goes with them into deal, company and contact."""
    companies = _of_kind(year, "eligible", "company")
    for number, source, converted, won in (
        (1, "client", date(2026, 4, 10), date(2026, 4, 20)),
        (2, "partner", date(2026, 7, 10), year.freeze - timedelta(days=20)),
    ):
        _recommended(year, number, source, companies[number % len(companies)], converted, won)
    spec = year.cast.cards.person("hint.example.com", "ru")
    hint: Json = {"title": "По рекомендации", "sourceId": "RECOMMENDATION"} | spec.fields()
    year.add(_day(2026, 3, 17), SELLERS[0], LEAD, hint, "lead3", "a lead with the portal's own source")


def _recommended(year: Year, number: int, source: str, referrer: int, converted: date, won: date) -> None:
    """One of them: it comes, is said to be recommended, becomes a client and buys."""
    cards = year.cast.cards
    name, friend, seller = f"lead{number}", _FRIENDS[number - 1], SELLERS[number % 2]
    spec = cards.person(f"friend{number}.example.com", ("uk", "en")[number - 1])
    fields: Json = {
        "title": f"Заявка: {friend}", "sourceId": "WEB" if number == 1 else "", "companyTitle": friend,
        "opportunity": first_contract(cards.purse),
    } | spec.fields()  # fmt: skip
    created = at(converted - timedelta(days=9))
    year.add(created, seller, LEAD, fields, name, f"a lead: {friend}")
    referral = {"UF_CRM_MOLVA_REFERRAL_SOURCE": f"#lead:UF_CRM_MOLVA_REFERRAL_SOURCE:{source}"}
    referral["UF_CRM_MOLVA_REFERRER"] = f"CO_{referrer}"
    said = f"{friend} was recommended ({source})"
    year.update(created + timedelta(hours=2), seller, LEAD, f"@{name}", referral, said)
    keep = {f"{name}_deal": "dealId", f"{name}_company": "companyId", f"{name}_contact": "contactIds.0"}
    about = f"{friend} becomes a client"
    year.act(at(converted), seller, "ui.lead.convert", {"id": f"@{name}"}, about, **keep)
    sold = {"stageId": "WON", "closedate": won.isoformat()}
    year.update(at(won), seller, DEAL, f"@{name}_deal", sold, f"the deal of {friend} is won")
    year.kinds[f"company:@{name}_company"] = "eligible" if number == 1 else "too_new"


def _newcomers(year: Year) -> None:
    """Served since exactly three months on the day of the list, since a day less, and since August."""
    _newcomer(year, "edge", _months_before(year.freeze, 3), CITY_A, "eligible")
    _newcomer(year, "almost", _months_before(year.freeze, 3) + timedelta(days=1), CITY_B, "too_new")
    _newcomer(year, "fresh", year.freeze - timedelta(days=9), CITY_A, "too_new")


def _newcomer(year: Year, name: str, day: date, city: str, kind: str) -> None:
    manager = managers_of(city)[0]
    spec = year.cast.cards.person(f"{name}.example.com", "ru")
    title = _NEWCOMERS[name]
    moment = at(day, 10)
    year.add(
        moment,
        manager,
        COMPANY,
        {"title": title, "assignedById": manager},
        f"{name}_company",
        f"company {title}",
    )
    fields = spec.fields() | {"companyIds": [f"@{name}_company"], "assignedById": manager}
    year.add(
        moment + timedelta(minutes=5), manager, CONTACT, fields, f"{name}_contact", f"a person of {title}"
    )
    address = {"entityTypeId": COMPANY, "entityId": f"@{name}_company", "CITY": city}
    year.act(moment + timedelta(minutes=6), manager, "ui.address.set", address, f"{title} is in {city}")
    fields = {"title": f"Обслуживание: {title}", "companyId": f"@{name}_company", "categoryId": SERVICE,
              "contactIds": [f"@{name}_contact"], "stageId": stage(SERVICE, "NEW"), "assignedById": manager,
              "begindate": day.isoformat(), "opportunity": 120000}  # fmt: skip
    year.add(
        moment + timedelta(minutes=9), manager, DEAL, fields, f"{name}_deal", f"the service of {title} begins"
    )
    year.kinds[f"company:@{name}_company"] = kind


def _old_clients(year: Year) -> None:
    """One comes back, one leaves, one grows into service, one vanishes from the base."""
    for company in _of_kind(year, "returning"):
        people, manager = _people_of(year, company), _serving(year, company)
        fields = {"title": "Снова вместе", "companyId": company, "contactIds": people, "categoryId": SALES,
                  "opportunity": 250000, "assignedById": manager, "begindate": "2026-03-04"}  # fmt: skip
        year.add(
            _day(2026, 3, 4), manager, DEAL, fields, f"again{company}", f"{_firm(year, company)} is back"
        )
        fields = {"stageId": "WON", "closedate": "2026-03-24"}
        year.update(
            _day(2026, 3, 24), manager, DEAL, f"@again{company}", fields, f"{_firm(year, company)} buys again"
        )
    for company in _of_kind(year, "leaving"):
        deal = _last_deal(year, company)
        fields = {"stageId": stage(SERVICE, "LOSE"), "closedate": "2026-04-15"}
        year.update(_day(2026, 4, 15), DIRECTOR_A, DEAL, deal, fields, f"{_firm(year, company)} leaves")
    for company in _of_kind(year, "growing"):
        deal = _last_deal(year, company)
        won = {"stageId": "WON", "closedate": "2026-02-10"}
        year.update(_day(2026, 2, 10), SELLERS[0], DEAL, deal, won, f"{_firm(year, company)} buys")
        served = {"categoryId": SERVICE, "stageId": stage(SERVICE, "WORK")}
        year.update(
            _day(2026, 2, 12),
            SELLERS[0],
            DEAL,
            deal,
            served,
            f"the deal of {_firm(year, company)} moves over to service",
        )
    for company in _of_kind(year, "vanishing"):
        deal = _last_deal(year, company)
        year.act(
            _day(2026, 5, 5),
            1,
            "crm.item.delete",
            {"entityTypeId": DEAL, "id": deal},
            f"the only deal of {_firm(year, company)} is deleted",
        )


def _serving(year: Year, company: int) -> int:
    """The company's manager, or the director for one who had left before the story."""
    manager = int(year.cast.cards.agency.companies[company - 1]["assignedById"])
    return DIRECTOR_A if manager == LEFT else manager


def _last_deal(year: Year, company: int) -> int:
    deals = [deal["id"] for deal in year.cast.cards.agency.deals if deal["companyId"] == company]
    return int(max(deals))


def _staff(year: Year) -> None:
    """A manager leaves; the cards keep the name."""
    params = {"ID": LEAVES, "ACTIVE": False}
    year.act(_day(2026, 6, 15, 18), 1, "ui.user.update", params, "Peter Nightingale leaves the agency")


def _months_before(day: date, months: int) -> date:
    """The same day some months earlier; days that the month lacks become its last one."""
    total = day.year * 12 + day.month - 1 - months
    for last in range(day.day, 27, -1):
        try:
            return date(total // 12, total % 12 + 1, last)
        except ValueError:
            continue
    return date(total // 12, total % 12 + 1, day.day)


__all__ = ["LEAVES", "Act", "PersonSpec", "Year", "write_year"]
