"""What the pages of the call centre post (product.md W9)."""

from __future__ import annotations

from marshmallow import fields, validate

from integration.i18n import LANGUAGES
from integration.web.forms import Form
from integration.web.forms.wave import LARGEST, Day


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=validate.Length(max=length))


def _number() -> fields.Integer:
    return fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))


class PartnersForm(Form):
    """A link to make, renew or revoke, a sheet to take out, bring back or give back."""

    do = _text(20)
    name = _text(400)
    firm = _text(400)
    language = fields.String(load_default="", validate=validate.OneOf(("", *LANGUAGES)))
    until = Day(load_default=None)
    link = _number()
    sheet = _number()
    format = fields.String(load_default="xlsx", validate=validate.OneOf(("xlsx", "csv")))


class LogForm(Form):
    """A page of the log of looks, of one link or all, or the whole as a file."""

    link = _number()
    before = _number()
    format = fields.String(load_default="", validate=validate.OneOf(("", "csv", "xlsx")))


class SheetForm(Form):
    """A sheet that came back: what is decided about it, which rows are shown."""

    do = _text(20)
    part = _text(20)
    view = _text(10)
    page = fields.Integer(load_default=1, validate=validate.Range(1, 100_000))
    format = fields.String(load_default="csv", validate=validate.OneOf(("csv", "xlsx")))
