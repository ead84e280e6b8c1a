"""The lines of the set-up check-list in words: title, what is seen, what to do (product.md B1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.services.checklist import Item
from integration.services.field_labels import SOURCE
from integration.web.pages import language, moment_text, say
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
TRIGGERS = {
    "ok": mark(
        "Answers can start your automation: the triggers “Molva: …” stand in the list of your deals’ stages."
    ),
    "off": mark("Switched off. If your automation is to react to answers, switch it on under “Follow-ups”."),
    "missing": mark("The triggers for your deals’ automation are not registered yet. “Repair” does it."),
    "refused": mark(
        "Bitrix24 does not let us register triggers ({code}). Either your edition has no automation, or Molva does not "
        "work in the name of an administrator with access to the CRM: let one open Molva once. All else works without."
    ),
    "unknown": mark("Not looked at yet. Press “Check now”."),
}
ROBOT = {
    "ok": mark("The rule “Ask the client (Molva)” can be put on the stages of deals."),
    "missing": mark("The rule “Ask the client (Molva)” is not registered yet. “Repair” does it."),
    "old": mark("The rule “Ask the client (Molva)” is registered in an older form. “Repair” renews it."),
    "no_scope": mark(
        "Not needed for the survey. For the rule “Ask the client (Molva)” add “Workflows” (bizproc) to the "
        "application’s rights in Bitrix24, open Molva once, then press “Repair”."
    ),
    "refused": mark(
        "Bitrix24 does not let us register the rule ({code}). Either your edition has no automation, or Molva does not "
        "work in the name of an administrator: let one open Molva once. All else works without."
    ),
    "unknown": mark("Not looked at yet. Press “Check now”."),
}
UNUSED = {"off": mark("switched off"), "no_scope": mark("not used"), "refused": mark("not available")}
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
PROBLEMS = {
    "wrong_type": mark("is of another type than ours"),
    "multiple": mark("takes several values, ours takes one"),
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
    if item.code in ("triggers", "robot") and item.facts["how"] in UNUSED:
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
    if item.code in ("triggers", "robot") and item.facts["how"] in UNUSED:
        return say(UNUSED[str(item.facts["how"])])
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


EXTRAS = {
    "trigger": mark("The triggers for your automation were registered."),
    "robot": mark("The rule “Ask the client (Molva)” was registered."),
}


def done_words(done: Sequence[str], problems: Sequence[str]) -> list[str]:
    """What a repair did, one line each; the names come from `services.setup`."""
    code = language()
    groups: dict[str, list[str]] = {
        name: [] for name in (*EXTRAS, "event", "tab", "field", "list", "source", "chore")
    }
    for name in done:
        groups[group_of(name)].append(name)
    lines = []
    if groups["field"]:
        count = len(groups["field"])
        lines.append(i18n.plural(code, "{n} field was added.", "{n} fields were added.", count))
    if groups["list"]:
        count = len(groups["list"])
        lines.append(i18n.plural(code, "{n} list was completed.", "{n} lists were completed.", count))
    if groups["tab"]:
        kinds = dict.fromkeys(name.split("_")[1].lower() for name in groups["tab"])
        shown = ", ".join(say(KINDS[kind]) for kind in kinds if kind in KINDS)
        lines.append(say("The tab was put right: {cards}.", cards=shown))
    if groups["event"]:
        count = len(groups["event"])
        lines.append(
            i18n.plural(
                code,
                "{n} notice of changes was switched on.",
                "{n} notices of changes were switched on.",
                count,
            )
        )
    if groups["source"]:
        lines.append(say("The source “{name}” was added.", name=say(SOURCE)))
    lines += [say(text) for name, text in EXTRAS.items() if groups[name]]
    if groups["chore"]:
        lines.append(say("Work that had been given up was begun anew."))
    return lines + [problem_words(problem) for problem in problems]


def problem_words(problem: str) -> str:
    """What a person has to settle, by the code a set-up gave it."""
    if problem.startswith("placement:"):
        return say(TABS["no_scope"]) if problem.endswith("scope") else say(TABS["unknown"])
    place, _, code = problem.partition(":")
    kind, _, field = place.partition(".")
    if code in PROBLEMS and kind in KINDS:
        return say(
            "The field “{field}” ({cards}) {what}. Somebody else made it: rename or delete it in Bitrix24.",
            field=field, cards=say(KINDS[kind]), what=say(PROBLEMS[code]),
        )  # fmt: skip
    return say("Bitrix24 refused: {what}.", what=problem)


def group_of(name: str) -> str:
    """What a name that a set-up gives is about: `chore`, `tab`, `list`, `source`, `field`, `event`, one of `EXTRAS`."""
    if name.startswith("chore:"):
        return "chore"
    if name.partition(".")[0] in EXTRAS:
        return name.partition(".")[0]
    if name.endswith("_DETAIL_TAB"):
        return "tab"
    if name.endswith(".list"):
        return "list"
    if name.startswith("source."):
        return "source"
    return "field" if "." in name else "event"


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


def _triggers(item: Item) -> tuple[str, str]:
    text = TRIGGERS.get(str(item.facts["how"]), TRIGGERS["unknown"])
    return say("Triggers of the automation"), say(text, code=item.facts["code"]) if "{code}" in text else say(
        text
    )


def _robot(item: Item) -> tuple[str, str]:
    text = ROBOT.get(str(item.facts["how"]), ROBOT["unknown"])
    return say("Rule of the automation"), say(text, code=item.facts["code"]) if "{code}" in text else say(
        text
    )


_WORDS = {
    "triggers": _triggers, "robot": _robot,
    "scopes": _scopes, "events": _events, "keys": _keys, "source": _source, "fields": _fields, "items": _items,
    "tab": _tab, "layout": _layout, "worker": _worker, "last_event": _last_event, "first_sync": _first_sync,
    "reconciled": _reconciled,
}  # fmt: skip
