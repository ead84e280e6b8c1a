"""The portal's own source "by recommendation": whether it is there, and the call that adds it (product.md R2).

Usually it is: portals come with one. It is known by its code alone; a source that only bears the same name is
somebody's own, and a second of that name would be confusion, so then nothing is added and a person chooses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from integration.bitrix.call import Call, Probe

DICTIONARY = "SOURCE"
LONGEST = 50  # characters of a source's code (bitrix24.md 7.6)
SourceState = Literal["ok", "missing", "alike", "not_wanted", "unknown"]


@dataclass(frozen=True)
class FoundSources:
    """``rows`` of the dictionary; ``problem``: the portal's code where it did not say, and then nothing is known."""

    rows: tuple[Mapping[str, Any], ...] = ()
    problem: str = "not_asked"


def source_list() -> Call:
    """The portal's sources."""
    return Call("crm.status.list", {"filter": {"ENTITY_ID": DICTIONARY}, "order": {"SORT": "ASC"}})


def source_add(code: str, name: str) -> Call:
    """Adds a source; the portal refuses a code that is there (bitrix24.md 7.6)."""
    fields = {"ENTITY_ID": DICTIONARY, "STATUS_ID": code, "NAME": name, "SORT": 500}
    params = {"filter": {"ENTITY_ID": DICTIONARY, "STATUS_ID": code}}
    probe = Probe("crm.status.list", params, "STATUS_ID", code)
    return Call("crm.status.add", {"fields": fields}, repeat=False, probe=probe)


def state(code: str, names: Iterable[str], found: FoundSources) -> SourceState:
    """How the source stands; ``names``: ours for it, in all languages."""
    if not code:
        return "not_wanted"
    if found.problem:
        return "unknown"
    if any(str(row.get("STATUS_ID")) == code for row in found.rows):
        return "ok"
    return "alike" if alike(names, found) else "missing"


def alike(names: Iterable[str], found: FoundSources) -> str:
    """The code of a source that bears one of these names; empty for none."""
    ours = {_plain(name) for name in names}
    return next(
        (str(row["STATUS_ID"]) for row in found.rows if _plain(str(row.get("NAME") or "")) in ours), ""
    )


def plan(code: str, texts: Mapping[str, str], language: str, found: FoundSources) -> list[Call]:
    """The call after which the source is there, if there is no such one; ``texts``: its name by language."""
    if state(code, texts.values(), found) != "missing" or len(code) > LONGEST:
        return []
    return [source_add(code, texts.get(language) or texts.get("en") or code)]


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("ё", "е").split())
