"""The form of a sender's mailbox: by which way letters leave, an own server, the pace (product.md W19)."""

from __future__ import annotations

from marshmallow import fields, validate

from integration.web.forms import Form
from integration.web.forms.settings import Number, Section, Text


class MailboxForm(Form):
    """What every post of the page carries; `do` is `save`, `check`, `test`, or nothing to look only."""

    sender = fields.String(load_default="", validate=validate.Length(max=64))
    do = fields.String(load_default="", validate=validate.Length(max=20))
    address = fields.String(load_default="", validate=validate.Length(max=255))
    once = fields.String(load_default="", validate=validate.Length(max=64))


class MailboxFields(Section):
    """The fields that are saved. The password is taken as it is typed."""

    way = fields.String(load_default="operator", validate=validate.OneOf(("operator", "own", "portal")))
    scheme = fields.String(load_default="smtps", validate=validate.OneOf(("smtps", "smtp+starttls", "smtp")))
    host = Text(most=253)
    port = Number()
    user = Text(most=200)
    password = fields.String(load_default="", validate=validate.Length(max=500))
    per_hour = Number()
    per_day = Number()
    dkim_selector = Text(most=63)
