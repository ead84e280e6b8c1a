"""Settings: the set-up check-list, *check now*, *repair*, and our fields in the cards by preview and undo.

The page opens from what is stored; the portal is asked only when somebody presses a button.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Response, request

from integration import i18n
from integration.current import deps
from integration.i18n import mark
from integration.services import checklist, layout_places, layouts, rights
from integration.services.card_texts import name_said
from integration.services.checklist import Checklist, Item, Repaired
from integration.services.field_labels import FIELDS
from integration.services.frames import Viewer
from integration.services.layout_places import Change
from integration.services.layouts import LayoutRefused, Preview
from integration.services.pace import CROWDED
from integration.web.pages import language, say
from integration.web.settings import repair_words, sections, setup_words
from integration.web.settings.layout_words import difference_lines, field_name
from integration.web.settings.plan_words import plan_words
from integration.web.settings.setup_words import line_of, place_name

PATH = "/app/settings/setup"
Notice = dict[str, str]
REFUSALS = {
    "no_such_card": mark("There is no such card in your Bitrix24 any more."),
    "unreadable": mark(
        "Bitrix24 has not told us how the card is laid out, so nothing is changed. Try again later."
    ),
    "nothing_to_add": mark("All our fields are in this card already."),
    "changed": mark("Somebody has changed the card since you looked. Please look at it once more."),
    "busy": mark("Another change of this card is on its way. Wait a minute and look again."),
    "no_change": mark("There is nothing of ours to take back in this card."),
    "nothing_left": mark("Without our section the card would be empty, so it stays."),
    "not_taken": mark("Bitrix24 has accepted the change and not made it. Please add the fields by hand."),
    "access_denied": mark(
        "Bitrix24 does not let Molva change cards: an administrator has to open Molva once."
    ),
    "insufficient_scope": mark(
        "Bitrix24 does not let Molva change cards: an administrator has to open Molva once."
    ),
}
UNDER_WAY = mark("Somebody is setting Molva up at this moment. Wait a minute and look again.")
SILENT = mark("Bitrix24 does not answer at the moment. What you see is what was last known.")
BUSY = mark(
    "Bitrix24 is busy: more is asked of it than it takes at once. Try again in a minute; what you see is what was "
    "last known."
)


@sections.section(
    "setup",
    mark("Set-up"),
    mark("What Molva needs in your Bitrix24, and whether it is there."),
    glyph="link",
)
def show(who: Viewer) -> Response:
    """The check-list, after what was asked for."""
    do = request.form.get("do", "")
    if do == "check":
        code = checklist.check(deps(), who.portal_id)
        return _page(who, [_checked(code)])
    if do == "repair":
        return _page(
            who, [_repaired(checklist.repair(deps(), who.portal_id, rights.recorded_as(deps(), who)))]
        )
    if do in ("preview", "apply"):
        return _into_card(who, do == "apply")
    if do in ("undo", "remove"):
        return _out_of_card(who, do == "remove")
    return _page(who)


def _page(who: Viewer, notices: Sequence[Notice] = (), status: int = 200, **more: Any) -> Response:
    found = checklist.read(deps(), who.portal_id)
    items = found.items if found else ()
    changes = layout_places.changes(deps(), who.portal_id)
    return sections.page(
        who, "setup", "app/settings/setup.html", status=status, notices=list(notices),
        heads=_heads(items), cards=_cards(items, changes), checked_at=found.checked_at if found else None,
        summary=_summary(found), repair=_last_repair(found),
        plan=plan_words(found.plan) if found else [],
        repairable=any(_repairable(item) for item in (found.open if found else ())), **more,
    )  # fmt: skip


def _summary(found: Checklist | None) -> dict[str, str]:
    """The whole in one sentence."""
    count = len(found.open) if found else 0
    if found is None or found.checked_at is None:
        return {
            "tone": "neutral", "glyph": "info", "heading": say("Not looked at yet"),
            "line": say("Press “Check now”: Molva then looks at your Bitrix24 and changes nothing."),
        }  # fmt: skip
    if not count and any(_unseen(item) for item in found.items):
        return {
            "tone": "good", "glyph": "check", "heading": say("What could be checked is in place"),
            "line": say("What is not known or is added by hand is marked below."),
        }  # fmt: skip
    if not count:
        return {
            "tone": "good", "glyph": "check", "heading": say("Everything is in place"),
            "line": say("Molva has all it needs in your Bitrix24."),
        }  # fmt: skip
    return {
        "tone": "danger" if any(item.state == "wrong" for item in found.open) else "warn", "glyph": "warn",
        "heading": i18n.plural(language(), "{n} point needs attention", "{n} points need attention", count),
        "line": _advice(found),
    }  # fmt: skip


def _unseen(item: Item) -> bool:
    """Whether nobody knows it, so that not all is in place; work that follows by itself is not meant."""
    return item.state == "unknown" and item.group != "work"


def _repairable(item: Item) -> bool:
    """Whether a repair does something about it; layouts, rights and other people's fields it leaves alone."""
    if item.code == "fields":
        return bool(item.facts["missing"])
    if item.code == "tab":
        return bool(item.facts["how"] != "no_scope")
    return item.code in ("events", "items", "first_sync", "triggers", "robot") or (
        item.code == "source" and item.state == "missing"
    )


def _advice(found: Checklist) -> str:
    if all(item.code == "layout" for item in found.open):
        return say("All else is there. How a card looks is changed only when you say so, below.")
    return say("“Repair” adds only what is missing. Nothing is deleted, and your own fields are not touched.")


def _heads(items: Sequence[Item]) -> list[dict[str, Any]]:
    groups = (("access", say("Access")), ("work", say("Data and work in the background")))
    return [
        {"heading": title, "lines": [line_of(item) for item in items if item.group == name]}
        for name, title in groups
    ]


def _cards(items: Sequence[Item], changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The lines of each kind of card, a layout together with the last change we made to it."""
    by_place = {(one.kind, one.part): one for one in changes}
    found: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        if item.group != "cards":
            continue
        kind = str(item.facts["kind"])
        change = by_place.get((kind, int(item.facts["part"]))) if item.code == "layout" else None
        found.setdefault(kind, []).append({"line": line_of(item), "change": _change(change)})
    return [
        {"heading": say(setup_words.KINDS[kind]), "kind": kind, "lines": lines}
        for kind, lines in found.items()
    ]


def _change(change: Change | None) -> dict[str, Any] | None:
    if change is None or change.status == "undone":
        return None
    words = {
        "asked": say("On its way to Bitrix24: asked by {who}.", who=name_said(change.author)),
        "applied": say("Put in by {who}.", who=name_said(change.author)),
        "refused": _refusal(change.problem),
    }
    return {
        "id": change.id,
        "status": change.status,
        "at": change.asked_at,
        "words": words.get(change.status, ""),
    }


def _refusal(code: str) -> str:
    return say(REFUSALS.get(code, mark("Bitrix24 has refused the change.")))


def _why(code: str) -> str:
    return say(BUSY if code in CROWDED else SILENT)


def _checked(code: str) -> Notice:
    if code:
        return {"tone": "warn", "heading": say("The check did not work."), "line": _why(code)}
    return {"tone": "good", "heading": say("Checked just now."), "line": ""}


def _repaired(done: Repaired) -> Notice:
    if done.code == "setup_under_way":
        return {"tone": "info", "heading": say(UNDER_WAY), "line": ""}
    if done.code:
        return {"tone": "warn", "heading": say("Nothing has been changed."), "line": _why(done.code)}
    lines = repair_words.done_words(done.done, done.problems)
    if not lines:
        return {"tone": "good", "heading": say("Nothing was missing."), "line": ""}
    tone = "warn" if done.problems else "good"
    return {"tone": tone, "heading": say("Repaired."), "line": " ".join(lines)}


def _last_repair(found: Checklist | None) -> dict[str, Any] | None:
    last = found.repair if found else None
    if not last:
        return None
    lines = repair_words.done_words(last.get("done", ()), last.get("problems", ()))
    at = datetime.fromisoformat(str(last["at"]))
    return {"who": last.get("who", ""), "at": at, "lines": lines or [say("Nothing was missing.")]}


# --- fields into the card


def _number(name: str) -> int:
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _into_card(who: Viewer, confirmed: bool) -> Response:
    kind, part = request.form.get("kind", ""), _number("part")
    try:
        if confirmed:
            author = rights.recorded_as(deps(), who)
            done = layouts.apply(deps(), who.portal_id, kind, part, request.form.get("digest", ""), author)
            return _page(who, [_done(done, say("The fields are in the card now."))])
        return _preview(who, layouts.preview(deps(), who.portal_id, kind, part))
    except LayoutRefused as refused:
        if refused.code == "not_stored":
            return _by_hand(who, kind, part)
        notice = {"tone": "warn", "heading": _refusal(refused.code), "line": ""}
        if refused.code == "changed":
            return _preview(who, layouts.preview(deps(), who.portal_id, kind, part), [notice])
        return _page(who, [notice], 200 if refused.code == "nothing_to_add" else 409)


def _done(done: layouts.Done, words: str) -> Notice:
    if done.status == "applied":
        return {"tone": "good", "heading": words, "line": ""}
    if done.status == "asked":
        line = say("Bitrix24 does not answer at the moment. The change is stored and follows by itself.")
        return {"tone": "info", "heading": say("On its way."), "line": line}
    return {"tone": "warn", "heading": _refusal(done.problem), "line": ""}


def _preview(who: Viewer, seen: Preview, notices: Sequence[Notice] = ()) -> Response:
    if not seen.added:
        return _page(who, [{"tone": "good", "heading": _refusal("nothing_to_add"), "line": ""}])
    shown = [
        {
            "title": section.get("title") or section.get("name"),
            "elements": [
                {"label": field_name(code, seen.names), "new": code in seen.added, "ours": code in FIELDS}
                for code in layouts.names_in(section)
            ],
            "new": any(code in seen.added for code in layouts.names_in(section)),
        }
        for section in seen.after
    ]
    return sections.page(
        who, "setup", "app/settings/layout_preview.html", notices=list(notices), shown=shown, way="preview",
        place=place_name(seen.place.kind, seen.place.name), kind=seen.place.kind, part=seen.place.part,
        digest=seen.digest, elsewhere=[field_name(code) for code in seen.elsewhere], count=len(seen.added),
    )  # fmt: skip


def _by_hand(who: Viewer, kind: str, part: int) -> Response:
    """The portal shows its built-in arrangement, which writing would lose: what to do by hand."""
    place = layouts.place(deps(), who.portal_id, kind, part)
    codes = layout_places.our_fields(deps(), who.portal_id, kind)
    return sections.page(
        who, "setup", "app/settings/layout_preview.html", way="by_hand", place=place_name(kind, place.name),
        kind=kind, part=part, fields=[field_name(code) for code in codes],
    )  # fmt: skip


def _out_of_card(who: Viewer, only_ours: bool) -> Response:
    change_id, author = _number("change"), rights.recorded_as(deps(), who)
    try:
        if only_ours:
            digest = request.form.get("digest", "")
            done = layouts.remove(deps(), who.portal_id, change_id, digest, author)
            return _page(
                who, [_done(done, say("Our section is out of the card. All else stands as it was."))]
            )
        done = layouts.undo(deps(), who.portal_id, change_id, author)
        return _page(who, [_done(done, say("The card looks exactly as before."))])
    except LayoutRefused as refused:
        if refused.code != "changed_since" or refused.difference is None:
            return _page(who, [{"tone": "warn", "heading": _refusal(refused.code), "line": ""}], 409)
        return sections.page(
            who, "setup", "app/settings/layout_preview.html", status=409, way="changed_since",
            lines=difference_lines(refused.difference), digest=refused.digest, change=change_id,
            place=say("Undo"),
        )  # fmt: skip
