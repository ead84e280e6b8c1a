"""The portal's cards as they truly stood on the day of the list, in the words of the story."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from integration.bitrix.sandbox.agency import COMPANY, CONTACT, DEAL

from .days import ZONE

Json = dict[str, Any]
Card = tuple[str, int]


@dataclass(frozen=True)
class Ground:
    """Cards by id and what their history says. ``roles``: item id of the role field → its XML_ID."""

    companies: dict[int, Json]
    contacts: dict[int, Json]
    deals: dict[int, Json]
    history: list[Json]
    cities: dict[Card, str]
    users: dict[int, Json]
    departments: dict[int, Json]
    calendar: Json
    roles: dict[str, str]

    def entered(self, deal: int, test: Any) -> date | None:
        """The first day on which the deal's history shows a row that passes the test."""
        days = [
            _day(row["CREATED_TIME"]) for row in self.history if int(row["OWNER_ID"]) == deal and test(row)
        ]
        return min(days, default=None)

    def active(self, user: int | None) -> bool:
        """Whether the employee is there and not dismissed."""
        return bool(user) and bool(self.users.get(user or 0, {}).get("ACTIVE"))

    def emails(self, contact: int) -> list[str]:
        """Addresses on the card, as compared."""
        return [_plain(value) for value in _values(self.contacts[contact], "EMAIL")]

    def phones(self, contact: int) -> list[str]:
        """Digits of the phones on the card."""
        values = _values(self.contacts[contact], "PHONE")
        return ["".join(c for c in value if c.isdigit()) for value in values]

    def name_of(self, contact: int) -> str:
        """First and last name as on the card."""
        card = self.contacts.get(contact, {})
        return " ".join(str(card[part]).strip() for part in ("name", "lastName") if card.get(part))

    def role(self, contact: int) -> str:
        """``decides``, ``daily``, ``other`` or ""."""
        return self.roles.get(str(self.contacts[contact].get("UF_CRM_MOLVA_ROLE") or ""), "")


def _values(card: Json, kind: str) -> list[str]:
    return [str(entry["value"]) for entry in card.get("fm") or () if entry["typeId"] == kind]


def _plain(address: str) -> str:
    return address.strip().lower()


def _day(moment: Any) -> date:
    if isinstance(moment, (int, float)):
        return datetime.fromtimestamp(moment, ZONE).date()
    return datetime.fromisoformat(str(moment)).astimezone(ZONE).date()


def day_of(value: Any) -> date | None:
    """A calendar day as cards show it: the part before ``T``."""
    return date.fromisoformat(str(value)[:10]) if value else None


def yes(value: Any) -> bool:
    """Any of the ways to write yes."""
    return value is True or str(value) in ("Y", "1", "true", "True")


def ground_of(plain: Json, roles: dict[str, str]) -> Ground:
    """From an agency as plain data, or from the sandbox's dump, which uses the same words."""
    cities: dict[Card, str] = {}
    kinds = {str(CONTACT): "contact", str(COMPANY): "company"}
    for row in plain["addresses"]:
        kind = kinds.get(str(row.get("ANCHOR_TYPE_ID")))
        if kind and row.get("CITY"):
            cities.setdefault((kind, int(row["ANCHOR_ID"])), str(row["CITY"]))
    history = [row for row in plain["stage_history"] if int(row.get("entityTypeId") or DEAL) == DEAL]
    return Ground(
        companies=_by_id(plain["companies"]),
        contacts=_by_id(plain["contacts"]),
        deals=_by_id(plain["deals"]),
        history=history,
        cities=cities,
        users={int(row["ID"]): row for row in plain["users"]},
        departments={int(row["ID"]): row for row in plain["departments"]},
        calendar=plain["calendar"],
        roles=roles,
    )


def _by_id(rows: Iterable[Json]) -> dict[int, Json]:
    return {int(row["id"]): row for row in rows}
