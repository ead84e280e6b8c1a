"""The state of an installation in words: steps, what is wrong, figures (product.md P4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.services.portal_state import PortalState
from integration.web.pages import language, say
from integration.web.settings.repair_words import problem_words

WORKER_SILENCE = timedelta(minutes=3)
WORDS = {
    "waiting": mark("waiting"),
    "working": mark("in progress"),
    "done": mark("done"),
    "failed": mark("failed"),
}


def described(state: PortalState, now: datetime) -> dict[str, Any]:
    """The progress of the set-up as the page and its script need it. `now` is UTC.

    `ready`: the installation may be finished in the portal; `settled`: nothing more will change by itself.
    """
    ready = state.setup_at is not None and "setup" not in state.failed
    settled = ready and state.synced_at is not None
    return {
        "heading": _heading(state, ready),
        "line": _line(state, ready, settled),
        "percent": 100 if settled else 70 if ready else 15,
        "steps": _steps(state, ready, settled),
        "notice": trouble(state, now) if not settled else "",
        "ready": ready,
        "settled": settled,
        "counts": {name: i18n.number(language(), count) for name, count in state.cards.items()},
    }


def trouble(state: PortalState, now: datetime) -> str:
    """What keeps the set-up from going on, and what to do; empty if nothing does."""
    if state.failed:
        return say(
            "The set-up has been given up after several tries. Open the application again to start it anew."
        )
    if state.status == "suspended":
        return say(
            "Your Bitrix24 does not answer applications at the moment. The set-up goes on by itself "
            "when it does."
        )
    if state.problem == "scope:placement":
        return say(
            "Molva may not add its tab to the cards: give the application the right “Embedding” (placement) "
            "in Bitrix24. Everything else works."
        )
    if state.problem.startswith("setup:"):
        return say(
            "Not everything could be set up. {problem}. Check the rights of the application.",
            problem=problem_words(state.problem[6:]).rstrip("."),
        )
    if state.worker_seen_at is None or now - state.worker_seen_at > WORKER_SILENCE:
        return say(
            "The background process of Molva is not running. Whoever runs this Molva has to start "
            "it; the set-up then goes on by itself."
        )
    return ""


def _heading(state: PortalState, ready: bool) -> str:
    if "setup" in state.failed:
        return say("Molva could not be set up")
    return say("Molva is ready") if ready else say("Molva is being set up")


def _line(state: PortalState, ready: bool, settled: bool) -> str:
    if "setup" in state.failed:
        return say("Nothing is lost, and your data have not been touched.")
    if settled:
        return say("Everything is set up, and your clients and deals have been read.")
    if ready:
        return say(
            "Your clients and deals are still being read. This goes on by itself, you need not wait for it."
        )
    return say("It takes about a minute. Please keep this window open until the end.")


def _steps(state: PortalState, ready: bool, settled: bool) -> list[dict[str, str]]:
    setup = "failed" if "setup" in state.failed else "done" if ready else "working"
    tabs = "failed" if ready and state.problem == "scope:placement" else setup
    data = (
        "failed" if "first_sync" in state.failed else "done" if settled else "working" if ready else "waiting"
    )
    return [
        _step("access", "done", say("Access to your Bitrix24"), state.domain),
        _step("setup", setup, say("Fields in the cards"), _fields_note(state, ready)),
        _step("events", setup, say("Notices of changes"), _events_note(state, ready)),
        _step("tabs", tabs, say("The Molva tab in the cards"), _tabs_note(state, ready)),
        _step("data", data, say("Clients and deals"), _cards_note(state, ready)),
    ]


def _step(name: str, state: str, title: str, note: str) -> dict[str, str]:
    return {"name": name, "state": state, "title": title, "note": note, "word": say(WORDS[state])}


def _fields_note(state: PortalState, ready: bool) -> str:
    if not ready:
        return say(
            "Deals, companies, contacts and leads get fields of their own for scores and recommendations."
        )
    return i18n.plural(language(), "{n} field is in place.", "{n} fields are in place.", state.fields)


def _events_note(state: PortalState, ready: bool) -> str:
    if not ready or not state.events:
        return say("Bitrix24 tells Molva when a deal, company, contact, lead or task changes.")
    return i18n.plural(
        language(),
        "Bitrix24 reports {n} kind of change.",
        "Bitrix24 reports {n} kinds of changes.",
        state.events,
    )


def _tabs_note(state: PortalState, ready: bool) -> str:
    if not ready or not state.tabs:
        return say("Score, words and recommendations right in the card of a lead, deal, company or contact.")
    return i18n.plural(
        language(),
        "The tab is in the cards of {n} kind.",
        "The tab is in the cards of {n} kinds.",
        state.tabs,
    )


def _cards_note(state: PortalState, ready: bool) -> str:
    if not ready:
        return say("They are read once; after that only what changes.")
    code = language()
    return say(
        "{companies}, {contacts}, {deals}",
        companies=i18n.plural(code, "{n} company", "{n} companies", state.cards["companies"]),
        contacts=i18n.plural(code, "{n} contact", "{n} contacts", state.cards["contacts"]),
        deals=i18n.plural(code, "{n} deal", "{n} deals", state.cards["deals"]),
    )
