"""The lines of the set-up check-list in words: title, what is seen, what to do (product.md B1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.services.checklist import Item
from integration.services.field_labels import SOURCE
from integration.web.pages import language, moment_text, say
from integration.web.settings import automation_words
from integration.web.settings.layout_words import field_name

KINDS = {
    "deal": mark("Deals"),
    "company": mark("Companies"),
    "contact": mark("Contacts"),
    "lead": mark("Leads"),
}
STATES = {
    "ok": (mark("in place"), "good", "check"),
    "missing": (mark("missing"), "warn", "warn"),
    "wrong": (mark("to be settled"), "danger", "warn"),
    "unknown": (mark("not known"), "neutral", "info"),
    "busy": (mark("in progress"), "brand", "clock"),
}
SCOPES = {
    "crm": mark("cards of the CRM"),
    "task": mark("Tasks"),
    "user": mark("Users"),
    "department": mark("Company structure"),
    "placement": mark("Embedding into the interface"),
}
LEAD_PARTS = {"new": mark("new leads"), "returning": mark("returning customers")}
TABS = {
    "ok": mark("The tab stands in the card once."),
    "missing": mark("The card has no Molva tab."),
    "elsewhere": mark("The tab opens an old address of Molva."),
    "double": mark("The tab stands in the card more than once."),
    "not_offered": mark("Your Bitrix24 has no tabs for these cards, so none is needed."),
    "no_scope": mark(
        "The application has no right to embed itself. Add “Embedding into the interface” to its rights in "
        "Bitrix24, open Molva from the menu once, then press “Repair”."
    ),
    "unknown": mark("Bitrix24 has not told us about the tab."),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line for the template. `layout`: kind and part whose preview the line offers, under the name `offer`."""

    title: str
    line: str
    word: str
    tone: str
    glyph: str
    code: str
    layout: tuple[str, int] | None = None
    offer: str = ""


def line_of(item: Item) -> Line:
    """An item of the check-list in the language of the request."""
    word, tone, glyph = STATES[item.state]
    title, text = _WORDS[item.code](item)
    layout = None
    if automation_words.unused(item):
        tone, glyph = "neutral", "info"
    if item.code == "layout" and item.state != "ok":
        layout = (str(item.facts["kind"]), int(item.facts["part"]))
    return Line(title, text, _badge(item) or say(word), tone, glyph, item.code, layout, _offer(item))


def _badge(item: Item) -> str:
    """A word for the state that fits better than the general one; empty for none."""
    if item.code == "layout" and item.state == "missing":
        return say("{shown} of {of} shown", shown=item.facts["shown"], of=item.facts["of"])
    if item.code == "layout" and item.facts.get("stored") is False:
        return say("by hand")
    if why := automation_words.unused(item):
        return why
    if item.group == "work" and item.state == "ok":
        return say("all right")
    return say("not yet") if item.group == "work" and item.state in ("unknown", "missing") else ""


def _offer(item: Item) -> str:
    if item.code != "layout":
        return ""
    by_hand = item.facts.get("stored") is False
    return say("How to add them by hand") if by_hand else say("Show the card with our fields")


def place_name(kind: str, name: str) -> str:
    """What a layout belongs to: "Deals: Service", "Companies"."""
    part = say(LEAD_PARTS[name]) if name in LEAD_PARTS else name
    return f"{say(KINDS[kind])}: {part}" if part else say(KINDS[kind])


def _ago(at: Any, never: str, seen: str = "") -> str:
    if not isinstance(at, datetime):
        return say(never)
    return say(seen, when=moment_text(at)) if seen else moment_text(at)


def _scopes(item: Item) -> tuple[str, str]:
    missing = [say(SCOPES[name]) for name in item.facts.get("missing", ())]
    if missing:
        text = say(
            "Not granted: {scopes}. Add them to the application’s rights in Bitrix24 and open Molva once.",
            scopes=", ".join(missing),
        )
    elif item.state == "unknown":
        text = say("Bitrix24 has not told us which rights the application has.")
    else:
        text = say("The application may do everything it needs to.")
    return say("Rights of the application"), text


def _keys(item: Item) -> tuple[str, str]:
    owner, spare = item.facts["owner"], item.facts["spare"]
    text = say("Molva works in the name of {who}.", who=owner) if owner else ""
    if spare:
        text += " " + say("If they leave, it goes on in the name of {who} by itself.", who=spare)
    else:
        text += " " + say(
            "Nobody is in reserve: let a second administrator open Molva once, for the day they leave."
        )
    return say("In whose name"), text.strip()


def _events(item: Item) -> tuple[str, str]:
    title = say("Notices of changes")
    if item.state == "unknown":
        return title, say("Not looked at yet. Press “Check now”.")
    missing = len(item.facts["missing"])
    if missing:
        return title, i18n.plural(
            language(),
            "{n} of {wanted} is not switched on, so changes are noticed late.",
            "{n} of {wanted} are not switched on, so changes are noticed late.",
            missing,
            wanted=i18n.number(language(), item.facts["wanted"]),
        )
    return title, say("Bitrix24 tells Molva about changes of deals, companies, contacts, leads and tasks.")


def _source(item: Item) -> tuple[str, str]:
    title, name = say("Source of deals"), say(SOURCE)
    match item.facts["how"]:
        case "ok":
            return title, say("The source that means “by recommendation” is there.")
        case "alike":
            return title, say(
                "Your own source “{name}” is not the one named in the settings: choose it under “Recommendations”.",
                name=name,
            )
        case "missing":
            return title, say(
                "There is no source “{name}”. “Repair” adds it; or choose another one under “Recommendations”.",
                name=name,
            )
    return title, say("Bitrix24 has not told us about its sources.")


def _fields(item: Item) -> tuple[str, str]:
    title, facts = say("Fields"), item.facts
    if item.state == "unknown":
        return title, say("Not looked at yet. Press “Check now”.")
    lines = []
    if facts["missing"]:
        lines.append(say("Missing: {fields}.", fields=", ".join(field_name(one) for one in facts["missing"])))
    if facts["wrong"]:
        lines.append(
            say(
                "Made by somebody else and of another type: {fields}. Rename or delete them in Bitrix24.",
                fields=", ".join(facts["wrong"]),
            )
        )
    if not lines:
        lines.append(i18n.plural(language(), "{n} field is there.", "{n} fields are there.", facts["wanted"]))
    return title, " ".join(lines)


def _items(item: Item) -> tuple[str, str]:
    codes = dict.fromkeys(one.partition("=")[0] for one in item.facts["missing"])
    return say("Values of lists"), say(
        "Incomplete: {fields}.", fields=", ".join(field_name(one) for one in codes)
    )


def _tab(item: Item) -> tuple[str, str]:
    return say("Molva tab"), say(TABS.get(str(item.facts["how"]), TABS["unknown"]))


def _layout(item: Item) -> tuple[str, str]:
    name = str(item.facts["name"])
    part = say(LEAD_PARTS[name]) if name in LEAD_PARTS else name
    title = say("Fields in the card: {part}", part=part) if part else say("Fields in the card")
    if item.facts.get("stored") is None and not item.facts.get("asked"):
        return title, say("Not looked at yet. Press “Check now”.")
    if item.facts.get("stored") is None:
        return title, say("Bitrix24 has not told us how the card is laid out.")
    if not item.facts["stored"]:
        return title, say("This card still has its built-in layout: our fields are added by hand, once.")
    if item.state == "ok":
        return title, say("Everybody sees our fields in the card.")
    return title, say("The fields are there, but the card does not show them all.")


def _worker(item: Item) -> tuple[str, str]:
    at = item.facts["at"]
    if item.state == "ok":
        return say("Work in the background"), say("It is running.")
    text = _ago(at, mark("It has never run."), mark("It has not been heard of since {when}."))
    return say("Work in the background"), text + " " + say("Whoever runs this Molva has to start it.")


def _last_event(item: Item) -> tuple[str, str]:
    return say("Last notice from Bitrix24"), _ago(
        item.facts["at"], mark("None yet. The first change of a deal or a company will bring one.")
    )


def _first_sync(item: Item) -> tuple[str, str]:
    title, at = say("First reading of clients and deals"), item.facts["at"]
    if item.state == "busy":
        again = item.facts.get("again")
        return title, say("Being read anew.") if again else say("Being read; this goes on by itself.")
    if item.state == "wrong":
        return title, say("Given up after several tries. “Repair” begins it anew.")
    return title, _ago(at, mark("Not begun yet."), mark("Done on {when}."))


def _reconciled(item: Item) -> tuple[str, str]:
    title, at = say("Last comparison with Bitrix24"), item.facts["at"]
    if item.facts.get("error"):
        return title, say("The last one did not work; it is tried again by itself.")
    return title, _ago(at, mark("Not yet. It follows the first reading."))


_WORDS = {
    "triggers": automation_words.triggers, "robot": automation_words.robot,
    "scopes": _scopes, "events": _events, "keys": _keys, "source": _source, "fields": _fields, "items": _items,
    "tab": _tab, "layout": _layout, "worker": _worker, "last_event": _last_event, "first_sync": _first_sync,
    "reconciled": _reconciled,
}  # fmt: skip
