"""Finding whoever recommended: by name, phone or e-mail, among the cards this person may see (product.md R3, P2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from integration.bitrix.call import Call, rows_at
from integration.bitrix.calls import item_list
from integration.bitrix.errors import AccessLost, BitrixError, TokenExpired
from integration.bitrix.todos import find_by_address, named_like
from integration.logs import log
from integration.nps.addresses import email_key, phone_key
from integration.nps.people import ClientKey
from integration.nps.referral_guards import Addresses
from integration.services import viewer_token
from integration.services.deps import Deps, Rest
from integration.services.frames import Viewer
from integration.services.referral_chores import addresses_of

LEAST = 2  # characters
MOST = 12  # choices shown
_WORDS = 4
_LONGEST = 100
Problem = Literal["", "short", "reopen", "unreachable"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A card that fits. `line`: what tells it from others of the same name; `twin`: the number of another card found
    that is probably the same client, 0: none."""

    card: ClientKey
    name: str
    line: str
    twin: int = 0
    own: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a search brought. `more`: others fit as well. `problem`: `short` query, `reopen` the card (the person's
    token has run out), `unreachable` portal."""

    query: str
    candidates: tuple[Candidate, ...] = ()
    more: bool = False
    problem: Problem = ""


def search(deps: Deps, who: Viewer, query: str) -> Found:
    """Companies and contacts that fit, as the portal shows them to this person; nothing is guessed.

    At most two requests with the person's own token.
    """
    wanted = " ".join(query.split())[:_LONGEST]
    if len(wanted) < LEAST:
        return Found(wanted, problem="short")
    rest = viewer_token.rest_of(deps, who)
    if rest is None:
        return Found(wanted, problem="reopen")
    try:
        items = _by_address(rest, wanted) if _is_address(wanted) else _by_name(rest, wanted)
    except BitrixError as error:
        log(__name__).info("referral.search_failed", portal=who.portal_id, code=error.code)
        return Found(
            wanted, problem="reopen" if isinstance(error, TokenExpired | AccessLost) else "unreachable"
        )
    return _found(wanted, items)


def _is_address(wanted: str) -> bool:
    digits = sum(one.isdigit() for one in wanted)
    letters = sum(one.isalpha() for one in wanted)
    return "@" in wanted or (digits >= 6 and not letters)


def _by_name(rest: Rest, wanted: str) -> dict[str, list[Mapping[str, Any]]]:
    words = wanted.split()[:_WORDS]
    people: dict[str, Any] = {
        str(number): {"logic": "OR", "%name": word, "%lastName": word, "%secondName": word}
        for number, word in enumerate(words)
    }
    got = rest.batch(
        {
            "company": named_like("company", {"%title": wanted}, ["*"]),
            "contact": named_like("contact", people, ["*"]),
        }
    )
    return _items(got)


def _by_address(rest: Rest, wanted: str) -> dict[str, list[Mapping[str, Any]]]:
    if "@" in wanted:
        found = rest.batch({"ids": find_by_address("EMAIL", [wanted])})
    else:
        found = rest.batch({"ids": find_by_address("PHONE", spellings(wanted))})
    result = _result(found, "ids")
    ids = result if isinstance(result, dict) else {}
    reads: dict[str, Call] = {}
    for kind in ("company", "contact"):
        numbers = [int(one) for one in ids.get(kind.upper()) or () if str(one).isdigit()]
        if numbers:
            reads[kind] = item_list(kind, ["*"], filter={"@id": numbers})
    return _items(rest.batch(reads)) if reads else {}


def spellings(wanted: str) -> list[str]:
    """The number as typed, its digits, and with the prefixes 8 and +7 that cards mix."""
    digits = "".join(one for one in wanted if one.isdigit())
    many = [wanted, digits, f"+{digits}"]
    if len(digits) == 11 and digits[0] in "78":
        many += [f"8{digits[1:]}", f"+7{digits[1:]}"]
    return list(dict.fromkeys(many))


def _result(got: Any, key: str) -> Any:
    if key in got.errors:
        raise got.errors[key]
    return got.answers[key].result if key in got.answers else None


def _items(got: Any) -> dict[str, list[Mapping[str, Any]]]:
    keys = [*got.answers, *got.errors]
    return {key: list(rows_at(_result(got, key), "items")) for key in keys}


def _found(wanted: str, items: Mapping[str, Sequence[Mapping[str, Any]]]) -> Found:
    many = [
        (candidate_of(kind, item), addresses_of(item))
        for kind in ("company", "contact")
        for item in items.get(kind, ())
    ]
    folded = wanted.casefold()
    many.sort(
        key=lambda one: (not one[0].name.casefold().startswith(folded), one[0].name.casefold(), one[0].card)
    )
    shown = many[:MOST]
    return Found(wanted, tuple(_with_twin(one, shown) for one in shown), len(many) > MOST)


def candidate_of(kind: str, item: Mapping[str, Any]) -> Candidate:
    """A card as a choice: its name and what else tells it apart."""
    mine = addresses_of(item)
    reach = next(iter((*mine.phones, *mine.emails)), "")
    if kind == "company":
        name = str(item.get("title") or "").strip()
        parts = [reach]
        return Candidate(
            ClientKey("company", int(item["id"])), name, " · ".join(p for p in parts if p), own=_own(item)
        )
    name = " ".join(str(item.get(part) or "").strip() for part in ("name", "lastName")).strip()
    parts = [str(item.get("post") or "").strip(), reach]
    return Candidate(ClientKey("contact", int(item["id"])), name, " · ".join(p for p in parts if p))


def _own(item: Mapping[str, Any]) -> bool:
    return item.get("isMyCompany") in ("Y", True)


def _with_twin(one: tuple[Candidate, Addresses], many: Sequence[tuple[Candidate, Addresses]]) -> Candidate:
    """Two cards of a kind with a common e-mail or phone are probably one client: it is said, and people choose."""
    card, mine = one
    reach = _reach(mine)
    twin = next(
        (
            other.card.id
            for other, theirs in many
            if other.card != card.card and other.card.kind == card.card.kind and reach & _reach(theirs)
        ),
        0,
    )
    return Candidate(card.card, card.name, card.line, twin, card.own)


def _reach(addresses: Addresses) -> set[str]:
    found = {email_key(one) for one in addresses.emails} | {phone_key(one) for one in addresses.phones}
    return found - {""}
