"""How the page of a call's words speaks: names of parts and places, what is wrong with a part (product.md W8, W20)."""

from __future__ import annotations

from collections.abc import Sequence

from integration.i18n import mark
from integration.nps import call_wording as rules
from integration.nps.call_wording import PartProblem
from integration.web.pages import say
from integration.web.settings import letter_words

TITLE = mark("What callers say")
LINE = mark("Read out word for word at the desk, by your own callers and by a call centre")
PARTS = {
    "hello": mark("Greeting and what it is about"),
    "about": mark("Which service and which people"),
    "comment": mark("After the score"),
    "thanks": mark("At the end"),
    "later": mark("No time now"),
    "mail": mark("By e-mail, please"),
    "refusal": mark("Does not want to"),
    "never": mark("Never again"),
    "colleague": mark("Somebody else answers the phone"),
}
PLACES = {
    "person": mark("Name and surname"),
    "speaker": mark("Who calls"),
    "judged": mark("What and whom we ask about"),
}


def labels() -> dict[str, str]:
    """The parts by name, in the order in which they are said."""
    return {name: say(PARTS[name]) for name in rules.PARTS}


def places() -> list[dict[str, str]]:
    """The places with their names for people: facts first, then ready sentences."""
    found = [{"name": name, "label": place_name(name), "kind": kind} for name, kind in rules.PLACES.items()]
    return sorted(found, key=lambda place: place["kind"] != "fact")


def place_name(name: str) -> str:
    """What a place is called."""
    return say(PLACES[name]) if name in PLACES else letter_words.place_name(name)


def problems(found: Sequence[PartProblem]) -> dict[str, str]:
    """What is wrong, in words, by part."""
    told: dict[str, list[str]] = {}
    for problem in found:
        told.setdefault(problem.part, []).append(_words(problem))
    return {name: " ".join(dict.fromkeys(lines)) for name, lines in told.items()}


def _words(problem: PartProblem) -> str:
    place = _place(str(problem.params.get("place", "")))
    match problem.code:
        case "empty":
            return say("Here the caller needs words.")
        case "too_long":
            return say("At most {most} characters, please: these are {length}.", **problem.params)
        case "unknown_place":
            return say(
                "Molva does not know {place}. Use the buttons to insert what it can fill in.", place=place
            )
        case "wrong_place":
            return say("Whoever else answers the phone is not the client: leave {place} out.", place=place)
        case "question":
            return say("The question stands there by itself: leave {place} out.", place=place)
        case "broken_brace":
            return say(
                "A brace is left over: write a place like {example}, or no braces at all.", example="{agency}"
            )
        case "markup":
            return say(
                "Write plain words: {tag} would be shown to the caller as it stands.", **problem.params
            )
        case "unnamed":
            listed = ", ".join(_place(name) for name in ("greeting", "agency"))
            return say("Say who is calling: the greeting needs one of {places}.", places=listed)
        case _:
            both = say(
                "{service} and {team}", service=_place("service"), team=_place("team")
            )  # either names the service and the people
            return say(
                "The client must hear which service and which people are meant: insert {judged}, or {both}.",
                judged=_place("judged"), both=both,
            )  # fmt: skip


def _place(name: str) -> str:
    code = "{" + name + "}"
    return say("“{label} {code}”", label=place_name(name), code=code) if name in rules.PLACES else code
