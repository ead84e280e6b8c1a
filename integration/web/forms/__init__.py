"""What browsers post, checked for type and size; the meaning is checked by the use cases (architecture.md 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import abort, request
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from integration.i18n import LANGUAGES

SMALL = 4 * 1024
MESSAGE = 48 * 1024  # 4000 Cyrillic letters, percent-encoded
ANSWER = 128 * 1024  # a long comment in Cyrillic letters, percent-encoded
FRAME = 64 * 1024
PAGE = 256 * 1024  # a page inside the portal with its longest form, a letter in three languages


def _short(length: int) -> fields.String:
    return fields.String(load_default="", validate=validate.Length(max=length))


class Form(Schema):
    """A posted form; fields it does not name are ignored."""

    class Meta:
        unknown = EXCLUDE


class PageForm(Form):
    """What every public form carries: the signed value of the page, the one-time value, the language."""

    nonce = _short(2000)
    proof = _short(200)
    lang = fields.String(load_default="", validate=validate.OneOf(("", *LANGUAGES)))


class AnswerForm(PageForm):
    """The answer page's form. `switch` asks for another language and sends nothing."""

    score = _short(8)
    comment = _short(40_000)
    via = _short(16)
    switch = fields.Boolean(load_default=False)


class DecisionForm(PageForm):
    """One decision: `sure` is the one-time value of a ticked box."""

    sure = _short(200)


class ExtraForm(DecisionForm):
    """What the form of extra questions carries besides its answers (product.md W13). `switch` sends nothing."""

    switch = fields.Boolean(load_default=False)


class GestureForm(Form):
    """What the page's script says about the gesture it saw (product.md S1)."""

    nonce = fields.String(required=True, validate=validate.Length(min=1, max=2000))
    type = fields.String(required=True, validate=validate.Length(min=1, max=32))
    trusted = fields.Boolean(required=True)
    purpose = fields.String(
        load_default="answer",
        validate=validate.OneOf(("answer", "unsubscribe", "snooze", "colleague", "direct", "extra")),
    )


class MessageForm(DecisionForm):
    """A message of the direct line (product.md S5). `switch` asks for another language and sends nothing."""

    words = _short(8_000)
    person = _short(400)
    back = _short(400)
    switch = fields.Boolean(load_default=False)


class ColleagueForm(DecisionForm):
    """A colleague whom a client proposes to ask instead (product.md W12)."""

    name = _short(400)
    reach = _short(400)
    words = _short(1_000)
    switch = fields.Boolean(load_default=False)


def posted(schema: type[Schema], limit: int) -> dict[str, Any]:
    """The posted form as the schema reads it. Ends the request with 413 or 400 if it is too long or wrong."""
    request.max_content_length = limit
    request.max_form_memory_size = limit
    storable()
    return read(schema, request.form.to_dict())


def storable() -> None:
    """End the request with 400 if a posted field holds a zero byte: no browser sends one, PostgreSQL takes none."""
    if any("\x00" in text for pair in request.form.items(multi=True) for text in pair):
        abort(400)


def read(schema: type[Schema], values: Mapping[str, str]) -> dict[str, Any]:
    """Values as the schema reads them; ends the request with 400 if they are wrong."""
    try:
        loaded = schema().load(values)
    except ValidationError:
        abort(400)
    return dict(loaded)
