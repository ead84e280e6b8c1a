"""What a repair would add, before anybody presses the button (product.md B1)."""

from __future__ import annotations

from collections.abc import Sequence

from integration import i18n
from integration.i18n import mark
from integration.services.field_labels import SOURCE
from integration.web.pages import language, say
from integration.web.settings.layout_words import field_name
from integration.web.settings.repair_words import group_of
from integration.web.settings.setup_words import KINDS

EXTRAS = {
    "trigger": mark("Triggers for the automation of deals"),
    "robot": mark("The rule “Ask the client (Molva)” in the automation of deals"),
}


def plan_words(plan: Sequence[str]) -> list[str]:
    """One line for each kind of thing on each kind of card; the names come from `services.setup_facts`."""
    fields: dict[str, list[str]] = {}
    lists: list[str] = []
    tabs: list[str] = []
    events, lines = 0, []
    for name in plan:
        kind, _, rest = name.partition(".")
        match group_of(name):
            case "field":
                fields.setdefault(kind, []).append(field_name(f"UF_CRM_{rest}"))
            case "list":
                lists.append(kind)
            case "tab":
                tabs.append(name.split("_")[1].lower())
            case "source":
                lines.append(say("The source “{name}” in the list of sources", name=say(SOURCE)))
            case "trigger" | "robot" as extra:
                lines.append(say(EXTRAS[extra]))
            case _:
                events += 1
    lines = [
        *(
            say("{cards}: fields {fields}", cards=_cards([kind]), fields=", ".join(many))
            for kind, many in fields.items()
        ),
        *([say("{cards}: missing values of lists", cards=_cards(lists))] if lists else []),
        *([say("{cards}: the Molva tab", cards=_cards(tabs))] if tabs else []),
        *lines,
    ]
    if events:
        lines.append(i18n.plural(language(), "{n} notice of changes", "{n} notices of changes", events))
    return lines


def _cards(kinds: Sequence[str]) -> str:
    return ", ".join(say(KINDS[kind]) for kind in dict.fromkeys(kinds) if kind in KINDS)
