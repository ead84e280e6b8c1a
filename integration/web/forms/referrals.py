"""What the pages about referrals post (product.md R5, R6)."""

from __future__ import annotations

import re

from marshmallow import fields, validate

from integration.nps.ladder import STEPS
from integration.web.forms import Form

FORMATS = ("csv", "xlsx")
FILES = ("clients", "thanks", "problems", "leaders", "ask", "others", "deals")
_SAID = re.compile(r"(thank|reward):([1-9]\d{0,8})(?::(promised|given|none|))?")
_NUMBER = re.compile(r"[1-9]\d{0,8}")


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=validate.Length(max=length))


def _choice(*codes: str) -> fields.String:
    return fields.String(load_default="", validate=validate.OneOf(codes))


class ChosenForm(Form):
    """What is shown: filters, page, whose tree, which amount. They may stand in the address as well as in the form."""

    year = fields.String(load_default="", validate=validate.Regexp(r"\A(\d{4})?\Z"))
    branch = _text(200)
    step = _choice("", *STEPS, "lost")
    reward = _choice("", "unsaid", "promised", "given", "none")
    kind = _text(16)
    show = _choice("", "others", "past")
    root = _text(32)
    cell = _text(120)
    after = _text(120)
    page = _text(9)
    format = _choice("", *FORMATS)
    file = _choice("", *FILES)


class SaidForm(Form):
    """What somebody says about one referral: `thank:12`, `reward:12:given`. The note stands in `note-12`."""

    do = fields.String(load_default="", validate=validate.Length(max=32))
    say = _text(40)


def said(text: str) -> tuple[str, int, str]:
    """What is said (thank | reward), about which row, and the reward; "" and 0 for anything else."""
    found = _SAID.fullmatch(text)
    return (found[1], int(found[2]), found[3] or "") if found else ("", 0, "")


def number(text: str) -> int:
    """A number of a row or page; 0 for anything else."""
    return int(text) if _NUMBER.fullmatch(text) else 0
