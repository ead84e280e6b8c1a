"""How the letters' pages speak: names of letters and places, problems at their fields, what became of a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integration.i18n import mark
from integration.nps import wording
from integration.nps.intents import LetterKind
from integration.nps.letters import LetterProblem
from integration.nps.wording import TextProblem
from integration.services.letter_tests import NotSent
from integration.web.pages import say

OF_PROJECTS: tuple[LetterKind, ...] = ("project_invitation", "project_reminder")
SENT: tuple[LetterKind, ...] = ("announcement", "invitation", "reminder", "last_reminder")
GROUPS: tuple[tuple[str, str, tuple[LetterKind, ...]], ...] = (
    (
        mark("Letters of the survey"),
        mark("They leave by themselves once somebody has approved the survey."),
        SENT,
    ),
    (
        mark("Letters after a project"),
        mark("They leave by themselves while surveys after a project are on."),
        OF_PROJECTS,
    ),
    (
        mark("Thanks after an answer"),
        mark("One to each person who answered, some hours later, while thanks are on in “When and how”."),
        ("thanks_promoter", "thanks_passive", "thanks_detractor", "thanks_phone"),
    ),
)  # fmt: skip
_LETTERS: dict[LetterKind, tuple[str, str]] = {
    "announcement": (mark("Announcement"), mark("Two weeks ahead, from the head of the agency: what comes and why")),
    "invitation": (mark("The question"), mark("The letter with the scale from 0 to 10, signed for the branch")),
    "reminder": (mark("Reminder"), mark("A few days later, only to those who have not answered")),
    "last_reminder": (mark("Last reminder"), mark("Shortly before the results, only to those who have not answered")),
    "project_invitation": (mark("Question about a project"), mark("After the project, with the scale from 0 to 10")),
    "project_reminder": (mark("Reminder about a project"), mark("Once, only to those who have not answered")),
    "thanks_promoter": (mark("Thanks to promoters"), mark("After a 9 or a 10")),
    "thanks_passive": (mark("Thanks to passives"), mark("After a 7 or an 8")),
    "thanks_detractor": (mark("Thanks to detractors"), mark("After a score from 0 to 6")),
    "thanks_phone": (mark("Thanks for a call"), mark("From the head of the agency to everyone who answered by phone")),
}  # fmt: skip
_PLACES = {
    "first_name": mark("First name"),
    "client": mark("Client"),
    "service": mark("Service"),
    "team": mark("Who works for the client"),
    "agency": mark("Agency"),
    "sender_name": mark("Who signs"),
    "sender_position": mark("Their position"),
    "head_name": mark("Head of the agency"),
    "mailing_day": mark("Day of the question"),
    "closing_day": mark("Day of the results"),
    "greeting": mark("Greeting"),
    "about": mark("What and whom we ask about"),
    "judged": mark("What and whom we ask about"),
    "reader": mark("Who reads the answers"),
    "how": mark("How to answer"),
    "later": mark("Not now or never"),
    "reply": mark("Reply or call"),
    "call_or_write": mark("We call or write"),
    "promised": mark("The promised question"),
    "say_more": mark("Tell us more"),
    "question": mark("The question and its eleven buttons"),
}
FIELDS = {
    "subject": mark("Subject"),
    "before": mark("Words of the letter"),
    "after": mark("Words after the question"),
}


def labels() -> dict[str, str]:
    """The fields of the form by name."""
    return {name: say(label) for name, label in FIELDS.items()}


def about(letter: LetterKind) -> dict[str, Any]:
    """Name and purpose of a letter."""
    name, line = _LETTERS[letter]
    return {"title": say(name), "line": say(line)}


def places(letter: LetterKind) -> list[dict[str, str]]:
    """The places of a letter with their names for people: facts first, then ready phrases."""
    found = [
        {"name": name, "label": say(_PLACES[name]), "kind": kind}
        for name, kind in wording.places(letter).items()
    ]
    return sorted(found, key=lambda place: place["kind"] != "fact")


def problems(letter: LetterKind, found: Sequence[TextProblem], form: dict[str, Any]) -> dict[str, str]:
    """What is wrong, in words, by field of the form."""
    told: dict[str, list[str]] = {}
    for problem in found:
        told.setdefault(_field(problem, form), []).append(_words(letter, problem))
    return {name: " ".join(dict.fromkeys(lines)) for name, lines in told.items()}


def test_refused(refused: NotSent) -> str:
    """Why no test letter was sent."""
    match refused.code:
        case "no_sender":
            return say("Nobody can sign this letter yet. Fill in who signs first.")
        case "no_address":
            return say("Enter the address the letter should go to.")
        case "not_staff":
            return say("Test letters go to people of your Bitrix24 only, and nobody there has this address.")
        case "too_many":
            return say(
                "{most} test letters have been sent within an hour. Please wait a little.",
                most=refused.detail,
            )
        case _:
            return say("The letter lacks something it needs: {what}", what=refused.detail)


def unsigned(problem: LetterProblem) -> str:
    """Why nobody can sign a letter, for whoever looks at it."""
    match problem.code:
        case "sender_serves_client":
            return say("Everyone who may sign serves this client. Name one more person who signs.")
        case "sender_unfit":
            return say(
                "The card of whoever signs is not complete: name, position, e-mail and phone are needed."
            )
        case _:
            return say("Nobody signs these letters yet. The name below is only a stand-in.")


def _field(problem: TextProblem, form: dict[str, Any]) -> str:
    """The field of the form a problem belongs to: the part of the letter in which its cause stands."""
    if problem.field == "subject":
        return "subject"
    place = problem.params.get("place")
    cause = f"{{{place}}}" if place else str(problem.params.get("tag", ""))
    if problem.code == "one_question":
        cause = "{question}"
    in_after = cause in form["after"] and cause not in form["before"] if cause else False
    if problem.code == "broken_brace":
        in_after = not wording.broken(form["before"]) and wording.broken(form["after"])
    return "after" if in_after else "before"


def _words(letter: LetterKind, problem: TextProblem) -> str:
    place = place_words(str(problem.params.get("place", "")))
    match problem.code:
        case "empty" if problem.field == "subject":
            return say("A letter needs a subject.")
        case "empty":
            return say("The letter has no words.")
        case "too_long":
            return say("At most {most} characters, please: these are {length}.", **problem.params)
        case "unknown_place":
            return say(
                "Molva does not know {place}. Use the buttons to insert what it can fill in.", place=place
            )
        case "wrong_place":
            return say("{place} has no meaning in this letter.", place=place)
        case "not_in_subject":
            return say("{place} is too long for a subject.", place=place)
        case "broken_brace":
            return say(
                "A brace is left over: write a place like {example}, or no braces at all.", example="{client}"
            )
        case "markup":
            return say(
                "Write plain words: {tag} would be shown to the client as it stands.", **problem.params
            )
        case "one_question" if letter in wording.ASKING:
            return say(
                "The question stands there by itself: leave {place} out.",
                place=place_words("question"),
            )
        case "one_question":
            return say("{place} has no meaning in this letter.", place=place_words("question"))
        case _:
            return _needs(str(problem.params["places"]).split())


def place_name(name: str) -> str:
    """What a place is called, its code if nobody named it."""
    return say(_PLACES[name]) if name in _PLACES else name


def place_words(name: str) -> str:
    """A place as people know it from its button, with the code that stands in the text: “Agency {agency}”."""
    code = "{" + name + "}"
    return say("“{label} {code}”", label=say(_PLACES[name]), code=code) if name in _PLACES else code


def _needs(names: list[str]) -> str:
    listed = ", ".join(place_words(name) for name in names)
    if names == ["mailing_day"]:
        return say("Say when the question will come: the letter needs {places}.", places=listed)
    return say("Say what the client is asked about: the letter needs one of {places}.", places=listed)
