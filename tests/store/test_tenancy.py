"""No portal sees or changes what belongs to another: every read and write names its portal (architecture.md 2)."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from types import FunctionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import integration.store
from integration.store import answers, letters, responses, wave_export, wave_lists, wave_queries, wave_report
from integration.store.base import Base, Sessions, transaction
from integration.store.letters import LetterRow
from integration.store.policies import PolicyRow
from integration.store.portals import Portal
from integration.store.queue import Claimable
from integration.store.reports import EVERYONE
from integration.store.responses import Proof, Response, ResponseRevision
from integration.store.waves import Invitation, Wave, WaveClient, WaveEvent
from tests.conftest import START, a_portal

CROSSING = {
    "answers.asked_by_any_token": "the token of a link is unguessable, unique, and names its portal",
    "direct_lines.by_token": "the token of a link is unguessable, unique, and names its portal",
    "retired_links.owner_of": "the token of a link is unguessable, unique, and names its portal",
    "answers.asked_by_token": "the token of a link is unguessable, unique, and names its portal",
    "call_links.by_hash": "the token of a link is unguessable, unique, and names its portal",
    "call_yields.depth": "how much waits in the whole installation, for the operator",
    "chores.beat": "a worker belongs to no portal",
    "chores.last_beat": "a worker belongs to no portal",
    "chores.portals_with_work": "tells a worker in which portals there is something to do",
    "inbox.portals_with_work": "tells a worker in which portals there is something to do",
    "erased.everyone": "lines about portals that are gone, for the operator",
    "inbox.receivers": "finds the portal of an event by what the portal signs it with",
    "installations.is_member": "finds portals themselves",
    "installations.is_ours": "finds portals themselves",
    "letter_ways.due_routes": "tells a worker by which ways of which portals letters are due",
    "letter_ways.put_off": "the operator's server is out of reach for whatever portal's letters",
    "letters.anything_due": "whether a worker has to wake up; tells nothing about whose letter it is",
    "letters.settle_unknown": "sets aside what dead workers left, wherever they left it",
    "mirror.put_cards": "each of its rows carries its portal",
    "outbox.portals_with_work": "tells a worker in which portals there is something to do",
    "portals.by_member": "finds portals themselves",
    "portals.everyone": "finds portals themselves",
    "portals.has_domain": "finds portals themselves",
    "portals.working_at": "finds portals themselves",
    "portals.ids": "finds portals themselves",
    "portals.installation": "finds portals themselves",
    "portals.of_application": "finds portals themselves",
    "project_runs.portals_with_work": "tells a worker in which portals there is something to do",
    "queue.claim": "a worker takes what is due first, of whichever portal; the row it gets carries its portal",
    "queue.depth": "how much waits in the whole installation, for the operator",
    "queue.insert_for": "runs no query",
    "requests.count_since": "how much was asked of all portals, for the operator",
    "requests.add": "each of its rows carries its portal",
    "requests.drop_strangers": "requests that belong to no portal",
    "requests.portals_at": "finds portals themselves",
    "upsert.insert_for": "runs no query",
    "upsert.upsert": "each of its rows carries its portal",
    "wave_lists.add_clients": "each of its rows carries its portal",
    "wave_lists.add_invitations": "each of its rows carries its portal",
    "wave_queries.due_waves": "tells a worker in which portals and waves there is something to do",
    "wave_queries.waves_with_due_invitations": "tells a worker where somebody must be looked at",
}


def _functions() -> Iterator[tuple[str, FunctionType, dict[str, Any]]]:
    """Public functions of the store that get a session, by name, with the types of their parameters."""
    for found in pkgutil.iter_modules(integration.store.__path__):
        module = importlib.import_module(f"integration.store.{found.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or name.startswith("_"):
                continue
            hints = get_type_hints(function)
            hints.pop("return", None)
            if Session in hints.values():
                yield f"{found.name}.{name}", function, hints


def _is_row(kind: Any) -> bool:
    """A row that has a portal, or several of them; a row's class says nothing about a portal."""
    candidates = (kind,) if get_origin(kind) is type else (kind, *get_args(kind))
    return any(isinstance(one, type) and _has_portal(one) for one in candidates)


def _has_portal(kind: type) -> bool:
    if issubclass(kind, Portal | Claimable):
        return True
    return issubclass(kind, Base) and "portal_id" in kind.__table__.columns


def _names_its_portal(function: FunctionType, hints: dict[str, Any]) -> bool:
    given = inspect.signature(function).parameters.get("portal_id")
    if given is not None:
        return given.default is inspect.Parameter.empty and hints["portal_id"] is int
    return any(_is_row(kind) for kind in hints.values())


def test_every_function_of_the_store_names_its_portal_or_is_known_to_cross_portals() -> None:
    """`portal_id` without a default, a portal, or rows that have one; the list of exceptions is exact."""
    functions = list(_functions())
    assert len(functions) > 100  # the store is really looked through
    nameless = {name for name, function, hints in functions if not _names_its_portal(function, hints)}
    assert nameless == set(CROSSING)


@dataclass(frozen=True)
class Survey:
    """Ids of one portal's wave with one client, one respondent, an answer and a letter."""

    portal: int
    wave: int
    line: int
    invitation: int
    response: int
    letter: int


FREEZE = {"phase": "people", "after": 0}
DETAIL = {"who": "Boss", "why": "test"}


def _survey(session: Session, member: str) -> Survey:
    """A wave of client 5 with contact 50: the same cards and the same name in every portal."""
    ids: dict[str, int] = {}

    def add(name: str, row: Any) -> None:
        session.add(row)
        session.flush()
        ids[name] = row.id

    add("portal", a_portal(member_id=member))
    mine = {"portal_id": ids["portal"]}
    session.add(PolicyRow(**mine, version=1, body={}, saved_at=START))
    add("wave", Wave(**mine, name="2026", stage="closing", policy_version=1, plan={"freeze": FREEZE},
                     planned_at=START, step_due_at=START))  # fmt: skip
    wave = {**mine, "wave_id": ids["wave"]}
    add("line", WaveClient(**wave, client_kind="company", client_id=5, name="Five", city="Kyiv", manager_id=6,
                           eligible=True, reason="pending", since=date(2020, 1, 1), deal_id=1))  # fmt: skip
    add("invitation", Invitation(**wave, wave_client_id=ids["line"], contact_id=50, address="a@example.com",
                                 token=f"t-{member}", due_at=START, touches={"invitation": "x"}))  # fmt: skip
    asked = {"invitation_id": ids["invitation"]}
    add("response", Response(**wave, **asked, score=9, channel="link", answered_at=START))
    session.add(ResponseRevision(**mine, response_id=ids["response"], revision=1, score=9, status="counted",
                                 at=START))  # fmt: skip
    session.add(Proof(**mine, **asked, value=f"p-{member}", opened_at=START, issued_at=START,
                      expires_at=START + timedelta(days=1)))  # fmt: skip
    session.add(WaveEvent(**wave, at=START, what="frozen"))
    add("letter", LetterRow(
        **wave, **asked, lane="a@example.com", due_at=START, created_at=START, key="invitation:1",
        kind="invitation", sender_name="Boss", sender_address="boss@example.com", subject="s", body_text="t",
        recipient_address="a@example.com", body_html="h", message_id=f"<{member}>",
    ))  # fmt: skip
    return Survey(**ids)


@pytest.fixture
def surveys(sessions: Sessions) -> tuple[Survey, Survey]:
    with transaction(sessions) as session:
        return _survey(session, "mine"), _survey(session, "theirs")


Call = Callable[[Session, int, Survey], Any]

READS: dict[str, Call] = {
    "pending_clients": lambda s, p, of: wave_lists.pending_clients(s, p, of.wave, 0, 9),
    "taken_keys": lambda s, p, of: wave_lists.taken_keys(s, p, of.wave, phones=True),
    "since_dates": lambda s, p, of: wave_lists.since_dates(s, p, of.wave),
    "coverage": lambda s, p, of: wave_lists.coverage(s, p, of.wave)["clients"],
    "coverage of contacts": lambda s, p, of: wave_lists.coverage(s, p, of.wave)["contacts"],
    "answers": lambda s, p, of: wave_report.answers(s, p, of.wave, EVERYONE),
    "people": lambda s, p, of: wave_report.people(s, p, of.wave, EVERYONE),
    "outcomes of a scope": lambda s, p, of: wave_report.outcomes(s, p, of.wave, EVERYONE),
    "asked_by": lambda s, p, of: wave_report.asked_by(s, p, of.wave, EVERYONE),
    "coverage of a scope": lambda s, p, of: wave_report.coverage(s, p, of.wave, EVERYONE).clients,
    "corrections": lambda s, p, of: wave_report.corrections(
        s, p, of.wave, EVERYONE, START - timedelta(days=1), 9
    ),
    "left_out": lambda s, p, of: wave_report.left_out(s, p, of.wave, EVERYONE, 9),
    "file of clients": lambda s, p, of: list(wave_export.clients(s, p, of.wave, EVERYONE)),
    "file of people": lambda s, p, of: list(wave_export.people(s, p, of.wave, EVERYONE)),
    "file of letters": lambda s, p, of: list(wave_export.letters(s, p, of.wave, EVERYONE)),
    "file of those left out": lambda s, p, of: list(wave_export.left_out(s, p, of.wave, EVERYONE)),
    "file of the trail": lambda s, p, of: list(wave_export.trail(s, p, of.wave)),
    "file's managers": lambda s, p, of: wave_export.managers(s, p, of.wave, EVERYONE),
    "sample_invitations": lambda s, p, of: wave_lists.sample_invitations(s, p, of.wave),
    "unnamed": lambda s, p, of: wave_lists.unnamed(s, p, of.wave),
    "lines_by_reason": lambda s, p, of: wave_lists.lines_by_reason(s, p, of.wave, "pending", 9),
    "branches": lambda s, p, of: wave_lists.branches(s, p, of.wave),
    "reasons": lambda s, p, of: wave_lists.reasons(s, p, of.wave),
    "wave": lambda s, p, of: wave_queries.wave(s, p, of.wave),
    "locked": lambda s, p, of: wave_queries.locked(s, p, of.wave),
    "due_invitations": lambda s, p, of: wave_queries.due_invitations(s, p, of.wave, START, 9),
    "open_invitations": lambda s, p, of: wave_queries.open_invitations(s, p, of.wave),
    "outcomes": lambda s, p, of: wave_queries.outcomes(s, p, of.wave),
    "clients_by_id": lambda s, p, of: wave_queries.clients_by_id(s, p, of.wave, [of.line]),
    "counted_answers": lambda s, p, of: wave_queries.counted_answers(s, p, [of.invitation]),
    "events": lambda s, p, of: wave_queries.events(s, p, of.wave),
    "letter": lambda s, p, of: letters.letter(s, p, of.letter),
    "threads": lambda s, p, of: letters.threads(s, p, [of.invitation]),
    "asked": lambda s, p, of: answers.asked(s, p, of.invitation),
    "asked, locked": lambda s, p, of: answers.asked(s, p, of.invitation, client_row=of.line, lock=True),
    "response_of": lambda s, p, of: responses.response_of(s, p, of.invitation),
    "response_by_id": lambda s, p, of: responses.response_by_id(s, p, of.response),
    "counted_of_client": lambda s, p, of: responses.counted_of_client(s, p, of.line),
    "revisions_of": lambda s, p, of: responses.revisions_of(s, p, of.response),
}

LATER = START + timedelta(hours=1)

WRITES: dict[str, Call] = {
    "clear_list": lambda s, p, of: wave_lists.clear_list(s, p, of.wave),
    "settle_client": lambda s, p, of: wave_lists.settle_client(s, p, of.line, reason="too_new"),
    "advance_freeze": lambda s, p, of: wave_lists.advance_freeze(s, p, of.wave, FREEZE, after=7),
    "look_at_all": lambda s, p, of: wave_queries.look_at_all(s, p, of.wave, LATER, only_open=False),
    "cancel_waiting_letters": lambda s, p, of: wave_queries.cancel_waiting_letters(s, p, of.wave, LATER),
    "close_open": lambda s, p, of: wave_queries.close_open(s, p, of.wave, LATER, DETAIL),
    "exclude_client": lambda s, p, of: wave_queries.exclude_client(s, p, of.wave, of.line, LATER, DETAIL),
    "cancel_letters": lambda s, p, of: answers.cancel_letters(s, p, LATER, invitation_id=of.invitation),
    "spend_proof": lambda s, p, of: responses.spend_proof(
        s, p, "p-mine", responses.of_page(of.invitation, None), ("answer",), START
    ),
    "forget_proofs": lambda s, p, of: responses.forget_proofs(
        s, p, responses.of_page(of.invitation, None), START + timedelta(days=2)
    ),
}


def test_ids_of_another_portal_s_survey_find_nothing(
    sessions: Sessions, surveys: tuple[Survey, Survey]
) -> None:
    """Both portals have a wave of that name with those clients; its own portal finds everything."""
    mine, theirs = surveys
    with transaction(sessions) as session:
        assert {name for name, call in READS.items() if call(session, theirs.portal, mine)} == set()
        assert {name for name, call in READS.items() if call(session, mine.portal, mine)} == set(READS)


def _everything(session: Session) -> list[Any]:
    session.flush()
    tables = (Wave, WaveClient, Invitation, Response, Proof, LetterRow)
    return [
        tuple(row)
        for table in tables
        for row in session.execute(select(*table.__table__.columns).order_by(table.portal_id))
    ]


def test_ids_of_another_portal_s_survey_change_nothing(
    sessions: Sessions, surveys: tuple[Survey, Survey]
) -> None:
    """The same call in the name of its own portal changes something, and only there."""
    mine, theirs = surveys
    with transaction(sessions) as session:
        before = _everything(session)
        changing: dict[int, set[str]] = {mine.portal: set(), theirs.portal: set()}
        for portal_id, found in changing.items():
            for name, call in WRITES.items():
                point = session.begin_nested()
                call(session, portal_id, mine)
                found |= {name} if _everything(session) != before else set()
                point.rollback()
                session.expire_all()
        assert changing == {mine.portal: set(WRITES), theirs.portal: set()}


def test_work_in_waves_is_found_with_its_portal(sessions: Sessions, surveys: tuple[Survey, Survey]) -> None:
    """A worker learns portal and wave together, so that it can name the portal from then on."""
    both = {(survey.portal, survey.wave) for survey in surveys}
    with transaction(sessions) as session:
        assert set(wave_queries.due_waves(session, START)) == both
        assert set(wave_queries.waves_with_due_invitations(session, START)) == both


def test_what_is_asked_of_a_whole_portal_tells_nothing_of_the_others(
    sessions: Sessions, surveys: tuple[Survey, Survey]
) -> None:
    """A portal without any survey finds none; each of the two finds exactly its own."""
    nobody = surveys[1].portal + 1
    with transaction(sessions) as session:
        for survey in surveys:
            session.get_one(Wave, survey.wave).stage = "closed"
        session.flush()
        for portal_id, number in ((nobody, 0), (surveys[0].portal, 1), (surveys[1].portal, 1)):
            assert len(wave_queries.waves_of(session, portal_id)) == number
            assert len(wave_lists.asked_before(session, portal_id, 0)) == number
            assert wave_lists.unfinished(session, portal_id, 1_000_000) == (0, number)
