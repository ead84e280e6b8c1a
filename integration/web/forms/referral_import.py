"""What the pages of lists of past referrals post (product.md R, P4)."""

from __future__ import annotations

import re

from marshmallow import fields, validate

from integration.nps.people import CardKey
from integration.web.forms import Form

_CARD = re.compile(r"(company|contact|deal|lead):([1-9]\d{0,9})")


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=validate.Length(max=length))


class UploadForm(Form):
    """A file and how its dates are written; the file itself is read by the page."""

    do = _text(20)
    order = fields.String(load_default="", validate=validate.OneOf(("", "dmy", "mdy")))


class ListForm(Form):
    """A list: which rows are shown, or what is decided about one, or about the whole."""

    do = _text(20)
    part = _text(20)
    view = _text(10)
    page = fields.Integer(load_default=1, validate=validate.Range(1, 100_000))
    number = fields.Integer(load_default=0, validate=validate.Range(0, 10_000_000))
    side = fields.String(load_default="client", validate=validate.OneOf(("client", "referrer")))
    pick = _text(40)
    said = _text(1000)
    format = fields.String(load_default="csv", validate=validate.OneOf(("csv", "xlsx")))


class SourcesForm(Form):
    """Candidates: behind which card the page begins, and what is done; each one's fields are read by the page."""

    do = _text(20)
    after = _text(40)


def card(text: str) -> CardKey | None:
    """The card a choice or a page stands for; nothing for anything no page of ours posts."""
    match = _CARD.fullmatch(text)
    if match is None or int(match[2]) >= 2**31:
        return None
    return CardKey(match[1], int(match[2]))  # type: ignore[arg-type]
