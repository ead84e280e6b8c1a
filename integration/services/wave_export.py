"""Everything a viewer may see of a wave, row by row, for a file; whoever takes it is named in the trail (P5, E7)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.questions import Question
from integration.nps.rights import Rights
from integration.services import policies, question_versions, reports, rights, wave_accounts, wave_report
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.wave_accounts import Account
from integration.services.wave_report import Report
from integration.store import question_numbers as question_rows
from integration.store import reports as report_rows
from integration.store import wave_export as rows
from integration.store import wave_queries
from integration.store.base import reading, transaction
from integration.store.portals import Portal
from integration.store.question_numbers import Line
from integration.store.reports import EVERYONE, Scope
from integration.store.waves import Wave

SHEETS = (
    "summary",
    "clients",
    "people",
    "letters",
    "calls",
    "yield",
    "questions",
    "extra",
    "left_out",
    "trail",
)
EXPORTED = "exported"


@dataclass(frozen=True, slots=True)
class Export:
    """A wave that is being read for a file; its iterators may be used until the block of `opened` ends.

    `trail`: whether the viewer may see it: who runs waves.
    """

    session: Session
    portal: Portal
    wave: Wave
    scope: Scope
    report: Report
    trail_seen: bool
    names: dict[int, str]
    accounts: dict[tuple[str, int], Account]

    def sheets(self) -> tuple[str, ...]:
        """The tables this viewer may have."""
        return SHEETS if self.trail_seen else SHEETS[:-1]

    def clients(self) -> Iterator[tuple[Any, Account | None]]:
        """Clients that are asked, with their value if they answered."""
        for row in rows.clients(self.session, self.portal.id, self.wave.id, self.scope):
            yield row, self.accounts.get((row.client_kind, row.client_id))

    def people(self) -> Iterator[Any]:
        """Everybody who was invited."""
        return rows.people(self.session, self.portal.id, self.wave.id, self.scope)

    def letters(self) -> Iterator[Any]:
        """Their letters, without the words."""
        return rows.letters(self.session, self.portal.id, self.wave.id, self.scope)

    def calls(self) -> Iterator[Any]:
        """Every call to them."""
        return rows.calls(self.session, self.portal.id, self.wave.id, self.scope)

    def extra(self) -> list[Line]:
        """Answers to extra questions, held ones too."""
        return question_rows.lines(self.session, self.portal.id, self.wave.id, self.scope)

    def versions(self) -> dict[tuple[str, int], Question]:
        """Every wording of an extra question there ever was, by key and version."""
        return question_versions.by_number(self.session, self.portal.id)

    def left_out(self) -> Iterator[Any]:
        """Clients that are not asked."""
        return rows.left_out(self.session, self.portal.id, self.wave.id, self.scope)

    def trail(self) -> Iterator[Any]:
        """Who did what."""
        return rows.trail(self.session, self.portal.id, self.wave.id)


@contextmanager
def opened(deps: Deps, who: Viewer, wave_id: int) -> Iterator[Export | None]:
    """A wave to be written to a file for this viewer; nothing if the portal has none of this number."""
    with reading(deps.sessions) as session:
        mine = rights.of(session, who.portal_id, who)
        yield _export(session, who.portal_id, wave_id, mine)


@contextmanager
def opened_whole(deps: Deps, portal_id: int, wave_id: int) -> Iterator[Export | None]:
    """The same with everything, for whoever runs this Molva."""
    with reading(deps.sessions) as session:
        yield _export(session, portal_id, wave_id, Rights("administrator", 0))


def _export(session: Session, portal_id: int, wave_id: int, mine: Rights) -> Export | None:
    wave = wave_queries.yearly(session, portal_id, wave_id)
    portal = session.get(Portal, portal_id)
    if wave is None or portal is None:
        return None
    scope = EVERYONE if mine.sees_all else reports.scope_of(session, portal_id, mine, [wave.id])
    rules = policies.load_version(session, portal_id, wave.policy_version)
    given = wave_accounts.read(session, portal, wave, scope, rules)
    staff = rows.managers(session, portal_id, wave.id, scope)
    return Export(
        session=session, portal=portal, wave=wave, scope=scope,
        report=wave_report.report_in(session, portal, wave, mine, scope), trail_seen=mine.may_run_waves,
        names=report_rows.names(session, portal_id, staff), accounts={(one.key.kind, one.key.id): one for one in given},
    )  # fmt: skip


def note(deps: Deps, portal_id: int, wave_id: int, who: str, what: str) -> None:
    """Keep in the trail of a wave who took which file of it."""
    with transaction(deps.sessions) as session:
        wave = wave_queries.yearly(session, portal_id, wave_id)
        if wave is not None:
            wave_queries.note(session, wave, deps.clock.now(), EXPORTED, who, what)
