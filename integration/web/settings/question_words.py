"""Extra questions in words: kinds, and what differs between two versions of the settings."""

from __future__ import annotations

from dataclasses import replace

from integration import i18n
from integration.i18n import mark
from integration.nps.questions import Question
from integration.web.pages import language, say

KINDS = {
    "scale_5": mark("A scale from 1 to 5"),
    "scale_10": mark("A scale from 0 to 10"),
    "yes_no": mark("Yes or no"),
    "choice": mark("One of several answers"),
    "text": mark("In their own words"),
}
Details = tuple[tuple[str, str, str], ...]


def name(one: Question) -> str:
    """The question in the language of the request."""
    return one.text(language()) or one.key


def whole(questions: tuple[Question, ...]) -> str:
    """All questions in one line, to be set beside another person's."""
    return "; ".join(f"{name(one)} ({_kind(one)})" for one in questions) or say("none")


def compared(
    before: tuple[Question, ...], after: tuple[Question, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], Details]:
    """What came, what went, and what changed of those that stay: name, before, after."""
    was, now = ({one.key: one for one in side} for side in (before, after))
    added = tuple(name(now[key]) for key in now if key not in was)
    removed = tuple(name(was[key]) for key in was if key not in now)
    details = [line for key in now if key in was for line in _changed(was[key], now[key])]
    return added, removed, tuple(details)


def _changed(was: Question, now: Question) -> Details:
    found: list[tuple[str, str, str]] = []
    title = name(was)
    if was.kind != now.kind:
        found.append((title, _kind(was), _kind(now)))
    if was.on != now.on:
        found.append((title, say("on") if was.on else say("off"), say("on") if now.on else say("off")))
    for code in i18n.LANGUAGES:
        if was.texts.get(code, "") != now.texts.get(code, ""):
            found.append((i18n.NAMES[code], was.texts.get(code) or "—", now.texts.get(code) or "—"))
        said, says = (_options(one, code) for one in (was, now))
        if said != says:
            found.append((f"{title} ({i18n.NAMES[code]})", said, says))
    if not found and replace(was, version=0) != replace(now, version=0):
        found.append((title, _options(was, language()), _options(now, language())))
    return tuple(found)


def _options(one: Question, code: str) -> str:
    return ", ".join(option.texts.get(code, "—") for option in one.options) or "—"


def _kind(one: Question) -> str:
    return say(KINDS[one.kind])
