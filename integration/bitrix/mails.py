"""E-mail in the portal's cards: letters sent in an employee's name, and what clients write (bitrix24.md 10.3, 13.2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from integration.bitrix.call import Call, Probe

ORIGINATOR = "MOLVA"
EMAIL = 4  # TYPE_ID
IN, OUT = 1, 2  # DIRECTION
HTML = 3  # DESCRIPTION_TYPE: 1 plain text, 2 BB code, 3 HTML (the type list; the tutorial swaps the last two)
CONTACT = 3  # OWNER_TYPE_ID, ENTITY_TYPE_ID
LONGEST_NAME = 150  # characters of the sender's name
LISTED = [
    "ID", "CREATED", "SUBJECT", "RESPONSIBLE_ID", "OWNER_TYPE_ID", "OWNER_ID", "TYPE_ID", "DIRECTION",
    "COMMUNICATIONS",
]  # fmt: skip


def mail_send(
    contact_id: int,
    address: str,
    *,
    subject: str,
    html: str,
    responsible: int,
    sender_name: str,
    sender_address: str,
    mark: str,
    now: datetime,
) -> Call:
    """An e-mail to a contact from the portal's mail, recorded in the contact's card. It leaves at once and cannot be
    called back: type, direction and "completed" together send it (bitrix24.md 13.2).

    ``mark``, unique for each attempt, is what the probe looks for, as the id of an outside source; the answer may be
    an error although the e-mail was recorded.
    """
    fields: dict[str, Any] = {
        "OWNER_TYPE_ID": CONTACT, "OWNER_ID": contact_id, "TYPE_ID": EMAIL, "DIRECTION": OUT, "COMPLETED": "Y",
        "SUBJECT": subject, "DESCRIPTION": html, "DESCRIPTION_TYPE": HTML, "RESPONSIBLE_ID": responsible,
        "START_TIME": now.isoformat(timespec="seconds"),
        "END_TIME": (now + timedelta(minutes=1)).isoformat(timespec="seconds"),
        "COMMUNICATIONS": [{"VALUE": address, "ENTITY_ID": contact_id, "ENTITY_TYPE_ID": CONTACT}],
        "SETTINGS": {
            "MESSAGE_FROM": f"{plain_name(sender_name)} <{sender_address}>".strip(),
            "DISABLE_SENDING_MESSAGE_COPY": "Y",  # no copy of every letter into the sender's own mailbox
        },
        "ORIGINATOR_ID": ORIGINATOR, "ORIGIN_ID": mark,
    }  # fmt: skip
    return Call("crm.activity.add", {"fields": fields}, repeat=False, probe=mail_probe(contact_id, mark))


def mail_probe(contact_id: int, mark: str) -> Probe:
    """The look whether an e-mail with this mark stands in the contact's card."""
    params = {
        "filter": {
            "OWNER_TYPE_ID": CONTACT, "OWNER_ID": contact_id, "TYPE_ID": EMAIL, "ORIGINATOR_ID": ORIGINATOR,
            "ORIGIN_ID": mark,
        },
        "select": ["ID", "ORIGIN_ID"],
        "order": {"ID": "DESC"},
    }  # fmt: skip
    return Probe("crm.activity.list", params, "ORIGIN_ID", mark)


def mails_in(after_id: int, since: datetime) -> Call:
    """One page of the e-mails that reached the portal since a moment, by rising ID behind ``after_id``: who wrote
    and about what, without the words."""
    params = {
        "filter": {
            ">ID": after_id, "TYPE_ID": EMAIL, "DIRECTION": IN, ">=CREATED": since.isoformat(timespec="seconds"),
        },
        "select": LISTED,
        "order": {"ID": "ASC"},
        "start": -1,
    }  # fmt: skip
    return Call("crm.activity.list", params)


def mail_get(activity_id: int) -> Call:
    """One e-mail with its words."""
    return Call("crm.activity.get", {"id": activity_id})


def plain_name(name: str) -> str:
    """A name as it may stand before an address in ``MESSAGE_FROM``: one line, nothing that ends it."""
    cleaned = "".join(" " if char in '<>"\\,;:@' or not char.isprintable() else char for char in name)
    return " ".join(cleaned.split())[:LONGEST_NAME]
