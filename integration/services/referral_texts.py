"""What the ladder of a recommendation writes into the portal: notes and thank-you tasks, in its language (R5).

Texts are BB code (bitrix24.md 10.1, 11.1); names from cards never act as code in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from integration.i18n import day, mark, text
from integration.nps.ladder import STEPS, Step
from integration.nps.people import CardKey
from integration.services.card_texts import LONGEST_TITLE, card_link, language, plain
from integration.store.portals import Portal

# How a step is told: on its own line with the day.
STEP_WORDS: dict[Step, str] = {
    "named": mark("Recommended by this client"),
    "introduced": mark("In the CRM"),
    "in_talks": mark("In talks"),
    "won": mark("Has become a client"),
    "paid": mark("Has paid"),
    "year": mark("With us for a year"),
}
_TITLES: dict[str, str] = {
    "introduced": mark("Thank {referrer} for recommending us: {newcomer}"),
    "in_talks": mark("Thank {referrer}: we are in talks with {newcomer}"),
    "won": mark("Thank {referrer}: {newcomer} has become a client"),
    "paid": mark("Thank {referrer}: {newcomer} has paid"),
    "year": mark("Thank {referrer}: {newcomer} has been with us for a year"),
}
_NAME = 90  # of each side in a title; both are in full in the text


def note(
    portal: Portal, newcomer: CardKey, name: str, steps: Mapping[Step, date], fresh: Sequence[Step]
) -> str:
    """The comment on the referrer's card: who it is about, and every step that is new, with its day."""
    lang = language(portal)
    who = f"[URL={card_link(portal, newcomer)}]{_shown(portal, name)}[/URL]"
    lines = [f"[B]{text(lang, 'Recommendation')}:[/B] {who}"]
    lines += [
        f"{text(lang, STEP_WORDS[one])}: {day(lang, steps[one])}" for one in sorted(fresh, key=STEPS.index)
    ]
    return "\n".join(lines)


def task_title(portal: Portal, step: str, referrer: str, newcomer: str) -> str:
    """The task's title, at most 250 characters; long names are shortened."""
    lang = language(portal)
    title = text(lang, _TITLES[step], referrer=_short(referrer, lang), newcomer=_short(newcomer, lang))
    return title[:LONGEST_TITLE]


def task_description(
    portal: Portal, referrer: tuple[CardKey, str], newcomer: tuple[CardKey, str], since: date, promised: str
) -> str:
    """All that is needed to thank somebody. `promised`: what was promised for it, "" for nothing."""
    lang = language(portal)
    lines = [
        text(lang, "Thank them in person, and say what has come of their recommendation."),
        "",
        _line(portal, text(lang, "Recommended by"), *referrer),
        _line(portal, text(lang, "Recommended client"), *newcomer),
        f"[B]{text(lang, 'Since')}:[/B] {day(lang, since)}",
    ]
    if promised:
        lines.append(f"[B]{text(lang, 'Promised')}:[/B] {plain(promised)}")
    return "\n".join(lines)


def _line(portal: Portal, title: str, card: CardKey, name: str) -> str:
    return f"[B]{title}:[/B] [URL={card_link(portal, card)}]{_shown(portal, name)}[/URL]"


def _shown(portal: Portal, name: str) -> str:
    return plain(" ".join(name.split())) or text(language(portal), "client")


def _short(name: str, lang: str) -> str:
    name = " ".join(name.split()) or text(lang, "client")
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
