"""The client in a caller's hands, in words: who, the time there, earlier calls, outcomes (product.md W7, W8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from integration import i18n
from integration.i18n import mark
from integration.services.calling.types import CardShown, EarlierCall, QuickTime, Script
from integration.services.questions import Field
from integration.web.card_words import OUTCOMES as ENDS
from integration.web.card_words import ROLES
from integration.web.pages import day_text, language, moment_text, say

OUTCOMES = {
    "answered": mark("gave a score"), "refused": mark("does not want to answer"), "not_now": mark("no time now"),
    "call_back": mark("asked to be called back"), "no_answer": mark("no answer"), "busy": mark("line busy"),
    "wrong_number": mark("wrong number"), "out_of_service": mark("out of service"),
    "asks_email": mark("wants it by e-mail"), "never": mark("never wants to be asked again"),
}  # fmt: skip
LETTERS = {
    "no_answer": "Q", "busy": "W", "out_of_service": "E", "wrong_number": "R",
    "not_now": "S", "asks_email": "D", "refused": "F", "never": "G",
}  # fmt: skip
MISSED = ("no_answer", "busy", "out_of_service", "wrong_number")
REACHED = ("not_now", "asks_email", "refused", "never")
LABELS = {
    "no_answer": mark("No answer"), "busy": mark("Busy"), "out_of_service": mark("Out of service"),
    "wrong_number": mark("Wrong number"), "not_now": mark("No time now"), "asks_email": mark("By e-mail, please"),
    "refused": mark("Does not want to"), "never": mark("Never again"),
}  # fmt: skip
QUICK_KEYS = ("J", "K", "H")
CASES = {
    "later": mark("No time now"), "mail": mark("By e-mail, please"), "refusal": mark("Does not want to"),
    "never": mark("Never again"), "colleague": mark("Somebody else answers the phone"), "thanks": mark("At the end"),
}  # fmt: skip
FIELD_TIME = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class Button:
    """One outcome as a button: its label, its key, the value it posts; `sure` is asked first."""

    label: str
    key: str
    code: str
    value: str
    title: str = ""
    tone: str = ""
    sure: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the wording; `main` is the question itself."""

    text: str
    main: bool = False


@dataclass(frozen=True, slots=True)
class ScriptTold:
    """The wording in one language: what is read out, and what is said in special cases."""

    language: str
    name: str
    lines: tuple[Line, ...]
    cases: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier call in words."""

    when: str
    what: str
    who: str
    note: str


@dataclass(frozen=True, slots=True)
class Phone:
    """A number as people write it, and as it is dialled."""

    shown: str
    dial: str


@dataclass(frozen=True, slots=True)
class CardTold:
    """The client in words. `gone`: why the call is not needed any more; `least`: the first moment that a field for date
    and time takes, on the client's clock."""

    key: str
    client: str
    card: tuple[str, int]
    person: str
    role: str
    wave: str
    phones: tuple[Phone, ...]
    promised: str
    time: str
    place: str
    until: str
    note: str
    facts: tuple[tuple[str, str], ...]
    attempts: tuple[Past, ...]
    scripts: tuple[ScriptTold, ...]
    spoken: str
    wording: str
    scale: tuple[str, str] | None
    missed: tuple[Button, ...]
    reached: tuple[Button, ...]
    quick: tuple[Button, ...]
    least: str
    hours: str
    gone: str
    questions: tuple[Field, ...]


def told(card: CardShown, now: datetime) -> CardTold:
    """The client in words of this request's language."""
    here = card.local_time
    mine = card.scripts.get(card.language)
    return CardTold(
        key=card.key, client=card.client, card=(card.client_kind, card.client_id), wave=card.wave,
        person=card.person or say("Name not known"),
        role=say(ROLES[card.role]) if card.role in ROLES else "",
        phones=(Phone(card.phone or card.tel, card.tel or card.phone),) if card.phone or card.tel else (),
        promised=_promised(card), time=clock(here), place=_place(card), until=_until(card), note=_note(card),
        facts=_facts(card),
        attempts=tuple(_past(one, here) for one in reversed(card.earlier)), scripts=_scripts(card),
        spoken=card.language, wording=card.wording,
        scale=(mine.low, mine.high) if mine and mine.low and mine.high else None,
        missed=tuple(_outcome(code, card) for code in MISSED), reached=tuple(_outcome(code, card) for code in REACHED),
        quick=tuple(_quick(one, number, here) for number, one in enumerate(card.quick[: len(QUICK_KEYS)])),
        least=(here + timedelta(minutes=1)).strftime(FIELD_TIME), hours=_hours(card),
        gone=_gone(card), questions=card.questions,
    )  # fmt: skip


def clock(local: datetime) -> str:
    """Hours and minutes."""
    return f"{local:%H:%M}"


def when(local: datetime, here: datetime) -> str:
    """A moment as people say it on the day that is in `here`; both are on the same clock."""
    days = (local.date() - here.date()).days
    if days == 0:
        return say("today at {time}", time=clock(local))
    if days == 1:
        return say("tomorrow at {time}", time=clock(local))
    if days == -1:
        return say("yesterday at {time}", time=clock(local))
    return say("{day} at {time}", day=day_text(local.date()), time=clock(local))


def _promised(card: CardShown) -> str:
    if card.promised_local is None:
        return ""
    return say("Asked to be called {when}", when=when(card.promised_local, card.local_time))


def _place(card: CardShown) -> str:
    """The city is that of the card, the country that of the number: people move, and keep their numbers."""
    country = i18n.locale(language()).territories.get(card.country, "")
    number = say("number: {country}", country=country) if country else ""
    return " · ".join(part for part in (card.city, number) if part)


def _facts(card: CardShown) -> tuple[tuple[str, str], ...]:
    rows = [(say("This call"), say("{number} of {most}", number=card.number, most=card.most))]
    address = card.email + (f" ({say('shared mailbox')})" if card.email and card.shared else "")
    rows.append((say("E-mail"), address or say("none in the card")))
    if card.held is not None:
        held = say(
            "{score} of 10, {when}; not confirmed yet", score=card.held.score, when=moment_text(card.held.at)
        )
        rows.append((say("Answer by letter"), held))
    return tuple(rows)


def _gone(card: CardShown) -> str:
    """Why the call is not needed any more."""
    if not card.outcome:
        return ""
    return say(ENDS[card.outcome]) if card.outcome in ENDS else say("the survey has ended for this person")


def _until(card: CardShown) -> str:
    if card.until is None or card.local_time.tzinfo is None:
        return ""
    return say("calls until {time}", time=clock(card.until.astimezone(card.local_time.tzinfo)))


def _note(card: CardShown) -> str:
    """The last thing a caller wanted the next one to know."""
    return next((one.note for one in reversed(card.earlier) if one.note), "")


def _past(one: EarlierCall, here: datetime) -> Past:
    what = say(OUTCOMES[one.outcome]) if one.outcome in OUTCOMES else one.outcome
    if one.call_back_local is not None:
        what = f"{what}: {when(one.call_back_local, here)}"
    return Past(when(one.local, here), what, say("you") if one.mine else one.caller, one.note)


def _scripts(card: CardShown) -> tuple[ScriptTold, ...]:
    own = [card.language, *(code for code in card.scripts if code != card.language)]
    return tuple(script_told(card.scripts[code]) for code in own if code in card.scripts)


def script_told(script: Script) -> ScriptTold:
    """The wording in one language, in the order in which it is said."""
    lines = (
        Line(script.hello), Line(script.question, main=True), Line(script.about), Line(script.comment),
    )  # fmt: skip
    cases = tuple((say(label), getattr(script, name)) for name, label in CASES.items())
    return ScriptTold(
        script.language, i18n.NAMES.get(script.language, script.language),
        tuple(line for line in lines if line.text), tuple(case for case in cases if case[1]),
    )  # fmt: skip


def _outcome(code: str, card: CardShown) -> Button:
    title = {
        "not_now": say("asked again later"),
        "asks_email": say("a letter leaves now") if card.email else say("no e-mail in the card"),
        "wrong_number": say("no more calls"),
        "refused": say("not asked in this survey"),
        "never": say("not asked in any survey"),
    }.get(code, "")
    sure = say("Never ask {person} again, in no survey?", person=card.person) if code == "never" else ""
    letter = LETTERS[code]
    tone = "danger" if code == "never" else ""
    return Button(say(LABELS[code]), letter, f"Key{letter}", f"save:{code}", title, tone, sure)


def _quick(one: QuickTime, number: int, here: datetime) -> Button:
    letter = QUICK_KEYS[number]
    said = when(one.local, here)
    label = (
        say("In an hour, {time}", time=clock(one.local))
        if one.code == "hour"
        else said[:1].upper() + said[1:]
    )
    return Button(label, letter, f"Key{letter}", f"later:{one.local.strftime(FIELD_TIME)}")


def _hours(card: CardShown) -> str:
    first, last = card.hours
    return say("Calls are made from {first}:00 to {last}:00 there, on working days.", first=first, last=last)
