"""The words of the tab about who recommended a client (product.md R3, R4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps.people import CardKey
from integration.nps.scoring import group as group
from integration.services.card_texts import name_said
from integration.services.field_labels import VALUES
from integration.services.referral_claims import Said
from integration.web.pages import day_text, language, say

USUAL = VALUES["UF_CRM_MOLVA_REFERRAL_SOURCE"]
PROBLEMS = {
    "self_referral": mark("The card named is this client’s own: nobody can recommend themselves."),
    "own_contact": mark("The one named belongs to this very client, so it cannot have brought it."),
    "own_company": mark("The card named is your own company. If one of your people recommended us, choose “Employee”."),
    "same_person": mark(
        "The card named has the same e-mail or phone as this client: these look like two cards of one client. "
        "Merge them in the portal, or choose another card."
    ),
    "cycle": mark("That would close a circle: this client stands behind the one who is said to have brought it."),
    "removed": mark(
        "The card of whoever recommended this client is not in the portal any more. Name the one that took its place."
    ),
}  # fmt: skip
STATUS = {
    "done": (mark("Saved. It is on its way to the card."), "good", 200),
    "same": (mark("This is what stands there already."), "good", 200),
    "cleared": (mark("Saved: nobody recommended this client."), "good", 200),
    "rule": (mark("Saved. The first claim counts again."), "good", 200),
    "no_note": (mark("Say in a few words why."), "danger", 422),
    "note_too_long": (mark("Please keep it under 500 characters."), "danger", 422),
    "no_source": (mark("Choose how the client found us."), "danger", 422),
    "no_pick": (mark("Choose a company or a contact from the list."), "danger", 422),
    "unseen": (mark("The portal does not show you that card. Choose another one."), "danger", 409),
    "unreachable": (mark("The portal does not answer just now. Try again in a moment."), "warn", 409),
    "reopen": (mark("This page has been open for long. Open the card again, then search."), "warn", 409),
    "no_fields": (
        mark(
            "The fields for recommendations are missing in the portal. An administrator can restore them in the "
            "settings."
        ),
        "warn", 409,
    ),
    "gone": (mark("This is not there any more. Nothing has been changed."), "warn", 409),
}  # fmt: skip
SAID = {
    "thanked": mark("Noted: they have been thanked."),
    "rewarded": mark("Saved."),
    "same": mark("That was noted already."),
}
SEARCH = {
    "short": mark("Type at least two letters of the name, a phone or an e-mail."),
    "reopen": STATUS["reopen"][0],
    "unreachable": STATUS["unreachable"][0],
}
NUMBERED = {
    "company": mark("Company no. {n}"), "contact": mark("Contact no. {n}"), "lead": mark("Lead no. {n}"),
    "deal": mark("Deal no. {n}"),
}  # fmt: skip
STEPS = {
    "named": mark("Named"), "introduced": mark("Introduced"), "in_talks": mark("In talks"), "won": mark("Won"),
    "paid": mark("Paid"), "year": mark("A year with us"),
}  # fmt: skip
STEP_TONES = {
    "named": "neutral",
    "introduced": "neutral",
    "in_talks": "brand",
    "won": "good",
    "paid": "good",
    "year": "good",
}
REWARDS = {
    "": mark("Not said yet"), "promised": mark("Promised"), "given": mark("Given"), "none": mark("No reward"),
}  # fmt: skip
LOST = mark("Came to nothing")
REWARD_TONES = {"": "neutral", "promised": "warn", "given": "good", "none": "neutral"}
KINDS = {
    "unnamed": mark("Nobody named"), "contested": mark("Cards disagree"), "cycle": mark("Circle"),
    "removed": mark("Card removed"), "same_person": mark("Two cards of one person"),
    "self_referral": mark("Recommended by itself"), "own_contact": mark("Own contact person"),
    "own_company": mark("Our own company"),
}  # fmt: skip
GLYPHS = {"unnamed": "person", "contested": "people", "cycle": "undo", "removed": "bin"}
PLACES = {
    "company": mark("on the company’s card"), "contact": mark("on the contact’s card"),
    "deal": mark("in the deal"), "lead": mark("in the lead"),
}  # fmt: skip


def source(code: str, own: Sequence[tuple[str, str]]) -> str:
    """A source as people call it; the agency's own as it was typed."""
    named = dict(own).get(code, "")
    return named or (say(USUAL[code]) if code in USUAL else code)


def recommenders(own: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Sources for somebody who has a card: the agency's own among them, staff and the unknown left out."""
    known = ("client", "former_client", "partner", "other")
    return [[code, source(code, own)] for code, name in own if name or code in known]


def options(own: Sequence[tuple[str, str]]) -> list[list[str]]:
    """All sources."""
    return [[code, source(code, own)] for code, _ in own]


def card(key: CardKey, name: str = "") -> str:
    """A card by its name, or by its number for those who may not read the name."""
    return name or say(NUMBERED[key.kind], n=key.id)


def place(kind: str) -> str:
    """Where a claim stands."""
    return say(PLACES[kind])


def who(recorded: str) -> str:
    """Somebody who acted, without the number they are recorded with."""
    return name_said(recorded)


def age(days: int) -> str:
    """How long something waits."""
    return (
        i18n.plural(language(), "waits {n} day", "waits {n} days", days) if days > 0 else say("since today")
    )


def chain(links: Sequence[tuple[CardKey, str]]) -> str:
    """Who is said to have brought whom, from the one named on; the middle of a long chain is left out."""
    many = [card(key, name) for key, name in links]
    if len(many) > 8:
        many = [*many[:4], "…", *many[-3:]]
    return " ← ".join(many)


def told(code: str, done: str = "") -> dict[str, Any]:
    """Status and notice after an act; `done`: how a success is said, one of `SAID`."""
    if done and code in ("done", "same"):
        return {
            "status": 200,
            "notice": {"tone": "good", "heading": say(SAID[done if code == "done" else code])},
        }
    text, tone, status = STATUS[{"too_long": "note_too_long", "bad": "gone"}.get(code, code)]
    heading = say("Nothing has been saved yet.") if status == 422 else say(text)
    line = {"line": say(text)} if status == 422 else {}
    return {"status": status, "notice": {"tone": tone, "heading": heading, **line}}


def refused(said: Said, links: Sequence[tuple[CardKey, str]]) -> dict[str, Any]:
    """Why somebody cannot have brought the client, with the chain where there is one."""
    code = said.flag.code if said.flag else "self_referral"
    line = say(PROBLEMS[code])
    if code == "cycle":
        line = f"{line} {chain(links)}"
    return {
        "status": 409,
        "notice": {"tone": "danger", "heading": say("Nothing has been saved yet."), "line": line},
    }


def rival(name: str, day: Any) -> str:
    """What counts instead, when a note is asked for."""
    if day is None:
        return say("So far {name} counts. Say why it was somebody else.", name=name)
    return say(
        "So far {name} counts, named on {day}. Say why it was somebody else.", name=name, day=day_text(day)
    )
