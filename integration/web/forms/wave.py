"""What the pages of a survey post: what is shown, what is decided (product.md W, E7)."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import fields, validate

from integration.services.wave_filter import OUTCOMES, PHONES, STANDINGS
from integration.services.wave_watching import LETTERS
from integration.web import forms

LARGEST = 2**31 - 1
KEPT = (
    "standing",
    "q",
    "branch",
    "manager",
    "outcome",
    "language",
    "letters",
    "calls",
)  # of the filter, in the address


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=validate.Length(max=length))


def _number() -> fields.Integer:
    return fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))


class Day(fields.Date):
    """A day of a date field; nothing for an empty one."""

    def deserialize(self, value: Any, *args: Any, **words: Any) -> Any:
        """The day, or nothing."""
        return None if value == "" else super().deserialize(value, *args, **words)


class FilterForm(forms.Form):
    """Which part of the list is shown: in the address, or in the form of the filter."""

    standing = fields.String(load_default="", validate=validate.OneOf(STANDINGS))
    q = _text(200)
    branch = _text(200)
    manager = fields.String(load_default="", validate=validate.Regexp(r"\A(\d{1,9}|-)?\Z"))
    outcome = fields.String(load_default="", validate=validate.OneOf(("", *OUTCOMES)))
    language = _text(8)
    letters = fields.String(load_default="", validate=validate.OneOf(("", *LETTERS)))
    calls = fields.String(load_default="", validate=validate.OneOf(("", *PHONES)))
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))


class WaveForm(FilterForm):
    """What to do with a survey or some of its clients, with a reason."""

    do = _text(20)
    part = _text(20)
    why = _text(2000)
    until = Day(load_default=None)
    announce = Day(load_default=None)
    start = Day(load_default=None)
    closing = Day(load_default=None)
    reminders = fields.List(Day(), load_default=list, validate=validate.Length(max=9))
    invitation = _number()
    phone = _text(40)
    response = _number()
    seen = _number()
    lines = fields.List(fields.Integer(validate=validate.Range(1, LARGEST)), load_default=list)


class PlanForm(forms.Form):
    """A survey planned by hand."""

    do = _text(20)
    start = Day(load_default=None)


class TrailForm(forms.Form):
    """A page of the audit trail, or all of it as a file."""

    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    format = fields.String(load_default="", validate=validate.OneOf(("", "csv")))


def read(schema: type[forms.Form]) -> dict[str, Any]:
    """The form of this request with what stands in its address; the form's word counts. Ends the request with 400."""
    posted: dict[str, Any] = {**request.args.to_dict(), **request.form.to_dict()}
    for many in ("lines", "reminders"):
        posted[many] = request.form.getlist(many)
    found: dict[str, Any] = forms.read(schema, posted)
    return found
