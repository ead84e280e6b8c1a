"""E-mail in the cards: ``crm.activity.add`` that sends, and letters that people write back (bitrix24.md 10.3, 13.2)."""

from __future__ import annotations

import re
import smtplib
from email.message import EmailMessage
from email.utils import make_msgid, parseaddr

from ..agency import CONTACT, LEAD, Json
from ..errors import RestError, empty_code
from ..forms import as_list, as_map
from ..items import find
from ..portal import METHODS, Context, method
from ..schema import KINDS
from ..state import State
from ..values import to_int
from .activities import add_activity

EMAIL = 4
IN, OUT = 1, 2
_PROVIDERS = {1: ("CRM_MEETING", "MEETING"), 2: ("VOXIMPLANT_CALL", "CALL"), EMAIL: ("CRM_EMAIL", "EMAIL")}
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")


@method("crm.activity.add", "crm")
def activity_add(ctx: Context, params: Json) -> int:
    """A call, a meeting or an e-mail in a card. An e-mail leaves only with TYPE_ID 4, DIRECTION 2, COMPLETED "Y"; if
    it cannot, the activity stays and the answer is an error nevertheless (bitrix24.md 13.2)."""
    fields = as_map(params.get("fields"))
    kind = to_int(fields.get("TYPE_ID"))
    many = [as_map(one) for one in as_list(fields.get("COMMUNICATIONS"))]
    _complete(ctx.state, fields, kind, many)
    owner = _owner(ctx, fields)
    data = _columns(ctx.state, fields, kind, many)
    made = add_activity(ctx.state, owner, data, ctx.user_id)
    ctx.fire("ONCRMACTIVITYADD", {"FIELDS": {"ID": str(made["ID"])}})
    if kind == EMAIL and made["DIRECTION"] == OUT and made["COMPLETED"] == "Y":
        _send(ctx.state, made, many)
    return int(made["ID"])


def _complete(state: State, fields: Json, kind: int, many: list[Json]) -> None:
    """Refuse what the documentation names, in its words."""
    if not str(fields.get("SUBJECT") or "").strip():
        raise empty_code("The field SUBJECT is not defined or empty.")
    if to_int(fields.get("RESPONSIBLE_ID")) not in state.users:
        raise empty_code("The field RESPONSIBLE_ID is not defined or invalid.")
    if kind == 6 and not fields.get("PROVIDER_ID"):
        raise empty_code("The custom activity without provider is not supported in current context.")
    if kind not in _PROVIDERS and kind != 6:
        raise empty_code("The field TYPE_ID is not defined or invalid.")
    if not many:
        raise empty_code("The field COMMUNICATIONS is not defined or invalid.")
    if kind != EMAIL and len(many) > 1:
        raise empty_code("The only one communication is allowed for activity of specified type.")


def _owner(ctx: Context, fields: Json) -> tuple[int, int]:
    kind = KINDS.get(to_int(fields.get("OWNER_TYPE_ID")))
    number = to_int(fields.get("OWNER_ID"))
    if kind is None or number not in ctx.state.items[kind.id]:
        text = (
            "Could not build binding. Please ensure that owner info and communications are defined correctly."
        )
        raise empty_code(text)
    try:
        find(ctx.state, kind, number, ctx.user_id)
    except RestError as error:
        raise empty_code("Access denied.") from error
    return kind.id, number


def _columns(state: State, fields: Json, kind: int, many: list[Json]) -> Json:
    provider, provider_type = _PROVIDERS.get(kind, (str(fields.get("PROVIDER_ID") or ""), ""))
    done = str(fields.get("COMPLETED") or "N") == "Y"
    moments = {
        name: state.zone.epoch(fields[name]) for name in ("START_TIME", "END_TIME") if fields.get(name)
    }
    return {
        "TYPE_ID": kind, "PROVIDER_ID": provider, "PROVIDER_TYPE_ID": provider_type,
        "SUBJECT": str(fields["SUBJECT"]), "DESCRIPTION": str(fields.get("DESCRIPTION") or ""),
        "DESCRIPTION_TYPE": str(to_int(fields.get("DESCRIPTION_TYPE")) or 1),
        "DIRECTION": to_int(fields.get("DIRECTION")), "COMPLETED": "Y" if done else "N", "STATUS": 2 if done else 1,
        "RESPONSIBLE_ID": to_int(fields["RESPONSIBLE_ID"]), "SETTINGS": as_map(fields.get("SETTINGS")),
        "ORIGINATOR_ID": fields.get("ORIGINATOR_ID"), "ORIGIN_ID": fields.get("ORIGIN_ID"),
        "COMMUNICATIONS": [_communication(number, one) for number, one in enumerate(many, 1)], **moments,
    }  # fmt: skip


def _communication(number: int, given: Json) -> Json:
    return {
        "ID": str(number), "TYPE": "EMAIL" if "@" in str(given.get("VALUE")) else str(given.get("TYPE") or ""),
        "VALUE": str(given.get("VALUE") or ""), "ENTITY_ID": str(to_int(given.get("ENTITY_ID"))),
        "ENTITY_TYPE_ID": str(to_int(given.get("ENTITY_TYPE_ID"))),
    }  # fmt: skip


def _send(state: State, made: Json, many: list[Json]) -> None:
    """Hand the e-mail to the portal's mail server; raises the documented errors, the activity stands by then."""
    name, sender = parseaddr(str(as_map(made["SETTINGS"]).get("MESSAGE_FROM") or ""))
    recipients = [str(one.get("VALUE") or "").strip() for one in many]
    if not any(recipients):
        raise _unsent('"To" is not found.')
    if not all(_ADDRESS.fullmatch(one) for one in recipients):
        raise _unsent("Invalid email is specified.")
    if sender.casefold() not in _known_senders(state):
        raise _unsent('"From" is not found.')
    if state.settings.mail_fails:
        raise _unsent("Failed to add posting. Please see details below.")
    row = {
        "n": len(state.mails) + 1, "at": state.now(), "activity_id": made["ID"], "from": sender, "name": name,
        "to": recipients, "subject": made["SUBJECT"], "body": made["DESCRIPTION"],
        "type": made["DESCRIPTION_TYPE"], "responsible_id": made["RESPONSIBLE_ID"],
    }  # fmt: skip
    if state.settings.smtp:
        _hand_over(state.settings.smtp, row)
    state.mails.append(row)


def _known_senders(state: State) -> set[str]:
    """Addresses the portal may send from: those of its employees unless other mailboxes are connected."""
    if state.settings.mailboxes is not None:
        return {one.casefold() for one in state.settings.mailboxes}
    return {
        str(user.get("EMAIL") or "").casefold() for user in state.users.values() if user.get("ACTIVE")
    } - {""}


def _hand_over(server: str, row: Json) -> None:
    """Give the letter to the mail server named in the settings, as the portal's own would."""
    host, _, port = server.rpartition(":")
    letter = EmailMessage()
    letter["From"] = f"{row['name']} <{row['from']}>" if row["name"] else row["from"]
    letter["To"], letter["Subject"] = ", ".join(row["to"]), row["subject"]
    letter["Message-ID"] = make_msgid(domain="portal.example")
    letter.set_content(re.sub(r"<[^>]+>", " ", row["body"]) if row["type"] == "3" else row["body"])
    if row["type"] == "3":
        letter.add_alternative(row["body"], subtype="html")
    try:
        with smtplib.SMTP(host, int(port), timeout=60) as link:
            link.send_message(letter)
    except (OSError, smtplib.SMTPException) as error:
        raise _unsent("General error.") from error


def _unsent(why: str) -> RestError:
    return empty_code(f"Email send error. {why}")


@method("ui.mail.receive", "crm", control_only=True)
def mail_receive(ctx: Context, params: Json) -> int:
    """An e-mail reached a mailbox connected to the portal: ``from``, ``subject``, ``text`` or ``html``, ``to_user``
    (whose mailbox), ``owner`` as [kind, id] where the portal knows the thread. Else the card with that address, else
    a new lead, as portals do with strangers."""
    sender = str(params.get("from") or "").strip()
    html = str(params.get("html") or "")
    owner = [to_int(one) for one in as_list(params.get("owner"))] or _by_address(ctx.state, sender)
    if not owner:
        lead = {"title": str(params.get("subject") or sender), "fm": [{"typeId": "EMAIL", "value": sender}]}
        made = METHODS["crm.item.add"].handler(ctx, {"entityTypeId": LEAD, "fields": lead})
        owner = [LEAD, to_int(as_map(as_map(getattr(made, "result", made)).get("item")).get("id"))]
    data = {
        "TYPE_ID": EMAIL, "PROVIDER_ID": "CRM_EMAIL", "PROVIDER_TYPE_ID": "EMAIL", "DIRECTION": IN,
        "SUBJECT": str(params.get("subject") or ""), "DESCRIPTION": html or str(params.get("text") or ""),
        "DESCRIPTION_TYPE": "3" if html else "1", "COMPLETED": "N",
        "RESPONSIBLE_ID": to_int(params.get("to_user")) or ctx.user_id or 1, "SETTINGS": [],
        "COMMUNICATIONS": [_communication(1, {"VALUE": sender, "ENTITY_TYPE_ID": owner[0], "ENTITY_ID": owner[1]})],
    }  # fmt: skip
    row = add_activity(ctx.state, (owner[0], owner[1]), data, ctx.user_id)
    ctx.queue.fire("ONCRMACTIVITYADD", {"FIELDS": {"ID": str(row["ID"])}}, 0)
    return int(row["ID"])


def _by_address(state: State, sender: str) -> list[int]:
    for kind in (CONTACT, *(one for one in KINDS if one != CONTACT)):
        for number in state.items[kind].ids:
            row = state.items[kind].rows[number]
            if any(
                str(one.get("value") or "").casefold() == sender.casefold() for one in row.get("fm") or []
            ):
                return [kind, number]
    return []
