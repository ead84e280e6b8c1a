"""The table of settings sections and what all of them share: address, rights, menu.

A section is a function that gets the viewer, already known to be an administrator, and answers the page:

    @section("outbox", mark("Outbox"), mark("What waits for Bitrix24 and what it refused"), glyph="send")
    def show(who: Viewer) -> Response:
        return page(who, "outbox", "app/settings/outbox.html", rows=...)

It answers `POST /app/settings/outbox`; further addresses of a section (live parts, files) are
`@section.part("outbox", "live")`, which answers `POST /app/settings/outbox/live`. The template extends
`app/settings/layout.html` and fills its block `section`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response

from integration.services.frames import Viewer
from integration.web import forms, frame
from integration.web.pages import say

View = Callable[[Viewer], Response]

blueprint = Blueprint("settings", __name__)

# The order of the menu; a section that no module has made is left out.
ORDER = (
    *("senders", "clients", "wave", "questions", "projects", "letters", "followups", "referrals"),
    *("setup", "health", "outbox", "requests", "privacy", "history"),
)


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the menu. `label` and `line` are message ids, `glyph` an icon of the kit."""

    name: str
    label: str
    line: str
    glyph: str


_known: dict[str, Section] = {}


def section(
    name: str, label: str, line: str = "", *, glyph: str = "", size: int = forms.PAGE
) -> Callable[[View], View]:
    """Make a function the page of a section: `POST /app/settings/<name>`. `size`: longest body in bytes."""

    def made(view: View) -> View:
        _known[name] = Section(name, label, line, glyph)
        _answer(f"/app/settings/{name}", name, view, size)
        return view

    return made


def part(name: str, what: str, *, size: int = forms.PAGE) -> Callable[[View], View]:
    """Make a function a further address of a section: `POST /app/settings/<name>/<what>`."""

    def made(view: View) -> View:
        _answer(f"/app/settings/{name}/{what}", f"{name}_{what}", view, size)
        return view

    return made


def _answer(path: str, endpoint: str, view: View, size: int) -> None:
    def answer() -> Response:
        return view(frame.entered(administrator=True, size=size))

    blueprint.add_url_rule(path, endpoint, answer, methods=["POST"])


def page(who: Viewer, name: str, template: str, *, status: int = 200, **values: Any) -> Response:
    """The page of a section with the menu; `section` in the template is its entry."""
    return frame.page(template, who, status=status, section=_known[name], menu=menu(name), **values)


def label(name: str) -> str:
    """What a section is called in the language of this request."""
    return say(_known[name].label)


def menu(current: str) -> list[dict[str, Any]]:
    """The sections as the kit's menu takes them."""
    return [
        {
            "path": f"/app/settings/{name}", "label": say(_known[name].label), "current": name == current,
            "icon": _known[name].glyph,
        }
        for name in ORDER
        if name in _known
    ]  # fmt: skip
