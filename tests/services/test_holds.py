"""A client kept out by hand: row, mirror, card, letters and invitations in one commit (product.md E5)."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest

from integration.nps.people import ClientKey
from integration.services import holds
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact
from integration.store.holds import ClientAct, Hold
from integration.store.letters import LetterRow
from integration.store.waves import Invitation, Wave
from tests.conftest import HandClock
from tests.services.survey_world import World, a_letter
from tests.services.tab_world import tab_world
from tests.services.wave_world import make_world as make_wave

CLIENT = ClientKey("company", 12)
FIELD = "UF_CRM_MOLVA_HOLD_UNTIL"
UNTIL = date(2026, 2, 11)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return tab_world(sessions, clock)


def put(world: World, until: date | None = UNTIL, reason: str = "a new site", who: str = "Ada (1)") -> str:
    return holds.put(world.deps, world.portal.id, CLIENT, until=until, reason=reason, who=who).status


def lift(world: World, who: str = "Bob (2)") -> str:
    return holds.lift(world.deps, world.portal.id, CLIENT, who=who).status


def company(world: World) -> Company:
    with transaction(world.deps.sessions) as session:
        return session.get_one(Company, (world.portal.id, 12))


def test_a_hold_is_kept_with_name_and_reason_and_goes_to_the_card(world: World) -> None:
    assert put(world) == "done"
    row = world.rows(Hold)[0]
    assert (row.until, row.reason, row.who, row.set_at) == (UNTIL, "a new site", "Ada (1)", world.clock.now())
    assert company(world).hold_until == UNTIL
    assert world.written("company:12", "field") == [{FIELD: "2026-02-11"}]


def test_the_same_hold_twice_is_one_hold_and_one_write(world: World) -> None:
    assert [put(world), put(world), put(world)] == ["done", "again", "again"]
    assert (len(world.rows(Hold)), len(world.outbox("field"))) == (1, 1)


def test_another_day_takes_the_place_of_the_first_and_both_are_kept(world: World) -> None:
    put(world)
    assert put(world, UNTIL + timedelta(days=7), "still busy") == "done"
    first, second = world.rows(Hold)
    assert (first.lifted_at, second.lifted_at) == (world.clock.now(), None)
    assert company(world).hold_until == second.until
    assert [fields[FIELD] for fields in world.written("company:12", "field")] == ["2026-02-11", "2026-02-18"]


@pytest.mark.parametrize(
    ("until", "reason"), [(None, "x"), (date(2026, 1, 12), "x"), (date(2028, 1, 1), "x"), (UNTIL, " ")]
)
def test_an_impossible_hold_changes_nothing(world: World, until: date | None, reason: str) -> None:
    assert put(world, until, reason) == "problem"
    assert (world.rows(Hold), world.outbox("field"), company(world).hold_until) == ([], [], None)


def test_today_is_the_portals_day(world: World) -> None:
    """At 22:30 UTC the day in Moscow is already the next one."""
    world.clock.moment = datetime(2026, 2, 10, 22, 30, tzinfo=UTC)
    assert put(world) == "problem"
    world.clock.moment = datetime(2026, 2, 10, 20, 30, tzinfo=UTC)
    assert put(world) == "done"


def test_a_lifted_hold_clears_the_card_once(world: World) -> None:
    put(world)
    assert [lift(world), lift(world)] == ["done", "again"]
    row = world.rows(Hold)[0]
    assert (row.lifted_by, row.lifted_at) == ("Bob (2)", world.clock.now())
    assert company(world).hold_until is None
    assert [fields[FIELD] for fields in world.written("company:12", "field")] == ["2026-02-11", ""]


def test_a_date_typed_into_the_card_can_be_lifted_and_who_did_it_is_kept(world: World) -> None:
    world.set(Company, (world.portal.id, 12), hold_until=UNTIL)
    assert [lift(world), lift(world)] == ["done", "again"]
    assert [(act.what, act.who) for act in world.rows(ClientAct)] == [("hold_lifted", "Bob (2)")]
    assert world.written("company:12", "field") == [{FIELD: ""}]


def test_held_lifted_and_held_again_on_the_same_day_is_written_each_time(world: World) -> None:
    put(world)
    lift(world)
    assert put(world) == "done"
    assert [fields[FIELD] for fields in world.written("company:12", "field")] == [
        "2026-02-11",
        "",
        "2026-02-11",
    ]


def test_letters_about_to_leave_wait_until_the_hold_is_over_and_thanks_do_not(world: World) -> None:
    invitation = world.invitation()
    a_letter(world, invitation)
    a_letter(world, invitation, "thanks_promoter")
    put(world)
    reminder, thanks = world.letters()
    assert reminder.due_at == datetime(2026, 2, 11, 6, tzinfo=UTC)  # nine o'clock in Moscow
    assert (reminder.status, thanks.due_at) == ("waiting", world.clock.now())
    lift(world)
    assert world.letters()[0].due_at == world.clock.now()


def test_a_letter_that_has_gone_stays_gone(world: World) -> None:
    a_letter(world, world.invitation())
    world.set(LetterRow, world.letters()[0].id, status="done")
    put(world)
    assert world.letters()[0].due_at == world.clock.now()


def test_the_machine_looks_at_open_invitations_at_once_and_leaves_settled_ones_alone(world: World) -> None:
    world.set(Invitation, world.invitation(8).id, outcome="refused", due_at=None)
    put(world)
    assert (world.invitation(7).due_at, world.invitation(8).due_at) == (world.clock.now(), None)


def test_a_client_without_a_card_in_the_mirror_cannot_be_held(world: World) -> None:
    gone = ClientKey("company", 999)
    found = holds.put(world.deps, world.portal.id, gone, until=UNTIL, reason="x", who="Ada")
    assert (found.status, holds.lift(world.deps, world.portal.id, gone, who="Ada").status) == (
        "no_client",
        "no_client",
    )


def test_a_hold_in_one_portal_touches_no_other(sessions: Sessions, clock: HandClock) -> None:
    mine, theirs = tab_world(sessions, clock, tag="a"), tab_world(sessions, clock, tag="b")
    put(mine)
    assert (theirs.rows(Hold), theirs.all_outbox(), company(theirs).hold_until) == ([], [], None)
    assert theirs.invitation().due_at != clock.now()


def test_a_person_who_is_a_client_alone_is_held_on_the_contacts_card(
    sessions: Sessions, clock: HandClock
) -> None:
    world = tab_world(sessions, clock, client_kind="contact", people=((7, ""),))
    found = holds.put(
        world.deps, world.portal.id, ClientKey("contact", 7), until=UNTIL, reason="x", who="Ada"
    )
    with transaction(sessions) as session:
        assert session.get_one(Contact, (world.portal.id, 7)).hold_until == UNTIL
    assert (found.status, world.written("contact:7", "field")) == ("done", [{FIELD: "2026-02-11"}])


def test_two_clicks_at_once_make_one_hold(world: World) -> None:
    together = threading.Barrier(4)

    def click() -> None:
        together.wait(60)
        put(world)

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (len(world.rows(Hold)), len(world.outbox("field"))) == (1, 1)


def test_somebody_held_until_after_the_survey_ends_as_postponed(sessions: Sessions, clock: HandClock) -> None:
    """The whole way: invited, held from the tab, nothing more is sent, the outcome is `postponed` (product.md E5)."""
    wave = make_wave(sessions, clock)
    wave.client(20)
    wave.client(21)
    wave.approved()
    wave.until(datetime(2026, 3, 3, 12, tzinfo=UTC))  # both have been asked
    before = len(wave.letters())
    client = ClientKey("company", 20)
    done = holds.put(
        wave.deps, wave.portal_id, client, until=date(2026, 6, 1), reason="Переезд", who="Иван (6)"
    )
    assert done.status == "done"
    wave.until(datetime(2026, 4, 10, 12, tzinfo=UTC))
    outcomes = {invitation.contact_id: invitation.outcome for invitation in wave.rows(Invitation)}
    assert outcomes == {2000: "postponed", 2100: "no_answer"}
    assert {letter.recipient_address for letter in wave.letters()[before:]} == {"p2100@client.example.com"}
    assert wave.rows(Wave)[0].stage == "closed"
