"""Settings: whether Molva is well in this portal; what is wrong, what it means and what to do (product.md T8).

Opens from what is stored; *check now* asks the portal, the mail server and the DNS.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request

from integration import i18n
from integration.current import deps
from integration.i18n import mark
from integration.nps.diagnosis import Finding, worst
from integration.services import diagnoses, doctor
from integration.services.frames import Viewer
from integration.web.pages import language, say, zone
from integration.web.settings import sections
from integration.web.settings.health_words import PLACES, words

PATH = "/app/settings/health"
MARKS = {"danger": "warn", "warn": "warn", "info": "info", "ok": "check"}
TONES = {"danger": "danger", "warn": "warn", "info": "neutral", "ok": "good"}


@sections.section(
    "health",
    mark("Is all well?"),
    mark("What keeps Molva from working, and what to do about it."),
    glyph="check",
)
def show(who: Viewer) -> Response:
    """The findings, after a look if one was asked for."""
    notices = []
    if request.form.get("do") == "check":
        notices = [_looked(diagnoses.look(deps(), who.portal_id))]
    found = doctor.health(deps(), who.portal_id)
    troubles = [one for one in found if one.level in ("danger", "warn")]
    return sections.page(
        who, "health", "app/settings/health.html", notices=notices, path=PATH, summary=_summary(found, troubles),
        troubles=[_line(one) for one in troubles], notes=[_line(one) for one in found if one.level == "info"],
        fine=[_line(one) for one in found if one.level == "ok"],
        looked_at=diagnoses.looked_at(deps(), who.portal_id),
    )  # fmt: skip


def _looked(code: str) -> dict[str, str]:
    if code:
        line = say("Bitrix24 does not answer at the moment. What you see is what was last known.")
        return {"tone": "warn", "heading": say("The check did not work."), "line": line}
    return {"tone": "good", "heading": say("Checked just now."), "line": ""}


def _summary(found: tuple[Finding, ...], troubles: list[Finding]) -> dict[str, str]:
    """The whole in one sentence."""
    level = worst(found)
    if not troubles:
        heading, line = say("All is well"), say("Molva works, and nobody has to do anything.")
        return {"tone": "good", "glyph": "check", "heading": heading, "line": line}
    heading = i18n.plural(language(), "{n} thing needs somebody", "{n} things need somebody", len(troubles))
    line = (
        say("Until then Molva does not do all its work.")
        if level == "danger"
        else say("Molva works meanwhile.")
    )
    return {"tone": TONES[level], "glyph": "warn", "heading": heading, "line": line}


def _line(one: Finding) -> dict[str, Any]:
    said = words(one, language(), zone())
    place = PLACES.get(one.code, "")
    return {
        "heading": said.heading, "line": said.line, "todo": said.todo, "tone": TONES[one.level],
        "glyph": MARKS[one.level], "path": f"/app/settings/{place}" if place else "",
        "place": sections.label(place) if place else "",
    }  # fmt: skip
