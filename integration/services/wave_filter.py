"""What of a wave's list is shown: the choices in the address, and what they mean for the list (product.md E4, P2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from integration.nps.rights import city_key
from integration.services.calling import yields
from integration.store import reports, wave_pages, wave_watch
from integration.store.call_yields import DUE, LATER
from integration.store.call_yields import PHONES as PHONES
from integration.store.reports import Scope
from integration.store.wave_pages import Chosen
from integration.store.waves import Wave

LONGEST_QUERY = 100  # characters
_WORDS = 5
STANDINGS = (
    "", "asked", "answered", "open", "other", "flagged", "not_current", "too_new", "asked_recently", "opted_out",
    "on_hold", "no_respondent", "no_channel", "excluded_by_hand",
)  # fmt: skip

OUTCOMES = (
    "answered", "refused", "opted_out", "unreachable", "no_answer", "postponed", "excluded", "closed_early",
)  # fmt: skip
NOBODY = "-"  # a filter's word for clients without a branch or a manager


@dataclass(frozen=True, slots=True)
class Filter:
    """Which part of the list is shown, as it stands in the address; empty: no choice. `page` from 1."""

    standing: str = ""
    q: str = ""
    branch: str = ""
    manager: str = ""
    outcome: str = ""
    language: str = ""
    letters: str = ""
    calls: str = ""
    page: int = 1

    @property
    def chosen(self) -> bool:
        """Whether anything but the page is chosen."""
        kept = (self.standing, self.q, self.branch, self.manager, self.outcome, self.language)
        return any((*kept, self.letters, self.calls))


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filter offers: branches and managers with how many clients, and the languages of the people."""

    branches: tuple[tuple[str, int], ...] = ()
    managers: tuple[tuple[int, str, int], ...] = ()
    languages: tuple[str, ...] = ()


def read(
    session: Session, wave: Wave, scope: Scope, asked: Filter, now: datetime | None = None
) -> tuple[Choices, Chosen]:
    """What can be chosen on this list, and what is, at `now` UTC: a branch in all its spellings (product.md P2)."""
    cities = wave_pages.branches(session, wave.portal_id, wave.id, scope)
    managers = wave_pages.managers(session, wave.portal_id, wave.id, scope)
    names = reports.names(session, wave.portal_id, {user for user in managers if user})
    by_branch: dict[str, tuple[str, int]] = {}
    for city, clients in sorted(cities.items()):
        shown, before = by_branch.get(city_key(city), (city.strip(), 0))
        by_branch[city_key(city)] = (shown, before + clients)
    people = sorted((names.get(user, ""), user, clients) for user, clients in managers.items())
    choices = Choices(
        tuple(sorted(by_branch.values())), tuple((user, name, clients) for name, user, clients in people),
        tuple(wave_pages.languages(session, wave.portal_id, wave.id)),
    )  # fmt: skip
    branch = "" if asked.branch == NOBODY else asked.branch
    spelled = frozenset(city for city in cities if city_key(city) == city_key(branch))
    manager = 0 if asked.manager == NOBODY else int(asked.manager or 0)
    return choices, Chosen(
        standing=asked.standing if asked.standing in STANDINGS else "",
        words=tuple(asked.q[:LONGEST_QUERY].split()[:_WORDS]),
        cities=spelled if asked.branch else None, manager=manager if asked.manager else None,
        outcome=asked.outcome if asked.outcome in OUTCOMES else "", language=asked.language,
        letters=asked.letters if asked.letters in wave_watch.LETTERS else "",
        calls=asked.calls if asked.calls in PHONES else "", now=now,
        shut=yields.shut_zones(session, wave, now) if now is not None and asked.calls in (DUE, LATER) else (),
    )  # fmt: skip
