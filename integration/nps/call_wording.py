"""The agency's own words for a call: parts with places in braces, as letters have them (product.md W8, W13, W20).

The question with its scale is no part: it is the same for everybody and in every year. Whatever is worded, the person
hears who is calling, and which service and which people are meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from typing import Literal, TypeAlias

from .questionnaire import clean_text
from .wording import PlaceKind, broken, filled, flat, markup_in, named_places

Parts: TypeAlias = Mapping[str, str]

#: In the order in which they are said; all but ``about`` must have words.
PARTS = ("hello", "about", "comment", "thanks", "later", "mail", "refusal", "never", "colleague")
ALWAYS = ("hello", "about")  # what everybody hears who is asked
MAX_PART = 700  # characters: nobody listens longer
PLACES: Mapping[str, PlaceKind] = {
    "first_name": "fact", "person": "fact", "service": "fact", "team": "fact", "agency": "fact", "speaker": "fact",
    "head_name": "fact", "greeting": "sentence", "judged": "sentence", "reader": "sentence",
}  # fmt: skip
_UNKNOWN_TO = {"colleague": ("first_name", "greeting")}  # whoever else picks up is not greeted as the client


@dataclass(frozen=True, slots=True)
class PartProblem:
    """What is wrong with a part: a code for the catalogue, and what its words need."""

    part: str
    code: Literal[
        "empty",
        "too_long",
        "unknown_place",
        "wrong_place",
        "broken_brace",
        "markup",
        "unheard",
        "unnamed",
        "question",
    ]
    params: Mapping[str, str | int] = default(default_factory=dict)


def cleaned(parts: Parts) -> dict[str, str]:
    """The parts as they are kept: every one of them, each in one line, no control characters."""
    return {name: flat(clean_text(parts.get(name, ""))) for name in PARTS}


def problems(parts: Parts) -> list[PartProblem]:
    """Why cleaned parts cannot be used; empty: they can."""
    found = [problem for name in PARTS for problem in _of_part(name, parts[name])]
    named = {place for name in ALWAYS for place in named_places(parts[name])}
    if not {"greeting", "agency"} & set(named_places(parts["hello"])):
        found.append(PartProblem("hello", "unnamed"))
    if "judged" not in named and not {"service", "team"} <= named:
        found.append(PartProblem("about", "unheard"))
    return found


def _of_part(name: str, text: str) -> Iterator[PartProblem]:
    if not text and name != "about":
        yield PartProblem(name, "empty")
    if len(text) > MAX_PART:
        yield PartProblem(name, "too_long", {"most": MAX_PART, "length": len(text)})
    for place in named_places(text):
        if place == "question":
            yield PartProblem(name, "question")
        elif place not in PLACES:
            yield PartProblem(name, "unknown_place", {"place": place})
        elif place in _UNKNOWN_TO.get(name, ()):
            yield PartProblem(name, "wrong_place", {"place": place})
    if broken(text):
        yield PartProblem(name, "broken_brace")
    if tag := markup_in(text):
        yield PartProblem(name, "markup", {"tag": tag})


def said(parts: Parts, values: Mapping[str, str]) -> dict[str, str]:
    """The parts with their places filled; sentences that would hold a hole are left out.

    ``values``: every place by name, empty if unknown. A part of which nothing remains is empty, and so is a greeting
    that would not name the agency: whoever asks says the standard words instead. A known service, or known people, that
    would not be heard because their sentence fell out are named by the ready sentence (W20).
    """
    told = {name: filled(parts[name], values) for name in PARTS}
    if flat(values["agency"]) not in told["hello"]:
        told["hello"] = ""
    heard = " ".join(told[name] for name in ALWAYS)
    if any(flat(values[name]) and flat(values[name]) not in heard for name in ("service", "team")):
        told["about"] = flat(values["judged"])
    return told


def to_text(parts: Parts) -> str:
    """The parts as one text for the store; equal parts are equal texts."""
    return json.dumps({name: parts[name] for name in PARTS}, ensure_ascii=False)


def from_text(text: str) -> dict[str, str]:
    """The parts of a stored text; a part it lacks is empty. Raises `ValueError` if it is none."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no parts")
    return {name: str(found.get(name, "")) for name in PARTS}
