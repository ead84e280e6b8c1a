"""E-mails that reached the portal; see ``records`` for the conventions (bitrix24.md 10.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration.bitrix.records import fields as wire
from integration.bitrix.records.fields import Wire
from integration.bitrix.records.readers import Record, reads

_CONTACT = 3


def _many(value: Any) -> list[dict[str, Any]]:
    many = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [one for one in many if isinstance(one, dict)]


def _address(value: Any) -> str:
    found = [text for one in _many(value) if "@" in (text := wire.to_text(one.get("VALUE")))]
    return found[0][:255] if found else ""


def _contacts(value: Any) -> tuple[int, ...]:
    mine = [one.get("ENTITY_ID") for one in _many(value) if wire.to_id(one.get("ENTITY_TYPE_ID")) == _CONTACT]
    return wire.to_ids(mine)


@dataclass(frozen=True)
class Mail(Record):
    """An incoming e-mail as a list tells of it. ``address``: who wrote; ``contacts``: whose cards it hangs on;
    ``responsible``: to whose mailbox it came."""

    id: int
    created: datetime | None
    subject: str
    responsible: int | None
    address: str
    spoken_for: tuple[int, ...]
    owner_kind: int | None
    owner_id: int | None

    _schema = reads(
        id=Wire(wire.to_id, "ID"),
        created=Wire(wire.to_moment, "CREATED"),
        subject=Wire(wire.to_text, "SUBJECT"),
        responsible=Wire(wire.to_id, "RESPONSIBLE_ID"),
        address=Wire(_address, "COMMUNICATIONS"),
        owner_kind=Wire(wire.to_id, "OWNER_TYPE_ID"),
        owner_id=Wire(wire.to_id, "OWNER_ID"),
    )

    @classmethod
    def _more(cls, row: dict[str, Any]) -> dict[str, Any]:
        return {"spoken_for": _contacts(row.get("COMMUNICATIONS"))}

    @property
    def contacts(self) -> tuple[int, ...]:
        """The contacts whose cards it hangs on."""
        own = (self.owner_id,) if self.owner_kind == _CONTACT and self.owner_id else ()
        return tuple(dict.fromkeys((*self.spoken_for, *own)))


def text_of(row: Any) -> tuple[str, bool]:
    """The words of an e-mail that was read by itself, and whether they are HTML (``DESCRIPTION_TYPE`` 3, or by the
    look of them, since portals disagree)."""
    fields: dict[str, Any] = row if isinstance(row, dict) else {}
    text = fields.get("DESCRIPTION")
    text = text if isinstance(text, str) else ""
    kind = wire.to_int(fields.get("DESCRIPTION_TYPE"))
    return text, kind == 3 or (kind != 1 and "</" in text)
