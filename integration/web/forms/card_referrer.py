"""What the tab posts about who recommended a client (product.md R3, R4)."""

from __future__ import annotations

import re

from marshmallow import fields, validate

from integration.nps.people import ClientKey
from integration.web.forms import Form

DOINGS = ("", "search", "choose", "source", "clear", "rule", "say")
_PICK = re.compile(r"(company|contact):([1-9]\d{0,8})")


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=validate.Length(max=length))


class ReferrerForm(Form):
    """`do` names the act; `query` what was searched for; `pick` the card chosen (`company:5`); `source` the code of a
    source; `note` why; `say` what is said about one referral (`forms.referrals.said`). Longer
    texts than what may be stored come through: the use case says so at the field."""

    do = fields.String(load_default="", validate=validate.OneOf(DOINGS))
    query = _text(300)
    pick = _text(32)
    source = _text(64)
    note = _text(4000)
    say = _text(40)


def picked(text: str) -> ClientKey | None:
    """The card chosen; None for anything that names none."""
    found = _PICK.fullmatch(text)
    if found is None or int(found.group(2)) > 2**31 - 1:
        return None
    return ClientKey("company" if found.group(1) == "company" else "contact", int(found.group(2)))
