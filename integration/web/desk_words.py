"""What the call desk says: the client in hand, why there is nobody, what came of a call (product.md W7, W8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from integration import i18n
from integration.i18n import mark
from integration.services.calling.types import DeskPage, Opening, Tally, Waiting
from integration.web import desk_card, desk_said
from integration.web.desk_card import CardTold
from integration.web.pages import day_text, language, number_text, say, zone

TYPED = ("score", "comment", "call_back_at", "note")
WHY = {
    "no_survey": (
        mark("Nobody is called at the moment"),
        mark("There is no survey with calls under way. When one begins, your list is here."),
        "phone",
    ),
    "not_begun": (
        mark("The calls have not begun"),
        mark("When they begin, your list is here by itself."),
        "calendar",
    ),
    "paused": (
        mark("The survey is paused"),
        mark("Nobody is called until it goes on. Ask whoever runs the survey."),
        "pause",
    ),
    "over": (
        mark("The calls are over"),
        mark("The survey asks nobody any more. Thank you for your work."),
        "check",
    ),
    "own_only": (
        mark("Only your own clients are left"),
        mark("A client does not tell their own manager everything, so your colleagues call them."),
        "people",
    ),
    "in_hands": (
        mark("All clients are with colleagues"),
        mark("If somebody gives a client back, it comes to you."),
        "people",
    ),
    "later": (
        mark("Nobody to call right now"),
        mark("This page tells you when somebody can be called again."),
        "clock",
    ),
    "all_done": (
        mark("Everybody has been called"),
        mark("Nobody is left on the list. Thank you for your work."),
        "check",
    ),
    "suspended": (
        mark("Your Bitrix24 does not allow applications at the moment"),
        mark("The calls go on by themselves when the subscription for applications is renewed."),
        "pause",
    ),
}
KEYS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("N", "Enter"), mark("next client")),
    (("P",), mark("dial the number")),
    (("B",), mark("call through Bitrix24")),
    (("0", "…", "9", "−"), mark("score; − is 10, Delete takes it away")),
    (("C",), mark("the client’s words")),
    (("Q", "W", "E", "R"), mark("nobody answered")),
    (("S", "D", "F", "G"), mark("somebody answered, but gave no score")),
    (("J", "K", "H"), mark("call back at a proposed time")),
    (("A",), mark("call back at another time")),
    (("Z",), mark("note for whoever calls next")),
    (("L",), mark("wording in another language")),
    (("X",), mark("extra questions; there digits answer the question")),
    (("Ctrl", "Enter"), mark("save it")),
    (("U",), mark("undo the last one")),
    (("Esc",), mark("leave a field; then give the client back")),
    (("?",), mark("show the keys")),
)


@dataclass(frozen=True, slots=True)
class IdleTold:
    """No client in hand: why, what one can do, `can_take` whether somebody waits."""

    heading: str
    lines: tuple[str, ...]
    glyph: str
    can_take: bool
    label: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class DeskTold:
    """The desk in words. `state` changes when there is something new to see; `say` is for readers; `kept`: words that
    were typed and could not be saved; `carry`: hidden fields of every form."""

    state: str
    say: str
    lead: str
    tally: tuple[tuple[str, str], ...]
    card: CardTold | None
    idle: IdleTold | None
    notices: tuple[Mapping[str, object], ...]
    typed: Mapping[str, str]
    problems: Mapping[str, str]
    kept: tuple[str, ...]
    auto: bool
    carry: Mapping[str, str]
    keys: tuple[tuple[tuple[str, ...], str], ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What happened before the page was drawn: notices, problems by field, typed words to show again or to keep;
    `skip`: whom the caller has just given back, so that the next one is somebody else."""

    notices: tuple[Mapping[str, object], ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    auto: bool = True
    skip: str = ""
    carry: Mapping[str, str] = field(default_factory=dict)


def told(page: DeskPage, now: datetime, said: Said) -> DeskTold:
    """The desk in words of this request's language. `now` is aware UTC."""
    card = desk_card.told(page.card, now) if page.card else None
    idle = None if card else _idle(page, now)
    notices = said.notices or desk_said.last(page.last, now)
    return DeskTold(
        state=card.key if card else f"{page.why or 'ready'}:{page.waiting.now > 0}",
        say=_aloud(card, idle, said.notices), lead=_lead(page), tally=_tally(page.tally), card=card, idle=idle,
        notices=notices, typed={name: said.typed.get(name, "") for name in TYPED} | dict(said.typed),
        problems=said.problems, kept=said.kept, auto=said.auto,
        carry={**said.carry, **({"skip": said.skip} if said.skip else {})},
        keys=tuple((keys, say(what)) for keys, what in KEYS),
    )  # fmt: skip


def _aloud(card: CardTold | None, idle: IdleTold | None, notices: tuple[Mapping[str, object], ...]) -> str:
    said = [f"{one['heading']} {one.get('line', '')}".strip() for one in notices]
    if card:
        said.append(say("Your next client: {client}, {person}.", client=card.client, person=card.person))
    elif idle:
        said += [f"{idle.heading}.", *idle.lines]
    return " ".join(said)


def _lead(page: DeskPage) -> str:
    wave = page.card.wave if page.card else page.waiting.wave
    return say("Survey {name}", name=wave) if wave else ""


def _count(number: int) -> str:
    return i18n.plural(language(), "{n} person waits", "{n} people wait", number)


def _tally(tally: Tally) -> tuple[tuple[str, str], ...]:
    words = language()
    rows = (
        (i18n.plural(words, "call today", "calls today", tally.calls), tally.calls),
        (i18n.plural(words, "answer today", "answers today", tally.answers), tally.answers),
        (i18n.plural(words, "refusal", "refusals", tally.refusals), tally.refusals),
        (i18n.plural(words, "call-back agreed", "call-backs agreed", tally.promises), tally.promises),
    )
    return tuple((label, number_text(value)) for label, value in rows)


def _idle(page: DeskPage, now: datetime) -> IdleTold:
    waiting = page.waiting
    if not page.why:
        lines: tuple[str, ...] = tuple(filter(None, (_promise(waiting, now), _others(waiting))))
        return IdleTold(
            _count(waiting.now), lines, "phone", True, say("Next client"),
            say("Everything here can be done with the keyboard: press ? for the keys."),
        )  # fmt: skip
    heading, line, glyph = WHY.get(page.why, WHY["later"])
    if page.why == "not_begun" and page.begins:
        lines = (say("They begin on {day}.", day=day_text(page.begins)), say(line))
    else:
        lines = tuple(filter(None, (_opens(waiting, now), _promise(waiting, now), say(line))))
    return IdleTold(say(heading), lines, glyph, False, say("Look again"))


def _opens(waiting: Waiting, now: datetime) -> str:
    opens, promise = waiting.opens, waiting.next_promise
    if opens is None or (promise is not None and promise.at <= opens.at):
        return ""
    when = _when(opens, now)
    if opens.city:
        return say("The next one can be called {when}, in {city}.", when=when, city=opens.city)
    return say("The next one can be called {when}.", when=when)


def _promise(waiting: Waiting, now: datetime) -> str:
    if waiting.next_promise is None:
        return ""
    when = _when(waiting.next_promise, now)
    if waiting.promised > 1:
        return i18n.plural(
            language(), "{n} call-back is agreed, the next one {when}.",
            "{n} call-backs are agreed, the next one {when}.",
            waiting.promised, when=when,
        )  # fmt: skip
    return say("A call-back is agreed {when}.", when=when)


def _others(waiting: Waiting) -> str:
    if not waiting.held:
        return ""
    return i18n.plural(
        language(), "{n} more is with a colleague.", "{n} more are with colleagues.", waiting.held
    )


def _when(opening: Opening, now: datetime) -> str:
    """On the caller's own clock, with the client's where it differs."""
    at = opening.at.astimezone(zone())
    here = desk_card.when(at, now.astimezone(zone()))
    if opening.local.replace(tzinfo=None) == at.replace(tzinfo=None):
        return here
    return say("{here} ({there} there)", here=here, there=desk_card.clock(opening.local))
