"""Settings section: what is kept about people, for how long; giving it out and forgetting it (product.md T7)."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from integration import i18n
from integration.current import deps
from integration.i18n import mark
from integration.services import privacy
from integration.services.frames import Viewer
from integration.web.pages import day_text, language, moment_text, say
from integration.web.settings.sections import page, section

LEAST, MOST = 12, 120
LONGEST_NUMBER = 10
SECTION = "privacy"
KEPT = (
    (mark("Names and links of clients, contacts, deals and leads"),
     mark("To know who is a client and who recommended whom"), mark("As long as the card exists in Bitrix24")),
    (mark("E-mails and phones of people who are asked"), mark("To send them the letters"), "retention"),
    (mark("Scores and words, and what was answered to extra questions"),
     mark("To act on them and to see what changes"), "words"),
    (mark("Messages to the head of the agency, and colleagues whom clients named"),
     mark("To answer them, and to know whom the client meant"), "retention"),
    (mark("Calls: number, hour, outcome, note; who of a call centre looked at whom, and from where"),
     mark("Not to call too often, and to know who saw what"), "retention"),
    (mark("Letters as they were sent"), mark("To show what was said to whom, and never to say it twice"), "retention"),
    (mark("Addresses of those who said “never again”"), mark("So that they are never asked again"),
     mark("For ever: it protects them")),
    (mark("Employees: name, position, e-mail, phone"), mark("To know who signs and who acts"),
     mark("As long as they are in Bitrix24")),
)  # fmt: skip


@section(
    SECTION, mark("Data and privacy"),
    mark("What Molva keeps about people, for how long, and how to give it out or forget it."), glyph="shield",
)  # fmt: skip
def show(who: Viewer) -> Response:
    """The section and its deeds: find a person, show what is kept, give it out, forget them, change the months."""
    do, person = request.form.get("do", ""), _number(request.form.get("person", ""))
    if do == "save":
        return _saved(who)
    if do == "export" and person is not None:
        return _file(who, person)
    if do == "erase" and person is not None:
        return _erased(who, person)
    return _page(who, person=person, searched=do == "find")


def _page(
    who: Viewer, *, person: int | None = None, searched: bool = False, status: int = 200, **values: Any
) -> Response:
    asked = request.form.get("q", "").replace("\x00", "").strip()[:200]
    held = privacy.held(deps(), who.portal_id, person) if person is not None else None
    months, version = privacy.retention(deps(), who.portal_id)
    found: list[privacy.Found] | None = [] if searched else None
    if asked and (searched or held is None):
        found = privacy.search(deps(), who.portal_id, asked)
    shown = {
        "q": asked, "held": held, "version": version, "typed": {"retention_months": months}, "problems": {},
        "found": found,
        "opted_out_on": day_text(held.opted_out) if held else "", "kept": kept(months),
        "erasures": [
            {"when": moment_text(row.at), "contact_id": row.contact_id, "who": row.who}
            for row in privacy.erasures(deps(), who.portal_id)
        ],
        "notices": [],
    }  # fmt: skip
    if person is not None and held is None and not values.get("notices"):
        shown["notices"] = [_notice("warn", say("Nothing is kept of this person."))]
    return page(who, SECTION, "app/settings/privacy.html", status=status, **(shown | values))


def _saved(who: Viewer) -> Response:
    typed = request.form.get("retention_months", "").strip()
    months = _number(typed)
    if months is None or not LEAST <= months <= MOST:
        wrong = say("A whole number from {least} to {most}.", least=LEAST, most=MOST)
        problems = {"retention_months": wrong}
        return _page(who, status=422, typed={"retention_months": typed[:LONGEST_NUMBER]}, problems=problems)
    seen = _number(request.form.get("version", "")) or 0
    if not privacy.keep_for(deps(), who.portal_id, months, who.user_id, seen):
        line = say("Look at the number that stands here now, and save again if you still want to change it.")
        heading = say("Somebody else has changed it meanwhile.")
        return _page(who, status=409, notices=[_notice("warn", heading, line)])
    return _page(who, notices=[_notice("good", say("Saved."))])


def _file(who: Viewer, person: int) -> Response:
    found = privacy.export(deps(), who.portal_id, person)
    if found is None:
        return _page(who, person=person, status=404)
    body = json.dumps(found, ensure_ascii=False, indent=2)
    answer = Response(body, 200, mimetype="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="person-{person}.json"'
    return answer


def _erased(who: Viewer, person: int) -> Response:
    never = request.form.get("never_again") == "1"
    counts = privacy.erase(deps(), who.portal_id, person, who.user_id, never_again=never)
    if counts is None:
        return _page(who, person=person, status=404)
    line = say(
        "Invitations: {invitations}, answers: {answers}, letters: {letters}. Cards to be emptied: {cards}.",
        **counts,
    )
    return _page(who, notices=[_notice("good", say("This person is forgotten."), line)], found=None, q="")


def kept(months: int) -> list[dict[str, str]]:
    """What is kept about people, why and how long, in the language of this request; the privacy policy shows it too."""
    told = i18n.plural(language(), "{n} month after the survey", "{n} months after the survey", months)
    long = {"retention": told, "words": say("Words: {months}; the number stays without a name", months=told)}
    return [
        {"what": say(what), "why": say(why), "long": long.get(how) or say(how)} for what, why, how in KEPT
    ]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < LONGEST_NUMBER else None


def _notice(tone: str, heading: str, line: str = "") -> dict[str, str]:
    return {"tone": tone, "heading": heading, "line": line}
