"""What the pages of surveys after projects post (product.md W16)."""

from __future__ import annotations

from marshmallow import fields, validate

from integration.services.projects.page import PERIODS, STATES
from integration.web import forms

LARGEST = 2**31 - 1


class ProjectsForm(forms.Form):
    """Which runs are shown, and what to do: about one run, about those held back, about a deal."""

    do = fields.String(load_default="", validate=validate.Length(max=20))
    state = fields.String(load_default="", validate=validate.OneOf(STATES))
    by = fields.String(load_default="month", validate=validate.OneOf(PERIODS))
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    run = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))
    seen = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))
    deal = fields.String(load_default="", validate=validate.Length(max=300))
    once = fields.String(load_default="", validate=validate.Length(max=64))


TABLES = ("runs", "questions", "extra")


class ProjectsFile(forms.Form):
    """The kind of file; of a CSV which table; the periods of the figures."""

    kind = fields.String(load_default="csv", validate=validate.OneOf(("csv", "xlsx")))
    sheet = fields.String(load_default="runs", validate=validate.OneOf(TABLES))
    by = fields.String(load_default="month", validate=validate.OneOf(PERIODS))
