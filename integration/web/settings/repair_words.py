"""What a repair of the set-up did, and what it left to people, in words (product.md B1)."""

from __future__ import annotations

from collections.abc import Sequence

from integration import i18n
from integration.i18n import mark
from integration.services.field_labels import SOURCE
from integration.web.pages import language, say
from integration.web.settings.setup_words import KINDS, TABS

PROBLEMS = {
    "wrong_type": mark("is of another type than ours"),
    "multiple": mark("takes several values, ours takes one"),
}
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
