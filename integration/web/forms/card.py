"""What the tab of a card posts (product.md P1): one form for every act, each reads the fields it needs."""

from __future__ import annotations

from datetime import date

from marshmallow import fields, validate

from integration.nps.standing import ACTIONS
from integration.web.forms import Form


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=validate.Length(max=length))


def _number() -> fields.Integer:
    return fields.Integer(load_default=0, validate=validate.Range(min=0, max=2**31 - 1))


class CardForm(Form):
    """`do` names the act; `contact`, `response`, `invitation` whom or what it is about; `seen` the revision of the
    answer the page showed. Texts are longer than what may be stored: the use case says so at the field."""

    do = fields.String(load_default="", validate=validate.OneOf(("", *ACTIONS)))
    until = _text(32)
    reason = _text(2000)
    score = _text(8)
    comment = _text(40_000)
    channel = fields.String(load_default="in_person", validate=validate.OneOf(("in_person", "phone")))
    contact = _number()
    response = _number()
    invitation = _number()
    seen = _number()


def day(text: str) -> date | None:
    """A day as a date field posts it (`2026-10-01`); None for anything else."""
    try:
        return date.fromisoformat(text.strip()) if len(text.strip()) == 10 else None
    except ValueError:
        return None
