"""Which cards the names of a list mean, and which of its rows stand in each other's way (product.md R4).

A card is taken only where exactly one fits exactly. Everything else becomes a choice for people: several cards of one
name, a name that is nearly the same, an address that two clients share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from .past_answers import fold
from .people import CardKey, ClientKey

MOST_CHOICES = 10
_FARTHEST = 1000  # links of a chain that are followed

_FORMS = frozenset(
    ("ооо", "оао", "зао", "пао", "ао", "ип", "нко", "ано", "тов", "тзов", "фоп", "пп", "ат", "прат", "пат", "llc",
     "ltd", "inc", "gmbh", "corp", "co", "limited", "llp", "plc", "sarl")
)  # fmt: skip
_WORD = re.compile(r"[^\W_]+")
_LETTERS = str.maketrans({"ё": "е", "ґ": "г", "’": "", "'": "", "`": ""})


def near_key(title: str) -> str:
    """A name without case, punctuation, legal form and order of words: what differs only so may be one client."""
    words = _WORD.findall(title.casefold().translate(_LETTERS))
    kept = [word for word in words if word not in _FORMS] or words
    return " ".join(sorted(kept))


@dataclass(slots=True)
class Titles:
    """Living companies and contacts by their names."""

    exact: dict[str, list[ClientKey]] = field(default_factory=dict)
    near: dict[str, list[ClientKey]] = field(default_factory=dict)

    @classmethod
    def of(cls, named: Iterable[tuple[ClientKey, str]]) -> Titles:
        """The book of these names."""
        made = cls()
        for key, title in named:
            if title.strip():
                made.exact.setdefault(fold(title), []).append(key)
                made.near.setdefault(near_key(title), []).append(key)
        return made


Status = Literal["found", "many", "shared", "similar", "twins", "unknown"]


@dataclass(frozen=True, slots=True)
class Match:
    """Which card a name means. ``many``: several fit; ``shared``: several have this address; ``similar``: none exactly,
    these nearly; ``twins``: one fits, and another card looks like the same client; ``unknown``: none at all."""

    status: Status
    card: CardKey | None = None
    choices: tuple[CardKey, ...] = ()


def by_title(title: str, titles: Titles, homes: Mapping[ClientKey, ClientKey]) -> Match:
    """The card of a title. ``homes``: the client each contact belongs to: a company and its own contact person of the
    same name are one client, and the company is meant."""
    exact = titles.exact.get(fold(title), [])
    near = titles.near.get(near_key(title), [])
    if len(exact) == 1:
        others = [key for key in near if key not in exact and _home(key, homes) != _home(exact[0], homes)]
        return _twins(exact[0], others) if others else Match("found", _card(exact[0]))
    if exact:
        return by_address(exact, homes)
    return Match("similar", None, _cards(near)) if near else Match("unknown")


def by_address(found: Sequence[ClientKey], homes: Mapping[ClientKey, ClientKey]) -> Match:
    """The card of an e-mail or phone that stands on ``found``; a company and its own people are one client."""
    clients = dict.fromkeys(_home(key, homes) for key in found)
    if not clients:
        return Match("unknown")
    if len(clients) > 1:
        return Match("many", None, _cards(found))
    client = next(iter(clients))
    return Match("found", _card(client if len(found) > 1 or client in found else found[0]))


def _twins(one: ClientKey, others: Sequence[ClientKey]) -> Match:
    return Match("twins", None, _cards([one, *others]))


def _home(key: ClientKey, homes: Mapping[ClientKey, ClientKey]) -> ClientKey:
    return homes.get(key, key)


def _card(key: ClientKey) -> CardKey:
    return CardKey(key.kind, key.id)


def _cards(keys: Iterable[ClientKey]) -> tuple[CardKey, ...]:
    return tuple(_card(key) for key in sorted(set(keys)))[:MOST_CHOICES]


# --- rows beside each other


@dataclass(frozen=True, slots=True)
class Line:
    """A row whose cards are known: the newcomer, the client that counts as its referrer, what is claimed since when."""

    number: int
    newcomer: CardKey
    referrer: ClientKey | None
    source: str
    day: date


@dataclass(frozen=True, slots=True)
class Clash:
    """Why a row gives way: ``again`` says what row ``other`` says, ``twice`` contradicts it, ``cycle`` closes a
    circle."""

    code: Literal["again", "twice", "cycle"]
    other: int = 0
    chain: tuple[ClientKey, ...] = ()


def clashes(lines: Iterable[Line], above: Mapping[ClientKey, ClientKey]) -> dict[int, Clash]:
    """Rows that cannot be taken beside the others: of two claims for one client the first dated counts, and of the
    claims that make a circle the latest falls (product.md R4). ``above``: who brought whom, as it stands already."""
    found: dict[int, Clash] = {}
    first: dict[CardKey, Line] = {}
    brought = dict(above)
    for line in sorted(lines, key=lambda one: (one.day, one.number)):
        before = first.get(line.newcomer)
        if before is not None:
            same = (before.referrer, before.source) == (line.referrer, line.source)
            found[line.number] = Clash("again" if same else "twice", before.number)
            continue
        if line.referrer is not None and line.newcomer.kind in ("company", "contact"):
            newcomer = ClientKey(line.newcomer.kind, line.newcomer.id)
            if chain := _circle(newcomer, line.referrer, brought):
                found[line.number] = Clash("cycle", chain=chain)
                continue
            brought[newcomer] = line.referrer
        first[line.newcomer] = line
    return found


def _circle(
    newcomer: ClientKey, referrer: ClientKey, above: Mapping[ClientKey, ClientKey]
) -> tuple[ClientKey, ...]:
    """The chain from the referrer up to the newcomer; empty if it does not lead there."""
    chain = [referrer]
    known = {referrer}
    while chain[-1] != newcomer and len(chain) < _FARTHEST:
        following = above.get(chain[-1])
        if following is None or following in known:
            return ()
        chain.append(following)
        known.add(following)
    return tuple(chain) if chain[-1] == newcomer else ()
