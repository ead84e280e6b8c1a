"""From a card as REST gives it to a row of the mirror, and back to what our fields on it mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from integration.bitrix import records
from integration.bitrix.links import Entity, crm_link, parse_link
from integration.bitrix.records import uf_day, uf_enum, uf_flag, uf_int, uf_money, uf_text
from integration.nps.people import ClientKey
from integration.nps.policy import Policy
from integration.store.clients import Company, Contact, Deal, Lead
from integration.store.portals import Portal

KINDS: tuple[Entity, ...] = ("company", "contact", "deal", "lead")
TABLES: dict[str, Any] = {"company": Company, "contact": Contact, "deal": Deal, "lead": Lead}
REFERRAL = ("UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER", "UF_CRM_MOLVA_REFERRAL_DATE")
SCORES = tuple(
    f"UF_CRM_MOLVA_NPS_{name}" for name in ("SCORE", "GROUP", "DATE", "COMMENT", "WAVE", "CHANNEL")
)
ROLE, HOLD, OPT_OUT = "UF_CRM_MOLVA_ROLE", "UF_CRM_MOLVA_HOLD_UNTIL", "UF_CRM_MOLVA_OPT_OUT"

_COMMON = ("id", "assignedById", "createdTime", "updatedTime")
_SELECT: dict[str, tuple[str, ...]] = {
    "company": (*_COMMON, "title", "isMyCompany", "leadId", "contactIds"),
    "contact": (*_COMMON, "name", "secondName", "lastName", "post", "companyId", "companyIds", "leadId"),
    "deal": (
        *_COMMON, "title", "categoryId", "stageId", "stageSemanticId", "companyId", "contactId", "contactIds",
        "leadId", "sourceId", "opportunity", "currencyId", "begindate", "closedate", "isRecurring",
    ),
    "lead": (*_COMMON, "title", "stageId", "stageSemanticId", "companyId", "contactId", "sourceId"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """How one portal's cards are to be read: our fields there, and the fields the settings name."""

    portal_id: int
    fields: Mapping[str, Any]
    leads: bool = True
    deal_since: str = ""
    deal_end: str = ""
    company_since: str = ""
    city: str = ""
    manager: str = ""
    sales: str = ""
    revenue: str = ""
    zone: str = ""

    @classmethod
    def of(cls, portal: Portal, policy: Policy) -> Reading:
        """The reading of a portal under its policy."""
        on_deal = policy.since_field_on == "deal"
        return cls(
            portal_id=portal.id,
            fields=portal.fields or {},
            leads=portal.crm_mode == 1,
            deal_since=policy.since_field if on_deal else "",
            deal_end=policy.end_field,
            company_since="" if on_deal else policy.since_field,
            city=policy.city_field,
            manager=policy.manager_field,
            sales=policy.sales_field,
            revenue=policy.revenue_field,
            zone=policy.zone_field,
        )

    @property
    def kinds(self) -> tuple[Entity, ...]:
        """Kinds of cards this portal has."""
        return KINDS if self.leads else KINDS[:3]

    def select(self, kind: str) -> list[str]:
        """What to ask of a card: only fields that exist, since lists name what they select."""
        named = {
            "deal": (self.deal_since, self.deal_end), "contact": (self.zone,),
            "company": (self.company_since, self.city, self.manager, self.sales, self.revenue),
        }.get(kind, ())  # fmt: skip
        wanted = [*_SELECT[kind], *sorted(self.fields.get(kind, {})), *(code for code in named if code)]
        return list(dict.fromkeys(wanted))

    def row(self, kind: str, item: Mapping[str, Any]) -> dict[str, Any] | None:
        """The mirror's columns of a card; nothing for a row that is no card."""
        try:
            match kind:
                case "company":
                    return self._company(records.Company.read(item))
                case "contact":
                    return self._contact(records.Contact.read(item))
                case "deal":
                    return self._deal(records.Deal.read(item))
                case _:
                    return self._lead(records.Lead.read(item))
        except records.RecordError:
            return None

    def ours(self, kind: str, uf: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that come from our own fields, as far as `uf` holds them."""
        found: dict[str, Any] = {"referral": {code: uf[code] for code in REFERRAL if code in uf}}
        if kind != "deal":
            link = parse_link(uf.get(REFERRAL[1]))
            found["referrer"] = crm_link(*link) if link else ""
        if kind != "lead":
            found["scores"] = {code: uf[code] for code in SCORES if code in uf}
        if kind in ("company", "contact"):
            found["opted_out"] = uf_flag(uf.get(OPT_OUT))
            found["hold_until"] = uf_day(uf.get(HOLD))
        if kind == "contact":
            found["role"] = item_code(self.fields, kind, ROLE, uf.get(ROLE))[:16]
        return found

    def _base(self, kind: str, card: Any) -> dict[str, Any]:
        return {
            "portal_id": self.portal_id, "id": card.id, "assigned_by": card.assigned_by,
            "updated_at": card.updated_at, "deleted_at": None, **self.ours(kind, card.uf),
        }  # fmt: skip

    def _company(self, card: records.Company) -> dict[str, Any]:
        row = self._base("company", card) | {
            "title": card.title[:500], "own": card.own, "lead_id": card.lead_id,
            "since_field": uf_day(card.uf.get(self.company_since)),
            "city": uf_text(card.uf.get(self.city))[:200] if self.city else "", "chosen": self._chosen(card.uf),
        }  # fmt: skip
        return row

    def _chosen(self, uf: Mapping[str, Any]) -> dict[str, Any]:
        """What the fields named for people and revenue say; an empty one is left out (product.md E7)."""
        found: dict[str, Any] = {}
        for name, code in (("manager", self.manager), ("sales", self.sales)):
            user = uf_int(uf.get(code)) if code else None
            if user:
                found[name] = user
        money = uf_money(uf.get(self.revenue)) if self.revenue else None
        if money is not None:
            found |= {"revenue": str(money[0]), "currency": money[1]}
        return found

    def _contact(self, card: records.Contact) -> dict[str, Any]:
        return self._base("contact", card) | {
            "name": card.name[:200], "second_name": card.second_name[:200], "last_name": card.last_name[:200],
            "post": card.post[:200], "company_id": card.company_id, "company_ids": companies_of(card),
            "lead_id": card.lead_id, "language": "", "time_zone": uf_text(card.uf.get(self.zone))[:64],
        }  # fmt: skip

    def _deal(self, card: records.Deal) -> dict[str, Any]:
        first = card.contact_id or next(iter(card.contact_ids), None)
        client = ("company", card.company_id) if card.company_id else ("contact", first) if first else ("", 0)
        return self._base("deal", card) | {
            "title": card.title[:500], "category_id": card.category_id, "stage_id": card.stage_id[:64],
            "semantics": card.semantics, "client_kind": client[0], "client_id": client[1],
            "company_id": card.company_id, "contact_id": first, "contact_ids": list(card.contact_ids),
            "lead_id": card.lead_id, "source_id": card.source_id[:64], "amount": card.amount,
            "currency": card.currency[:8], "begin_on": card.begin_on, "close_on": card.close_on, "won_at": None,
            "recurring": card.recurring, "created_at": card.created_at,
            "since_field": uf_day(card.uf.get(self.deal_since)), "end_field": uf_day(card.uf.get(self.deal_end)),
        }  # fmt: skip

    def _lead(self, card: records.Lead) -> dict[str, Any]:
        return self._base("lead", card) | {
            "title": card.title[:500], "stage_id": card.stage_id[:64], "semantics": card.semantics,
            "company_id": card.company_id, "contact_id": card.contact_id, "source_id": card.source_id[:64],
        }  # fmt: skip


def companies_of(card: records.Contact) -> list[int]:
    """All companies of a contact, the primary one first."""
    many = ([card.company_id] if card.company_id else []) + list(card.company_ids)
    return list(dict.fromkeys(many))


def item_code(fields: Mapping[str, Any], kind: str, code: str, value: Any) -> str:
    """The XML_ID of a list value as read from a card; empty for none or one that is not ours."""
    wanted = uf_enum(value)
    items: Mapping[str, Any] = ((fields.get(kind) or {}).get(code) or {}).get("items") or {}
    return next((xml_id for xml_id, number in items.items() if str(number) == wanted), "")


@dataclass(frozen=True, slots=True)
class ReferralOnCard:
    """The referral fields of a card as they stand (product.md R1)."""

    source: str
    referrer: ClientKey | None
    day: date | None


def referral_of(portal: Portal, kind: str, stored: Mapping[str, Any]) -> ReferralOnCard:
    """What the mirrored referral fields of a card mean."""
    source, referrer, day = (stored.get(code) for code in REFERRAL)
    link = parse_link(referrer)
    key = ClientKey(cast("Any", link[0]), link[1]) if link and link[0] in ("company", "contact") else None
    return ReferralOnCard(item_code(portal.fields or {}, kind, REFERRAL[0], source), key, uf_day(day))


def rows_of(reading: Reading, kind: str, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of many cards by id, each once, the last one winning; in order, so that writers do not deadlock."""
    found = {row["id"]: row for item in items if (row := reading.row(kind, item)) is not None}
    return [found[number] for number in sorted(found)]
