"""What the page of a rehearsal posts: what to do, who is shown, which letter, what is told of a signature."""

from __future__ import annotations

from marshmallow import fields, validate

from integration.services.rehearsal_plan import SHOWS
from integration.web.forms import Form

SOURCE = 1024 * 1024  # bytes of a form with a pasted letter, percent-encoded


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=validate.Length(max=length))


def _number() -> fields.Integer:
    return fields.Integer(load_default=0, validate=validate.Range(0, 2**31 - 1))


class RehearsalForm(Form):
    """`part`: a piece of the page for its script; `person`: whose letter (an invitation); `letter`: its kind."""

    do = _text(20)
    part = _text(20)
    q = _text(100)
    show = fields.String(load_default="", validate=validate.OneOf(SHOWS))
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    person = _number()
    letter = _text(32)
    view = fields.String(load_default="letter", validate=validate.OneOf(("letter", "text")))
    address = _text(255)
    once = _text(64)
    test_letter = _number()
    sender = _text(64)
    selector = _text(200)
    source = fields.String(load_default="")  # as long as the body may be; only its beginning is read
