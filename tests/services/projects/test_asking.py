"""Surveys after a project: what starts them, whom they ask, how patient they are, how they end (product.md W16)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from integration.services.projects import runs
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, Deal
from integration.store.waves import Invitation, Wave
from tests.conftest import HandClock
from tests.services.projects.project_world import DONE, MONDAY, make_world


def test_a_project_is_asked_about_once_and_ends_by_itself(sessions: Sessions, clock: HandClock) -> None:
    """A deal enters the stage: three days later its contact gets the letter, five later the reminder, then the end."""
    world = make_world(sessions, clock)
    world.client(7)
    world.client(8)
    number = world.enters(70)
    world.enters(70, number=number)  # the same row of the history, read once more
    world.enters(80, at=MONDAY - timedelta(days=2))
    assert [(run.deal_id, run.status, run.started_by) for run in world.runs()] == [
        (70, "new", DONE), (80, "new", DONE),
    ]  # fmt: skip
    world.pass_to(datetime(2026, 11, 12, 9, tzinfo=UTC))
    assert sorted(world.sent()) == [
        ("p700@client.example.com", "project_invitation", "11-05 09"),
        ("p700@client.example.com", "project_reminder", "11-10 06"),
        ("p800@client.example.com", "project_invitation", "11-03 09"),
        ("p800@client.example.com", "project_reminder", "11-09 06"),
    ]
    wave = world.wave()
    assert (wave.name, wave.kind, wave.stage, wave.approved_by) == (
        "project 2026-11", "project", "mailing", "settings: тест",
    )  # fmt: skip
    world.human(9, "Всё вовремя", world.invitations()[700])
    world.work()
    assert world.said() == [(70, "over", ""), (80, "asked", "")]
    world.pass_to(datetime(2027, 1, 20, 9, tzinfo=UTC))
    assert world.said() == [(70, "over", ""), (80, "over", "")]
    outcomes = {contact: row.outcome for contact, row in world.invitations().items()}
    assert outcomes == {700: "answered", 800: "no_answer"}
    assert (world.wave().stage, world.wave().closed_by) == ("closed", "molva")
    assert len([kind for _, kind, _ in world.sent() if kind.startswith("project")]) == 4
    assert {row.kind for row in world.letters()} == {
        "project_invitation", "project_reminder", "thanks_promoter",
    }  # fmt: skip


def test_nobody_is_asked_who_should_not_be(sessions: Sessions, clock: HandClock) -> None:
    """Each run that asks nobody says the one reason why."""
    world = make_world(sessions, clock)
    for number in range(11, 22):
        world.client(number, email=None if number == 14 else "", people=0 if number == 15 else 1)
    world.set(Company, (world.portal_id, 11), opted_out=True)
    world.set(Company, (world.portal_id, 12), hold_until=date(2026, 12, 1))
    world.set(Contact, (world.portal_id, 1300), opted_out=True)
    for number in range(11, 22):
        world.enters(number * 10)
    world.set(Deal, (world.portal_id, 160), deleted_at=MONDAY)
    world.enters(170, "C9:LOSE")
    world.enters(180, "C9:NEW")  # back where it came from
    world.set(Deal, (world.portal_id, 190), recurring=True)
    world.set(Company, (world.portal_id, 20), own=True)
    world.pass_to(MONDAY + timedelta(days=4))
    assert {deal: (status, reason) for deal, status, reason in world.said()} == {
        110: ("skipped", "opted_out"), 120: ("skipped", "on_hold"), 130: ("skipped", "opted_out"),
        140: ("skipped", "no_channel"), 150: ("skipped", "no_respondent"), 160: ("skipped", "deal_gone"),
        170: ("skipped", "deal_lost"), 180: ("skipped", "moved_back"), 190: ("skipped", "template"),
        200: ("skipped", "no_client"), 210: ("asked", ""),
    }  # fmt: skip
    assert [to for to, _, _ in world.sent()] == ["p2100@client.example.com"]
    world.enters(210, "C9:NEW")
    world.enters(210)
    world.policy(project_surveys=False)
    world.enters(110)  # off: nothing is noted
    world.pass_to(MONDAY + timedelta(days=9))
    assert world.said()[-1] == (210, "skipped", "off")
    assert len(world.runs()) == 12


def test_only_entries_since_it_was_turned_on_count(sessions: Sessions, clock: HandClock) -> None:
    """Neither an old entry that is read late nor one into a stage chosen afterwards starts anything."""
    world = make_world(sessions, clock)
    world.client(7)
    world.client(8)
    world.enters(70, at=datetime(2026, 10, 29, 9, tzinfo=UTC))
    assert world.runs() == []
    number = world.enters(80, "C9:TROUBLE")
    world.clock.advance(seconds=60)
    world.policy(project_stages=[DONE, "C9:TROUBLE"])
    world.enters(80, "C9:TROUBLE", at=MONDAY, number=number)  # read once more
    assert world.runs() == []
    world.enters(70, "C9:TROUBLE")
    assert [run.deal_id for run in world.runs()] == [70]


def test_the_gap_holds_for_the_client_and_the_person(sessions: Sessions, clock: HandClock) -> None:
    """Within 90 days of a project survey neither the client nor the person is asked about another project."""
    world = make_world(sessions, clock)
    world.client(7)
    world.client(8, email="p700@client.example.com")  # the same person with two companies
    world.enters(70)
    world.pass_to(MONDAY + timedelta(days=4))
    world.enters(70, "C9:NEW")
    world.enters(70)
    world.enters(80)
    world.pass_to(MONDAY + timedelta(days=8))
    assert world.said()[1:] == [(70, "skipped", "asked_recently"), (80, "skipped", "asked_recently")]
    world.pass_to(MONDAY + timedelta(days=120))
    world.enters(70, "C9:NEW")
    world.enters(70)
    world.pass_to(MONDAY + timedelta(days=128))
    assert world.said()[-1] == (70, "asked", "")
    assert [wave.name for wave in world.rows(Wave)] == ["project 2026-11", "project 2027-03"]
    assert len(world.rows(Invitation)) == 2


def test_many_at_once_wait_for_a_person(sessions: Sessions, clock: HandClock) -> None:
    """A mass move asks nobody: all of that hour wait, and those of other hours go on."""
    world = make_world(sessions, clock, project_delay_days=0)
    for number in range(10, 35):
        world.client(number)
    world.enters(100, at=MONDAY - timedelta(hours=3))
    for number in range(34, 10, -1):  # the newest is read first: events come in any order
        world.enters(number * 10, at=MONDAY - timedelta(minutes=35 - number), number=number)
    world.work()
    said = world.said()
    assert said[0] == (100, "asked", "")
    assert {row[1:] for row in said[1:]} == {("new", "many")}
    assert len(world.sent()) == 1


def test_a_robot_on_a_deal_that_is_not_read_yet_waits_for_it(sessions: Sessions, clock: HandClock) -> None:
    """Events may wait behind a mass move; only a deal that stays unknown for an hour is gone."""
    world = make_world(sessions, clock, project_delay_days=0)
    for deal in (100, 990):
        with transaction(sessions) as session:
            runs.start(
                session, world.portal_id, deal_id=deal, source="robot", key=f"robot:{deal}", started_by="robot",
                due_at=clock.now(), now=clock.now(),
            )  # fmt: skip
    world.work()
    assert world.said() == [(100, "new", ""), (990, "new", "")]
    world.client(10)
    world.pass_to(clock.now() + timedelta(hours=2))
    assert world.said() == [(100, "asked", ""), (990, "skipped", "deal_gone")]
