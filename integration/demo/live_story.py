"""The agency's autumn for the demo one walks around in: it opens a few days before the survey is planned.

What happened before the opening is done at once, without Molva; what staff wrote into Molva's own fields
follows when the fields exist. From then on a handful of deeds keeps the portal alive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from integration.bitrix.sandbox.agency import COMPANY, DEAL, LEAD
from integration.bitrix.sandbox.story import Story, tell
from integration.bitrix.sandbox.story_cards import SALES, SERVICE, at, stage
from integration.bitrix.sandbox.story_money import first_contract
from integration.bitrix.sandbox.story_names import CALM, TRICKY
from integration.bitrix.sandbox.story_staff import ADMIN, CALLER, DIRECTOR_A, HEAD, LEFT, MANAGERS_A, SELLERS
from integration.bitrix.sandbox.story_year import Act

from . import settings
from .words import Said

Json = dict[str, Any]

#: A Tuesday morning. The survey of 1 October is planned as soon as Molva has read the cards, approved by the
#: head on the next day, which freezes its list, and announced nine days after the opening.
OPENING = at(date(2026, 9, 8), 9)
FREEZE = date(2026, 9, 9)
#: How the agency calls itself in its own card, and with it in every letter.
AGENCY = "Агентство «Полдень»"
#: Who stands for the roles of the portal's switch "view as".
PERSONAS = {
    "administrator": ADMIN, "head": HEAD, "director": DIRECTOR_A, "manager": MANAGERS_A[0], "caller": CALLER,
    "dismissed": LEFT,
}  # fmt: skip


#: The agency has arranged its company card once, the other cards stand as the portal made them: so both ways to get
#: Molva's fields into a card can be tried, by preview and undo, and by hand (bitrix24.md 8.5).
COMPANY_CARD = {
    "О компании": ("TITLE", "PHONE", "EMAIL", "CONTACT", "ADDRESS"),
    "Подробности": ("ASSIGNED_BY_ID", "COMMENTS"),
}


@dataclass(frozen=True)
class Deed:
    """An act of the portal's staff with its words for the panel."""

    act: Act
    said: Said


@dataclass(frozen=True)
class Autumn:
    """The story cut at the opening: ``plain`` needs the portal alone, ``ours`` the fields of Molva."""

    story: Story
    plain: tuple[Act, ...]
    ours: tuple[Act, ...]
    deeds: tuple[Deed, ...] = field(default=())


def autumn(seed: int, clients: int) -> Autumn:
    """The agency of that seed with everything up to the opening. Raises ``ValueError`` for too few clients."""
    story = tell(seed, clients, FREEZE, OPENING.date())
    _calm(story)
    past = [act for act in story.acts if act.at < OPENING]
    ours = tuple(act for act in past if "UF_CRM_MOLVA" in str(act.params))
    plain = tuple(act for act in past if act not in ours)
    return Autumn(story, plain, ours, tuple(_deeds(story)))


def _calm(story: Story) -> None:
    """The agency's own name, and names of clients that do not look like an attack; their deals follow."""
    labels = {title: label for title, label in TRICKY if label in CALM}
    renamed: dict[int, str] = {}
    for company in story.agency.companies:
        if company.get("isMyCompany") == "Y":
            company["title"] = AGENCY
        elif label := labels.get(str(company["title"])):
            renamed[company["id"]] = company["title"] = CALM[label]
    for deal in story.agency.deals:
        what, colon, _ = str(deal["title"]).partition(": ")
        if colon and deal["companyId"] in renamed:
            deal["title"] = f"{what}: {renamed[deal['companyId']]}"


def policy() -> Json:
    """The settings of the agency's head for this autumn."""
    return settings.policy()


def _moment(days: int, hour: int, minute: int = 0) -> datetime:
    return at((OPENING + timedelta(days=days)).date(), hour, minute)


def _deeds(story: Story) -> list[Deed]:
    """A lead by recommendation that becomes a client, a sale, a quarrel that keeps a client out for a while."""
    cards = [key.split(":") for key, kind in story.kinds.items() if kind == "eligible"]
    regular = sorted(int(number) for sort, number in cards if sort == "company" and number.isdigit())
    friend, buyer, quarrel = regular[0], regular[1 % len(regular)], regular[-1]
    titles = {row["id"]: str(row["title"])[:60] for row in story.agency.companies}
    return [
        *_recommended(story.seed, friend, titles[friend]),
        *_sale(buyer, titles[buyer]),
        *_pause(quarrel, titles),
        *_renewals(story.seed, regular[2:-1], titles),
    ]


def _recommended(seed: int, friend: int, title: str) -> list[Deed]:
    seller = SELLERS[0]
    name = "Пекарня «Тёплый угол»"
    person = {
        "name": "Вера", "lastName": "Ясная", "post": "Владелица", "companyTitle": name,
        "fm": [{"typeId": "EMAIL", "valueType": "WORK", "value": "v.yasnaya@ugol.example.com"}],
    }  # fmt: skip
    money = {"opportunity": first_contract(Random(f"{seed}:warm"))}
    lead: Json = {
        "entityTypeId": LEAD,
        "fields": {"title": f"Запрос с сайта: {name}", "sourceId": "RECOMMENDATION"} | person | money,
    }
    referral = {
        "UF_CRM_MOLVA_REFERRAL_SOURCE": "#lead:UF_CRM_MOLVA_REFERRAL_SOURCE:client",
        "UF_CRM_MOLVA_REFERRER": f"CO_{friend}",
    }
    asked = {"entityTypeId": LEAD, "id": "@warm", "fields": referral, "useOriginalUfNames": "Y"}
    kept = {"warm_deal": "dealId", "warm_company": "companyId"}
    won = {"entityTypeId": DEAL, "id": "@warm_deal", "fields": {"stageId": "WON"}}
    return [
        _deed(_moment(1, 11), seller, "crm.item.add", lead, "a_lead", {"warm": "item.id"}, who=name),
        _deed(_moment(1, 11, 40), seller, "crm.item.update", asked, "recommended", who=name, by=title),
        _deed(_moment(8, 15), seller, "ui.lead.convert", {"id": "@warm"}, "converted", kept, who=name),
        _deed(_moment(20, 12), seller, "crm.item.update", won, "won", who=name),
    ]


def _sale(buyer: int, title: str) -> list[Deed]:
    fields = {
        "title": f"Новый сайт: {title}"[:200], "companyId": buyer, "categoryId": SALES, "opportunity": 480000,
        "assignedById": SELLERS[1],
    }  # fmt: skip
    add = {"entityTypeId": DEAL, "fields": fields}
    won = {"entityTypeId": DEAL, "id": "@site", "fields": {"stageId": "WON"}}
    return [
        _deed(_moment(6, 10, 30), SELLERS[1], "crm.item.add", add, "a_deal", {"site": "item.id"}, who=title),
        _deed(_moment(27, 16), SELLERS[1], "crm.item.update", won, "won", who=title),
    ]


def _renewals(seed: int, clients: list[int], titles: dict[int, str]) -> list[Deed]:
    """Clients that are served pay for another year, one in a few days."""
    rng, found = Random(f"{seed}:autumn"), []
    for days, client in zip(range(2, 60, 5), rng.sample(clients, min(12, len(clients))), strict=False):
        fields = {
            "title": f"Продление на 2026: {titles[client]}"[:200], "companyId": client, "categoryId": SALES,
            "stageId": "WON", "opportunity": rng.randrange(20, 90) * 10_000, "assignedById": SELLERS[days % 2],
        }  # fmt: skip
        add = {"entityTypeId": DEAL, "fields": fields}
        found.append(
            _deed(_moment(days, 12, 10), SELLERS[days % 2], "crm.item.add", add, "won", who=titles[client])
        )
    return found


def _pause(company: int, titles: dict[int, str]) -> list[Deed]:
    until = (OPENING + timedelta(days=60)).date()
    hold = {
        "entityTypeId": COMPANY,
        "id": company,
        "fields": {"UF_CRM_MOLVA_HOLD_UNTIL": until.isoformat()},
        "useOriginalUfNames": "Y",
    }
    return [
        _deed(
            _moment(17, 13), MANAGERS_A[0], "crm.item.update", hold, "held", who=titles[company], until=until
        )
    ]


def _deed(
    moment: datetime,
    user: int,
    method: str,
    params: Json,
    said: str,
    keep: dict[str, str] | None = None,
    **values: Any,
) -> Deed:
    return Deed(Act(moment, user, method, params, said, keep or {}), Said(said, values))


__all__ = ["OPENING", "PERSONAS", "SERVICE", "Autumn", "Deed", "autumn", "policy", "stage"]
