"""The agency's own words in a letter: plain text with a closed list of places in braces (product.md W5, W13, W20).

A text is paragraphs, divided by blank lines. A place is ``{client}``: a fact of the letter, a phrase, or a whole
sentence that suits the recipient. A sentence whose fact is unknown is left out, so nobody reads ``Hello , ``.
The question with its scale is no text: it stands at ``{question}``, a paragraph of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from typing import Literal, get_args

from .intents import LetterKind
from .questionnaire import clean_text

PlaceKind = Literal["fact", "phrase", "sentence"]

EDITABLE: tuple[LetterKind, ...] = tuple(kind for kind in get_args(LetterKind) if kind != "test")
ASKING: tuple[LetterKind, ...] = (
    "invitation",
    "reminder",
    "last_reminder",
    "project_invitation",
    "project_reminder",
)
QUESTION = "question"
MAX_SUBJECT = 150
MAX_BODY = 4000

_COMMON = {
    "first_name": "fact", "client": "fact", "service": "fact", "team": "fact", "agency": "fact",
    "sender_name": "fact", "sender_position": "fact", "head_name": "fact", "greeting": "sentence",
    "reader": "sentence",
}  # fmt: skip
_ASKING = {
    "closing_day": "fact",
    "judged": "sentence",
    "how": "sentence",
    "later": "sentence",
    "reply": "sentence",
}
_OWN: Mapping[str, Mapping[str, str]] = {
    "announcement": {
        "mailing_day": "fact", "closing_day": "fact", "call_or_write": "phrase", "about": "sentence",
    },
    "invitation": {**_ASKING, "promised": "sentence"},
    "reminder": _ASKING,
    "last_reminder": _ASKING,
    "project_invitation": _ASKING,
    "project_reminder": _ASKING,
    "thanks_detractor": {"say_more": "sentence"},
}  # fmt: skip
# Of each group a text must name at least one: the day is promised, the judged are named (W5, W20).
_NEEDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "announcement": (("mailing_day",), ("about", "service", "team")),
    **dict.fromkeys(ASKING, (("judged", "service", "team"),)),
}

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z_0-9]*)\}")
_SLOT = re.compile(
    r"(?P<quoted>«\{(?P<a>\w+)\}»|“\{(?P<b>\w+)\}”|„\{(?P<c>\w+)\}[“”]|\"\{(?P<d>\w+)\}\")|\{(?P<bare>\w+)\}"
)
_BREAK = re.compile(r"(?<=[.!?…])[»”“\"’)]*\s+(?=[^\W\d_a-zа-яёіїєґ]|[\d{«“„\"(—–])")
_INITIAL = re.compile(r"(?:^|[\s«(“„\"])[A-ZА-ЯЁІЇЄҐ]\.$")
_TAG = re.compile(r"</?[A-Za-z!][^<>]*>")
_QUOTES = frozenset('«»"„“”')


@dataclass(frozen=True, slots=True)
class OwnText:
    """The words of one letter in one language. ``body`` has ``{question}`` where the letter asks."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class TextProblem:
    """What is wrong with a text: the field, a code for the catalogue, and what its words need."""

    field: Literal["subject", "body"]
    code: Literal[
        "empty", "too_long", "unknown_place", "wrong_place", "not_in_subject", "broken_brace", "markup",
        "needs", "one_question",
    ]  # fmt: skip
    params: Mapping[str, str | int] = default(default_factory=dict)


def places(letter: str) -> dict[str, PlaceKind]:
    """The places a letter may name, in the order they are offered; ``{question}`` is not among them."""
    found: dict[str, PlaceKind] = {}
    for name, kind in {**_COMMON, **_OWN.get(letter, {})}.items():
        found[name] = "fact" if kind == "fact" else "phrase" if kind == "phrase" else "sentence"
    return found


def needed(letter: str) -> tuple[tuple[str, ...], ...]:
    """Groups of places; a text names at least one of each."""
    return _NEEDED.get(letter, ())


def cleaned(text: OwnText) -> OwnText:
    """The text as it is kept: normalised, no control characters, one line of subject, paragraphs tidied."""
    lines = [" ".join(line.split()) for line in clean_text(text.body).split("\n")]
    return OwnText(flat(clean_text(text.subject)), "\n".join(lines).strip())


def parted(body: str) -> tuple[str, str]:
    """What stands before the question and what after it; all of it before, where nothing is asked."""
    before, _, after = body.partition("{" + QUESTION + "}")
    return before.strip(), after.strip()


def joined(before: str, after: str) -> str:
    """The body of a letter that asks, made of its two parts."""
    return "\n\n".join(part for part in (before.strip(), "{" + QUESTION + "}", after.strip()) if part)


def problems(letter: LetterKind, text: OwnText) -> list[TextProblem]:
    """Why a cleaned text cannot be used; empty: it can. One problem per place and field, in reading order."""
    known = places(letter)
    return [*_of_subject(text.subject, known), *_of_body(letter, text.body, known)]


def filled(text: str, values: Mapping[str, str]) -> str:
    """A subject or a part of a body with its places filled; plain, never escaped.

    Sentences that would hold a hole are left out, and with them lines and paragraphs that become empty. No
    value adds a line or a place. ``values``: every place by name, empty if unknown; raises KeyError for a place
    without a value.
    """
    paragraphs = ("\n".join(_lines(paragraph, values)) for paragraph in re.split(r"\n{2,}", text))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _of_subject(subject: str, known: Mapping[str, PlaceKind]) -> Iterator[TextProblem]:
    if not subject:
        yield TextProblem("subject", "empty")
    if len(subject) > MAX_SUBJECT:
        yield TextProblem("subject", "too_long", {"most": MAX_SUBJECT, "length": len(subject)})
    yield from _of_places("subject", subject, known)
    for name in named_places(subject):
        if known.get(name, "fact") != "fact":
            yield TextProblem("subject", "not_in_subject", {"place": name})


def _of_body(letter: LetterKind, body: str, known: Mapping[str, PlaceKind]) -> Iterator[TextProblem]:
    mark = "{" + QUESTION + "}"
    if not body.replace(mark, "").strip():
        yield TextProblem("body", "empty")
    if len(body) > MAX_BODY:
        yield TextProblem("body", "too_long", {"most": MAX_BODY, "length": len(body)})
    asks = letter in ASKING
    if body.count(mark) != asks or (asks and mark not in re.split(r"\n{2,}", body)):
        yield TextProblem("body", "one_question")
    yield from _of_places("body", body.replace(mark, ""), known)
    names = set(named_places(body))
    for group in needed(letter) if body.replace(mark, "").strip() else ():
        if not names & set(group):
            yield TextProblem("body", "needs", {"places": " ".join(group)})


def _of_places(
    where: Literal["subject", "body"], text: str, known: Mapping[str, PlaceKind]
) -> Iterator[TextProblem]:
    everything = {QUESTION, *(name for kind in EDITABLE for name in places(kind))}
    for name in named_places(text):
        if name not in known:
            code: Literal["wrong_place", "unknown_place"] = (
                "wrong_place" if name in everything else "unknown_place"
            )
            yield TextProblem(where, code, {"place": name})
    if broken(text):
        yield TextProblem(where, "broken_brace")
    if tag := markup_in(text):
        yield TextProblem(where, "markup", {"tag": tag})


def broken(text: str) -> bool:
    """Whether a brace stands alone, so that no place can be meant."""
    return bool(re.search(r"[{}]", _PLACE.sub("", text)))


def named_places(text: str) -> list[str]:
    """The places a text names, each once, in reading order."""
    return list(dict.fromkeys(_PLACE.findall(text)))


def markup_in(text: str) -> str:
    """The first tag of a text, cut to what a message shows; empty if there is none."""
    found = _TAG.search(text)
    return found[0][:40] if found else ""


def _lines(paragraph: str, values: Mapping[str, str]) -> Iterator[str]:
    for line in paragraph.split("\n"):
        if written := " ".join(_sentences(line, values)):
            yield written


def _sentences(line: str, values: Mapping[str, str]) -> Iterator[str]:
    """The sentences of one line that have all they need."""
    for sentence in _split(line):
        if all(flat(values[name]) for name in named_places(sentence)):
            yield _SLOT.sub(lambda slot: _value(slot, values), sentence)


def _split(line: str) -> Iterable[str]:
    """Sentences as people end them; a sentence may begin with places that are whole ones. An initial ends nothing."""
    found: list[str] = []
    start = 0
    for end in _BREAK.finditer(line):
        if not _INITIAL.search(line[: end.start()]):
            found.append(line[start : end.end()])
            start = end.end()
    found.append(line[start:])
    parts: list[str] = []
    for piece in found:
        while leading := _WHOLE.match(piece):
            parts.append(leading[1])
            piece = piece[leading.end() :]
        parts.append(piece.strip())
    return [part for part in parts if part]


def _value(slot: re.Match[str], values: Mapping[str, str]) -> str:
    """The value; quotation marks around the place give way to those that a name brings along."""
    name = slot["bare"] or slot["a"] or slot["b"] or slot["c"] or slot["d"]
    value = flat(values[name])
    if slot["quoted"] and not _QUOTES & set(value):
        return slot[0][0] + value + slot[0][-1]
    return value


def flat(value: str) -> str:
    """A value as a place takes it: one line without control, direction and unpaired characters."""
    spaced = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in value)
    return " ".join(
        "".join(
            c for c in spaced if unicodedata.category(c) not in ("Cf", "Cs") or c in "\u200c\u200d"
        ).split()
    )


_SENTENCES = sorted({name for kind in EDITABLE for name, what in places(kind).items() if what == "sentence"})
_WHOLE = re.compile(r"\s*(\{(?:" + "|".join(_SENTENCES) + r")\})(?=\s|$)")
