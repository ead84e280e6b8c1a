"""The forms of the letters' pages: words as typed, the client they are shown on, where a test goes."""

from __future__ import annotations

from marshmallow import fields, validate

from integration.web.forms import Form

LONGEST = 20_000  # characters taken in before the rules say how many are too many


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=validate.Length(max=length))


class LookForm(Form):
    """What is shown: the client by its key, the words looked for among clients, as a letter or as plain text."""

    client = _text(40)
    wanted = _text(200)
    view = fields.String(load_default="letter", validate=validate.OneOf(("letter", "text")))


class LetterForm(LookForm):
    """The words of a letter. `started`: they were typed here, not just opened; `version`: what the author saw."""

    do = _text(20)
    started = fields.Boolean(load_default=False)
    version = fields.Integer(load_default=0, validate=validate.Range(min=0, max=1_000_000))
    restore = fields.Integer(load_default=0, validate=validate.Range(min=0, max=1_000_000))
    subject = _text(LONGEST)
    before = _text(LONGEST)
    after = _text(LONGEST)
    address = _text(255)
    once = _text(64)


class ScriptForm(LookForm):
    """The words of a call, part by part. `started`: they were typed here; `version`: what the author saw."""

    do = _text(20)
    started = fields.Boolean(load_default=False)
    version = fields.Integer(load_default=0, validate=validate.Range(min=0, max=1_000_000))
    restore = fields.Integer(load_default=0, validate=validate.Range(min=0, max=1_000_000))
    hello = _text(LONGEST)
    about = _text(LONGEST)
    comment = _text(LONGEST)
    thanks = _text(LONGEST)
    later = _text(LONGEST)
    mail = _text(LONGEST)
    refusal = _text(LONGEST)
    never = _text(LONGEST)
    colleague = _text(LONGEST)


class FateForm(Form):
    """Which test letter is asked about."""

    test_letter = fields.Integer(load_default=0, validate=validate.Range(min=0, max=2**31 - 1))


class StartForm(Form):
    """What every step of the first run posts besides its own fields. `do` may name a city."""

    do = _text(300)
    address = _text(255)
    once = _text(64)
    test_letter = fields.Integer(load_default=0, validate=validate.Range(min=0, max=2**31 - 1))
