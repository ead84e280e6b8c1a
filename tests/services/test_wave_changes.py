"""Cards that disappear or are merged while a survey runs: nobody gone is written to, nobody is asked twice (E3, E7)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from integration.services import changes, waves
from integration.store import card_moves, mirror
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal
from integration.store.followups import FollowUp
from integration.store.waves import Invitation
from tests.conftest import HandClock
from tests.services.wave_world import World, make_world

MOSCOW = ZoneInfo("Europe/Moscow")
AFTER = datetime(2026, 5, 1, tzinfo=UTC)
GONE = {"who": "molva", "why": "card_gone"}
MERGED = {"who": "molva", "why": "merged"}


def msk(month: int, day: int, hour: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=MOSCOW)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


@pytest.fixture
def one(one_engine: object, clock: HandClock) -> World:
    """The same on one kind of database, for details."""
    return make_world(make_sessions(one_engine), clock)  # type: ignore[arg-type]


def lose(world: World, kind: str, number: int) -> None:
    """A card is seen to be gone, as after its event."""
    table = Company if kind == "company" else Contact
    with transaction(world.deps.sessions) as session:
        mirror.mark_deleted(session, world.portal_id, table, [number], world.clock.now())
        changes.gone(world.deps, session, world.portal_id, kind, number)


def merge(world: World, kind: str, loser: int, winner: int) -> None:
    """Two cards become one, as a portal tells it: the one is gone, then its deals and contacts stand at the other."""
    lose(world, kind, loser)
    world.tick()
    pid, now = world.portal_id, world.clock.now()
    with transaction(world.deps.sessions) as session:
        for deal in session.scalars(select(Deal).where(Deal.client_kind == kind, Deal.client_id == loser)):
            _deal_moves(session, world, deal, kind, winner)
        if kind == "contact":
            for deal in session.scalars(select(Deal).where(Deal.contact_id == loser)):
                _deal_moves(session, world, deal, kind, winner)
        links = select(ContactCompany.contact_id).where(ContactCompany.company_id == loser)
        for contact in list(session.scalars(links)) if kind == "company" else []:
            rows = [{"id": contact, "company_ids": [winner]}]
            card_moves.note(session, pid, "contact", rows, now)
            session.delete(session.get_one(ContactCompany, (pid, contact, loser)))
            session.add(ContactCompany(portal_id=pid, contact_id=contact, company_id=winner))
            changes.changed(world.deps, session, pid, "contact", contact)


def _deal_moves(session: object, world: World, deal: Deal, kind: str, winner: int) -> None:
    company = winner if kind == "company" else deal.company_id
    contacts = [winner] if kind == "contact" else list(deal.contact_ids)
    row = {"id": deal.id, "company_id": company, "contact_ids": contacts}
    deal.contact_ids = deal.contact_ids or ([deal.contact_id] if deal.contact_id else [])
    session.flush()  # type: ignore[attr-defined]
    card_moves.note(session, world.portal_id, "deal", [row], world.clock.now())  # type: ignore[arg-type]
    if deal.client_kind == kind:
        deal.client_id = winner
    deal.company_id, deal.contact_ids = company, contacts
    if kind == "contact":
        deal.contact_id = winner
    changes.changed(world.deps, session, world.portal_id, "deal", deal.id)  # type: ignore[arg-type]


def asked(world: World) -> set[str]:
    """Contacts whose question has left."""
    who = {row.id: str(contact) for contact, row in world.invitations().items()}
    return {who[row.invitation_id] for row in world.letters(kind="invitation", status="done")}


def test_to_whoever_is_gone_nothing_more_is_sent_and_the_base_loses_only_clients_that_are_gone(
    world: World,
) -> None:
    for number in (2, 3, 4, 5):
        world.client(number)
    world.approved()
    world.until(msk(2, 20))
    lose(world, "company", 2)
    lose(world, "contact", 400)
    world.until(msk(3, 2, 8))
    world.post.ready = False
    world.until(msk(3, 2, 10))  # the questions wait for a mail server
    lose(world, "company", 5)
    world.post.ready = True
    world.until(AFTER)
    assert asked(world) == {"300"}
    found = {number: (row.outcome, row.outcome_detail) for number, row in world.invitations().items()}
    assert found[200] == found[400] == found[500] == ("excluded", GONE)
    assert found[300][0] == "no_answer"
    lines = {number: (row.eligible, row.reason_detail) for (_, number), row in world.lines().items()}
    out = (False, "molva: card_gone")
    assert lines == {2: out, 3: (True, ""), 4: (True, ""), 5: out}
    assert world.wave().result["coverage"]["eligible"] == 2
    assert world.wave().stage == "closed"


def test_a_client_that_answered_stays_in_the_base_when_its_card_is_gone(one: World) -> None:
    one.client(2)
    one.client(3)
    one.approved()
    one.until(msk(3, 3))
    one.answer(200, 9)
    lose(one, "company", 2)
    one.until(AFTER)
    assert one.lines()["company", 2].eligible
    assert (one.wave().result["clients"]["n"], one.wave().result["clients"]["base"]) == (1, 2)


def test_a_card_that_comes_back_within_a_day_is_asked_as_if_nothing_had_been(one: World) -> None:
    one.client(2)
    one.approved()
    one.until(msk(3, 1, 20))
    lose(one, "company", 2)
    one.until(msk(3, 2, 14))
    assert asked(one) == set()
    one.set(Company, (one.portal_id, 2), deleted_at=None)
    with transaction(one.deps.sessions) as session:
        changes.changed(one.deps, session, one.portal_id, "company", 2)
    one.until(msk(3, 2, 15))
    assert asked(one) == {"200"}


def test_two_clients_that_were_merged_are_one_from_then_on(world: World) -> None:
    for number in (2, 3, 4):
        world.client(number)
    world.approved()
    world.until(msk(3, 3))
    world.answer(300, 3)
    with transaction(world.deps.sessions) as session:
        session.add(
            FollowUp(portal_id=world.portal_id, key="k", kind="detractor_meeting", client_kind="company", client_id=3,
                     owner_id=5, deadline=world.clock.now(), opened_at=world.clock.now())
        )  # fmt: skip
    merge(world, "company", 3, 2)
    world.until(msk(3, 3, 12))
    lines, found = world.lines(), world.invitations()
    assert (lines["company", 3].eligible, lines["company", 3].reason) == (False, "excluded_by_hand")
    assert lines["company", 3].reason_detail == "molva: merged:company:2"
    assert found[300].wave_client_id == lines["company", 2].id
    assert lines["company", 2].deal_ids == [30]
    assert [row.client_id for row in world.rows(FollowUp)] == [2]
    assert {row.lane for row in world.outbox(purpose="score")} >= {"company:2"}
    world.until(AFTER)
    clients = world.wave().result["clients"]
    assert (clients["n"], clients["detractors"], clients["base"]) == (1, 1, 2)
    assert [event.detail for event in world.events() if event.what == "merged"] == ["company:3 -> company:2"]


def test_of_two_that_became_one_no_more_are_asked_than_may_be_of_one_client(one: World) -> None:
    one.policy(max_respondents=1)
    for number in (2, 3):
        one.client(number)
    one.approved()
    one.until(msk(2, 20))
    merge(one, "company", 3, 2)
    one.until(AFTER)
    assert asked(one) == {"200"}
    assert (one.invitations()[300].outcome, one.invitations()[300].outcome_detail) == ("excluded", MERGED)
    assert one.wave().result["coverage"]["eligible"] == 1


def test_a_client_merged_into_a_card_that_is_on_no_list_goes_on_under_that_card(one: World) -> None:
    one.client(3)
    one.approved()
    with transaction(one.deps.sessions) as session:
        session.add(Company(portal_id=one.portal_id, id=9, title="Новое имя"))
    one.until(msk(2, 20))
    merge(one, "company", 3, 9)
    one.until(AFTER)
    ((key, line),) = one.lines().items()
    assert (key, line.name, line.eligible) == (("company", 9), "Новое имя", True)
    assert asked(one) == {"300"}
    assert one.invitations()[300].outcome == "no_answer"


@pytest.mark.parametrize(("reason", "letters"), [("excluded", set()), ("too_new", {"300"})])
def test_what_kept_the_living_card_out_decides_about_its_merged_twin(
    one: World, reason: str, letters: set[str]
) -> None:
    """Whoever was taken off by a person stays off; whoever was only too new by its own deals is asked now."""
    one.client(2, **({} if reason == "excluded" else {"since": datetime(2026, 1, 2, tzinfo=UTC).date()}))
    one.client(3)
    wave_id = one.approved()
    one.until(msk(2, 20))
    if reason == "excluded":
        line = one.lines()["company", 2].id
        assert waves.exclude(one.deps, one.portal_id, wave_id, line, "Ольга Лис", "суд")
    merge(one, "company", 3, 2)
    one.until(AFTER)
    assert asked(one) == letters
    assert one.lines()["company", 2].eligible is (reason != "excluded")


def test_a_person_whose_cards_were_merged_is_asked_once_under_the_card_that_lives(world: World) -> None:
    for number in (2, 3, 4, 5, 6):
        world.client(number)
    with transaction(world.deps.sessions) as session:
        session.add(Contact(portal_id=world.portal_id, id=299, name="Анна", last_name="Живая"))
    world.approved()
    world.until(msk(2, 20))
    merge(world, "contact", 200, 299)  # nobody has asked that card
    merge(world, "contact", 300, 400)  # both are to be asked
    world.until(msk(3, 3))
    world.answer(500, 10)
    merge(world, "contact", 500, 600)  # one of them has answered
    world.until(AFTER)
    found = world.invitations()
    assert found[299].outcome == "no_answer"
    assert (found[300].outcome, found[300].outcome_detail) == ("excluded", {**MERGED, "into": found[400].id})
    assert (found[600].outcome, found[500].outcome) == ("answered", "excluded")
    assert asked(world) == {"299", "400", "600", "500"}  # the last two had got theirs before
    assert not [row for row in world.letters(invitation_id=found[500].id) if row.kind.endswith("reminder")]
    assert len({row.contact_id for row in world.rows(Invitation)}) == 5
