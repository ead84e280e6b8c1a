"""What the set-up check-list says of our triggers and our rule in the portal's automation (product.md B3, W16)."""

from __future__ import annotations

from collections.abc import Mapping

from integration.i18n import mark
from integration.services.checklist import Item
from integration.web.pages import say

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


def triggers(item: Item) -> tuple[str, str]:
    """Title and line of the triggers."""
    return say("Triggers of the automation"), _told(TRIGGERS, item)


def robot(item: Item) -> tuple[str, str]:
    """Title and line of the rule."""
    return say("Rule of the automation"), _told(ROBOT, item)


def unused(item: Item) -> str:
    """Why nothing of it is used, in a word; empty if it is, or for any other line."""
    if item.code not in ("triggers", "robot"):
        return ""
    word = UNUSED.get(str(item.facts["how"]))
    return say(word) if word else ""


def _told(words: Mapping[str, str], item: Item) -> str:
    text = words.get(str(item.facts["how"]), words["unknown"])
    return say(text, code=item.facts["code"]) if "{code}" in text else say(text)
