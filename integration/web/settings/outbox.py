"""Settings: what could not be written to Bitrix24, letters that need a decision, and what waits (product.md B4)."""

from __future__ import annotations

from typing import Any, cast

from flask import Response, request

from integration import i18n
from integration.current import deps
from integration.i18n import mark
from integration.services import rights, stuck_work
from integration.services.frames import Viewer
from integration.services.stuck_work import Entry, Listing, Verb
from integration.web.pages import language, say
from integration.web.settings import sections, stuck_words

PATH = "/app/settings/outbox"
VERBS = ("resend", "leave", "was_sent", "revive")
VIEWS = {
    "failed": mark("Not written"),
    "letters": mark("Letters to decide about"),
    "waiting": mark("Waiting for Bitrix24"),
    "letters_waiting": mark("Letters on their way"),
}
BUTTONS = {
    "resend": mark("Send again"),
    "leave": mark("Leave it"),
    "was_sent": mark("It was sent"),
    "revive": mark("The address works again"),
}
EMPTY = {
    "failed": (
        mark("Everything has reached Bitrix24"),
        mark("Whatever could not be written would stand here."),
    ),
    "letters": (
        mark("No letter needs a decision"),
        mark("Letters that may not have arrived would stand here."),
    ),
    "waiting": (mark("Nothing waits"), mark("Scores, comments and tasks go to Bitrix24 within seconds.")),
    "letters_waiting": (
        mark("No letter waits"),
        mark("Letters stand here from the moment they are written."),
    ),
}


@sections.section(
    "outbox",
    mark("Outbox"),
    mark("What is on its way to Bitrix24 and to your clients, and what got stuck."),
    glyph="out",
)
def show(who: Viewer) -> Response:
    """A page of a view, after what was decided."""
    notices = []
    picked, _, number = request.form.get("pick", "").partition(
        ":"
    )  # one form serves the buttons of all entries
    verb = picked or request.form.get("do", "")
    if verb in VERBS:
        notices = [_decide(who, cast("Verb", verb), _whole(number or request.form.get("id", ""), 0))]
    chosen = _listing(who, request.form.get("view", ""))
    counts = {name: getattr(chosen.counts, name) for name in VIEWS}
    return sections.page(
        who, "outbox", "app/settings/outbox.html", notices=notices, view=chosen.view, kind=chosen.kind,
        views=[(name, say(label), counts[name]) for name, label in VIEWS.items()], listing=chosen,
        entries=[_entry(entry) for entry in chosen.entries], kinds=_kinds(chosen), empty=_empty(chosen),
        decisions=[stuck_words.decided(one) for one in stuck_work.decisions(deps(), who.portal_id)],
        all_buttons=_for_all(chosen), path=PATH,
    )  # fmt: skip


def _listing(who: Viewer, view: str) -> Listing:
    """The view asked for; where none is named, the first one in which somebody has to decide."""
    kind, place = request.form.get("kind", ""), _whole(request.form.get("page", ""), 1)
    chosen = stuck_work.listing(
        deps(), who.portal_id, view if stuck_work.is_view(view) else "failed", kind, place
    )
    if not view and not chosen.counts.failed and chosen.counts.letters:
        return stuck_work.listing(deps(), who.portal_id, "letters", kind, place)
    return chosen


def _decide(who: Viewer, verb: Verb, number: int) -> dict[str, str]:
    author = rights.recorded_as(deps(), who)
    view, kind = request.form.get("view", ""), request.form.get("of", "")
    if not stuck_work.is_view(view):
        return _nothing()
    if kind:
        count = stuck_work.decide_all(deps(), who.portal_id, view, kind, verb, author)
    elif view == "letters":
        count = int(stuck_work.decide_letter(deps(), who.portal_id, number, verb, author))
    else:
        count = int(stuck_work.decide_call(deps(), who.portal_id, number, verb, author))
    if not count:
        return _nothing()
    code = language()
    texts = {
        "resend": i18n.plural(
            code, "{n} entry is on its way again.", "{n} entries are on their way again.", count
        ),
        "leave": i18n.plural(code, "{n} entry is set aside.", "{n} entries are set aside.", count),
        "was_sent": i18n.plural(
            code, "{n} letter is noted as sent.", "{n} letters are noted as sent.", count
        ),
        "revive": say("The address counts as working again. Letters to come will go to it."),
    }
    return {"tone": "good", "heading": texts[verb], "line": ""}


def _nothing() -> dict[str, str]:
    line = say("Somebody else may have decided about it meanwhile. The list shows what is left.")
    return {"tone": "info", "heading": say("There was nothing to be done."), "line": line}


def _entry(entry: Entry) -> dict[str, Any]:
    code = language()
    tries = i18n.plural(code, "tried {n} time", "tried {n} times", entry.tries) if entry.tries else ""
    return {
        "id": entry.id, "title": stuck_words.kind_name(entry.kind, entry.what), "card": entry.card,
        "name": stuck_words.card_name(entry) if entry.card else entry.name, "line": entry.line,
        "why": stuck_words.why(entry), "said": stuck_words.said(entry), "tries": tries, "at": entry.at,
        "since": entry.since, "waits": not entry.can, "running": entry.running,
        "buttons": [(verb, say(BUTTONS[verb])) for verb in entry.can],
        "repair": entry.reason in ("fields_missing", "field_ignored"),
    }  # fmt: skip


def _kinds(chosen: Listing) -> list[tuple[str, str]]:
    what = "letter" if chosen.view.startswith("letters") else "call"
    total = sum(chosen.kinds.values())
    found = [("", f"{say('Everything')} ({i18n.number(language(), total)})")]
    for kind, count in sorted(chosen.kinds.items(), key=lambda one: -one[1]):
        found.append((kind, f"{stuck_words.kind_name(kind, what)} ({i18n.number(language(), count)})"))
    return found


def _for_all(chosen: Listing) -> list[dict[str, str]]:
    """What may be decided for all of the chosen kind at once."""
    if chosen.view.endswith("waiting") or chosen.total < 2:
        return []
    kind = chosen.kind or (next(iter(chosen.kinds)) if len(chosen.kinds) == 1 else "")
    if not kind:
        return []
    number = i18n.number(language(), chosen.total)
    labels = {
        "resend": (
            say("Send all {number} again", number=number),
            say("Send all {number} again?", number=number),
        ),
        "leave": (
            say("Leave all {number}", number=number),
            say("Leave all {number} as they are? They are not sent any more.", number=number),
        ),
    }
    if chosen.view == "letters":  # those in doubt are decided one by one: the client may have got them
        labels = {
            "resend": (say("Send all refused again"), say("Send all refused letters of this kind again?")),
            "leave": (
                say("Leave all refused"),
                say("Leave all refused letters of this kind? They are not sent any more."),
            ),
        }
    return [
        {"verb": verb, "kind": kind, "label": label, "confirm": confirm}
        for verb, (label, confirm) in labels.items()
    ]


def _empty(chosen: Listing) -> tuple[str, str]:
    heading, line = EMPTY[chosen.view]
    return say(heading), say(line)


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
