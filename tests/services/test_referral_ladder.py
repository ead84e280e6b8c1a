"""The ladder of a recommendation in rows: steps, notes, thank-you tasks, rewards (product.md R5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from integration.bitrix.call import Call
from integration.bitrix.records import Task
from integration.nps.people import CardKey
from integration.services import (
    policies,
    referral_ladder,
    referral_rewards,
    referral_thanks,
    referrals,
    tasks,
)
from integration.services.referral_book import MirrorBook
from integration.services.referral_silence import silent
from integration.store import mirror
from integration.store import referral_thanks as rows
from integration.store.base import Sessions, make_sessions, reading, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal, Lead, StageMove
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal, Staff
from integration.store.referral_rows import Referral, ReferralAct, ReferralMark, ReferralThanks
from tests.conftest import HandClock
from tests.services.survey_world import DIRECTOR, HEAD, MANAGER, World, field_map, make_world

SOURCE, REFERRER, DATE = "UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER", "UF_CRM_MOLVA_REFERRAL_DATE"


def raw(
    kind: str, referrer: str = "CO_90", day: str = "2026-01-05", source: str = "client"
) -> dict[str, Any]:
    item = field_map()[kind][SOURCE]["items"].get(source)
    return {
        SOURCE: int(item) if item else None,
        REFERRER: referrer,
        DATE: f"{day}T03:00:00+03:00" if day else "",
    }


class Ladder:
    """A world with a lead that Vega (company 90) recommended, and what people do with it."""

    def __init__(self, world: World) -> None:
        self.world, self.pid, self.clock = world, world.portal.id, world.clock

    def add(self, *many: Any) -> None:
        with transaction(self.world.deps.sessions) as session:
            session.add_all(many)

    def look(self, kind: str, number: int, **how: Any) -> None:
        with transaction(self.world.deps.sessions) as session:
            portal = session.get_one(Portal, self.pid)
            referrals.on_card_changed(self.world.deps, session, portal, kind, number, **how)

    def gone(self, kind: str, number: int) -> None:
        table: Any = {"deal": Deal, "company": Company, "lead": Lead}[kind]
        self.world.set(table, (self.pid, number), deleted_at=self.clock.now())
        with transaction(self.world.deps.sessions) as session:
            portal = session.get_one(Portal, self.pid)
            referrals.on_card_gone(self.world.deps, session, portal, kind, number)

    def move(self, stage: str, semantics: str = "P", deal: int = 500, at: datetime | None = None) -> None:
        """A deal enters a stage: its history and its card, then the event."""
        with transaction(self.world.deps.sessions) as session:
            number = 1 + len(session.scalars(select(StageMove)).all())
            row = session.get_one(Deal, (self.pid, deal))
            row.stage_id, row.semantics = stage, semantics
            mirror.put_moves(session, self.pid, [{
                "portal_id": self.pid, "id": number, "deal_id": deal, "category_id": 0, "stage_id": stage,
                "semantics": semantics, "moved_at": at or self.clock.now(),
            }])  # fmt: skip
        self.look("deal", deal)

    def row(self) -> Referral:
        (found,) = self.world.rows(Referral)
        return found  # type: ignore[no-any-return]

    def thanks(self) -> list[ReferralThanks]:
        return self.world.rows(ReferralThanks)

    def told(self) -> list[tuple[str, list[str]]]:
        """Notes in order: on which card, with which lines."""
        found = []
        for row in self.world.outbox("ladder"):
            words = Call.from_json(row.call).params["fields"]["COMMENT"].splitlines()
            found.append((row.lane, words[1:-1]))
        return found

    def tasks(self) -> list[dict[str, Any]]:
        return [Call.from_json(row.call).params["fields"] for row in self.world.outbox("thanks")]

    def made(self, task: int = 77, number: int = 0) -> None:
        with transaction(self.world.deps.sessions) as session:
            row = self.thanks()[number]
            referral_thanks.task_made(session, self.pid, row.id, task, self.clock.now())
            made = select(OutboxRow).where(OutboxRow.purpose == "thanks", OutboxRow.cause_id == row.id)
            session.scalars(made).one().status = "done"

    def task(self, number: int, status: int | None, owner: int = MANAGER) -> None:
        """The portal tells of a task; no status: it was deleted."""
        deadline = self.clock.now() + timedelta(days=3)
        seen = None if status is None else Task(number, "", status, owner, HEAD, deadline, None, (), "")
        with transaction(self.world.deps.sessions) as session:
            tasks.changed(session, self.pid, number, seen, self.clock.now())

    def daily(self) -> None:
        assert referral_ladder.climb(self.world.deps, self.pid, {}).due_at is None


def a_ladder(sessions: Sessions, clock: HandClock) -> Ladder:
    """Monday, 12 January 2026. Lead 100 names Vega, company 90, whose manager is MANAGER."""
    world = make_world(sessions, clock)
    made = Ladder(world)
    world.set(Portal, world.portal.id, synced_at=clock.now())
    made.add(
        Company(portal_id=made.pid, id=90, title="Vega", assigned_by=MANAGER, city="Kazan"),
        Company(portal_id=made.pid, id=91, title="Rigel", assigned_by=DIRECTOR),
        Lead(portal_id=made.pid, id=100, title="Asks", referral=raw("lead")),
    )
    return made


@pytest.fixture
def ladder(one_engine: Engine, clock: HandClock) -> Ladder:
    return a_ladder(make_sessions(one_engine), clock)


@pytest.fixture
def both(sessions: Sessions, clock: HandClock) -> Ladder:
    """On both kinds of database, for what queries."""
    return a_ladder(sessions, clock)


def converted(ladder: Ladder) -> None:
    """The lead became company 50 with deal 500, which stands in its first stage."""
    ladder.add(
        Company(portal_id=ladder.pid, id=50, title="Newcomer [B]", lead_id=100, assigned_by=MANAGER),
        Deal(portal_id=ladder.pid, id=500, title="First", lead_id=100, company_id=50, client_kind="company",
             client_id=50, stage_id="NEW", created_at=ladder.clock.now()),
    )  # fmt: skip
    ladder.world.set(Lead, (ladder.pid, 100), semantics="S")
    ladder.move("NEW")
    ladder.look("company", 50)


def test_from_a_lead_to_the_thanks(both: Ladder) -> None:
    """Each step is kept with its day, told once on the referrer's card, and the won deal brings one task to the
    manager of whoever recommended, bound to both cards; finishing it is thanking."""
    both.look("lead", 100)
    assert both.row().step == "introduced"
    assert both.told() == [
        ("company:90", ["Recommended by this client: 5 January 2026", "In the CRM: 12 January 2026"])
    ]
    both.clock.advance(days=1)
    converted(both)
    assert (both.row().newcomer_kind, both.row().newcomer_id, both.row().deal_id) == (
        "company",
        50,
        500,
    )
    assert len(both.told()) == 1
    both.clock.advance(days=1)
    both.move("OFFER")
    both.look("deal", 500)
    assert both.told()[1:] == [("company:90", ["In talks: 14 January 2026"])]
    assert both.tasks() == []
    both.clock.advance(days=1)
    both.move("WON", "S")
    for card in (("deal", 500), ("company", 50), ("lead", 100)):
        both.look(*card)
    assert both.row().steps == {
        "named": "2026-01-05", "introduced": "2026-01-12", "in_talks": "2026-01-14", "won": "2026-01-15",
        "paid": "2026-01-15",
    }  # fmt: skip
    # Two steps at once are one note.
    assert both.told()[2:] == [
        ("company:90", ["Has become a client: 15 January 2026", "Has paid: 15 January 2026"])
    ]
    (fields,) = both.tasks()
    assert (fields["RESPONSIBLE_ID"], fields["CREATED_BY"]) == (MANAGER, HEAD)
    assert fields["UF_CRM_TASK"] == ["CO_90", "CO_50"]
    assert fields["TITLE"] == "Thank Vega: Newcomer [B] has become a client"
    assert fields["DEADLINE"] == "2026-01-22T18:00:00+03:00"  # Thursday, and five working days on
    assert fields["XML_ID"] == f"molva:2026:thanks:{both.thanks()[0].id}"
    assert "[URL=http://portal.example/crm/company/details/50/]Newcomer [\u200bB]" in fields["DESCRIPTION"]
    both.made()
    both.made(78)  # told twice: the first stays
    both.clock.advance(days=1)
    both.task(77, 3)
    assert both.thanks()[0].status == "open"
    both.task(77, 5, owner=DIRECTOR)
    (thanked,) = both.thanks()
    assert (thanked.status, thanked.thanked_by, thanked.owner_id, thanked.task_id) == (
        "thanked",
        "",
        DIRECTOR,
        77,
    )
    assert thanked.thanked_at == both.clock.now()
    both.task(77, 2)  # taken up again
    assert both.thanks()[0].status == "open"
    acts = [act.what for act in both.world.rows(ReferralAct)]
    assert (acts.count("step"), acts.count("noted"), acts.count("asked"), acts.count("thanked")) == (
        3,
        3,
        1,
        1,
    )
    both.look("company", 50)
    both.daily()
    assert (len(both.told()), len(both.tasks())) == (3, 1)


def test_a_year_comes_by_itself_and_is_thanked_for_once_more(both: Ladder) -> None:
    both.look("lead", 100)
    converted(both)
    both.move("WON", "S")
    both.made()
    both.task(77, 5)
    both.world.set(Deal, (both.pid, 500), close_on=date(2026, 1, 12))
    both.clock.advance(days=364)
    both.daily()
    assert (both.row().step, len(both.tasks())) == ("paid", 1)
    both.clock.advance(days=1)
    both.daily()
    both.daily()
    assert both.row().steps["year"] == "2027-01-12"
    assert both.told()[-1] == ("company:90", ["With us for a year: 12 January 2027"])
    assert [fields["TITLE"] for fields in both.tasks()][1:] == [
        "Thank Vega: Newcomer [B] has been with us for a year"
    ]
    assert [row.step for row in both.thanks()] == ["won", "year"]


def test_who_left_is_no_client_for_a_year_until_a_later_deal(ladder: Ladder) -> None:
    """A later deal of the client tells nothing about how they came, but that they are still here."""
    ladder.world.policy(current_months=2, service_pipelines=[9])
    converted(ladder)
    ladder.look("lead", 100)
    ladder.move("WON", "S")
    ladder.world.set(Deal, (ladder.pid, 500), close_on=date(2026, 2, 1))
    ladder.clock.advance(days=400)
    ladder.daily()
    assert ladder.row().step == "paid"
    ladder.add(
        Deal(portal_id=ladder.pid, id=501, title="Again", company_id=50, client_kind="company", client_id=50,
             category_id=9, stage_id="C9:NEW", created_at=ladder.clock.now())
    )  # fmt: skip
    ladder.daily()
    assert ladder.row().step == "year"


def test_named_after_the_fact(ladder: Ladder) -> None:
    """The deal is won, then somebody says who recommended: one note for all steps, and the task at once."""
    ladder.world.set(Lead, (ladder.pid, 100), referral={})
    converted(ladder)
    ladder.move("OFFER")
    ladder.move("WON", "S")
    assert (ladder.told(), ladder.tasks()) == ([], [])
    ladder.clock.advance(days=2)
    ladder.world.set(Company, (ladder.pid, 50), referral=raw("company", day="2026-01-14"))
    ladder.look("company", 50)
    ((_, lines),) = ladder.told()
    assert [line.partition(":")[0] for line in lines] == [
        "Recommended by this client", "In the CRM", "In talks", "Has become a client", "Has paid",
    ]  # fmt: skip
    assert len(ladder.tasks()) == 1


def test_what_happened_long_ago_is_known_but_asked_of_nobody(ladder: Ladder) -> None:
    """Imported or entered late: the steps stand, no note, no task; a person may still say that they were thanked."""
    long_ago = datetime(2024, 3, 1, 9, tzinfo=UTC)
    ladder.add(
        Company(portal_id=ladder.pid, id=50, title="Old", referral=raw("company", day="2024-02-01")),
        Deal(portal_id=ladder.pid, id=500, title="First", company_id=50, client_kind="company", client_id=50,
             stage_id="NEW", created_at=long_ago, close_on=date(2024, 3, 1)),
    )  # fmt: skip
    ladder.move("NEW", at=long_ago)
    ladder.move("WON", "S", at=long_ago)
    ladder.look("company", 50)
    assert (ladder.told(), ladder.tasks()) == ([], [])
    assert ladder.row().steps["won"] == "2024-03-01"
    assert [(row.status, row.task_id) for row in ladder.thanks()] == [("past", None)]
    with reading(ladder.world.deps.sessions) as session:
        assert referral_thanks.waiting(session, ladder.world.portal, ladder.clock.now()) == []
        (due,) = referral_thanks.waiting(session, ladder.world.portal, ladder.clock.now(), past=True)
        assert (due.past, due.since, due.age_days) == (True, date(2025, 3, 1), 317)
    assert referral_thanks.thank(ladder.world.deps, ladder.pid, ladder.row().id, who="Ann (6)") == "done"
    assert ladder.thanks()[0].status == "thanked"


def test_the_chore_that_rebuilds_writes_nothing_and_the_next_look_tells_what_is_fresh(ladder: Ladder) -> None:
    ladder.world.set(Lead, (ladder.pid, 100), referral={})
    converted(ladder)
    ladder.move("WON", "S")
    ladder.world.set(Company, (ladder.pid, 50), referral=raw("company"))
    ladder.look("company", 50, quiet=True)
    assert (ladder.row().step, ladder.told(), ladder.tasks()) == ("paid", [], [])
    ladder.daily()
    assert len(ladder.tasks()) == 1
    ladder.look("company", 50)
    ladder.look("company", 50, quiet=True)
    assert (len(ladder.told()), len(ladder.tasks())) == (1, 1)


@pytest.mark.parametrize("left", [False, True])
def test_somebody_else_recommended_after_all(ladder: Ladder, left: bool) -> None:
    """The thanks move to whom they are due: a task that has not left is not made, the new referrer gets one, and the
    first one theirs again if it was true after all. A note stands on a card only once."""
    ladder.look("lead", 100)
    converted(ladder)
    ladder.move("WON", "S")
    if left:
        ladder.made()
    ladder.world.set(Lead, (ladder.pid, 100), referral=raw("lead", "CO_91"))
    ladder.world.set(Company, (ladder.pid, 50), referral=raw("company", "CO_91", "2025-12-01"))
    ladder.look("company", 50)
    assert [(row.referrer_id, row.status) for row in ladder.thanks()] == [(90, "cancelled"), (91, "open")]
    states = [row.status for row in ladder.world.outbox("thanks")]
    assert states == (["done", "waiting"] if left else ["superseded", "waiting"])
    assert ladder.tasks()[1]["RESPONSIBLE_ID"] == DIRECTOR
    assert [lane for lane, _ in ladder.told()].count("company:91") == 1
    notes = len(ladder.told())
    ladder.world.set(Lead, (ladder.pid, 100), referral=raw("lead"))
    ladder.world.set(Company, (ladder.pid, 50), referral=raw("company", day="2025-11-01"))
    ladder.look("company", 50)
    assert [(row.referrer_id, row.status) for row in ladder.thanks()] == [(90, "open"), (91, "cancelled")]
    assert ladder.world.outbox("thanks")[0].status == ("done" if left else "waiting")
    assert len(ladder.told()) == notes


def test_lost_deleted_withdrawn(ladder: Ladder) -> None:
    """Steps stay, what is left of it is said, and nobody is asked to thank for what does not stand."""
    ladder.look("lead", 100)
    converted(ladder)
    ladder.move("OFFER")
    ladder.clock.advance(days=3)
    ladder.move("LOSE", "F")
    assert (ladder.row().step, ladder.row().lost_on) == ("in_talks", date(2026, 1, 15))
    ladder.move("OFFER")
    assert ladder.row().lost_on is None
    ladder.move("WON", "S")
    assert ladder.thanks()[0].status == "open"
    ladder.gone("company", 50)
    assert (ladder.row().step, ladder.row().lost_on, ladder.thanks()[0].status) == (
        "paid",
        date(2026, 1, 15),
        "cancelled",
    )
    assert [row.status for row in ladder.world.outbox("thanks")] == ["superseded"]
    with reading(ladder.world.deps.sessions) as session:
        assert rows.count_waiting(session, ladder.pid) == 0


def test_a_deal_deleted_before_it_came_to_anything_is_lost(ladder: Ladder) -> None:
    ladder.world.set(Lead, (ladder.pid, 100), referral={})
    ladder.add(
        Deal(portal_id=ladder.pid, id=500, title="First", client_kind="", client_id=0, stage_id="NEW",
             created_at=ladder.clock.now(), referral=raw("deal"))
    )  # fmt: skip
    ladder.move("NEW")
    ladder.move("OFFER")
    assert (ladder.row().newcomer_kind, ladder.row().step, ladder.row().lost_on) == ("deal", "in_talks", None)
    ladder.gone("deal", 500)
    assert (ladder.row().step, ladder.row().lost_on) == ("in_talks", date(2026, 1, 12))


@pytest.mark.parametrize(
    ("absent", "owner"),
    [((), MANAGER), ((MANAGER,), DIRECTOR), ((MANAGER, DIRECTOR), HEAD), ((MANAGER, DIRECTOR, HEAD), None)],
)
def test_whose_task_it_is(ladder: Ladder, absent: tuple[int, ...], owner: int | None) -> None:
    """Whoever is responsible for the referrer's card, else as for a follow-up (F3); if nobody is at work, later."""
    for user in absent:
        ladder.world.set(Staff, (ladder.pid, user), active=False)
    converted(ladder)
    ladder.look("lead", 100)
    ladder.move("WON", "S")
    assert [row.owner_id for row in ladder.thanks()] == [owner]
    if owner is not None:
        assert [fields["RESPONSIBLE_ID"] for fields in ladder.tasks()] == [owner]
        return
    assert ladder.tasks() == []
    ladder.daily()
    ladder.world.set(Staff, (ladder.pid, HEAD), active=True)
    ladder.daily()
    assert [fields["RESPONSIBLE_ID"] for fields in ladder.tasks()] == [HEAD]


def test_which_steps_are_thanked_for_is_a_setting(ladder: Ladder) -> None:
    """Also the stages: money is what says so in the settings. Nobody is asked twice for one day's success."""
    ladder.world.policy(thanked_steps=["in_talks", "paid"], thanks_days=1, paid_stages=["C9:PAID"])
    converted(ladder)
    ladder.look("lead", 100)
    ladder.move("OFFER")
    ladder.move("WON", "S")
    assert [row.step for row in ladder.thanks()] == ["in_talks"]
    assert ladder.row().step == "won"
    ladder.clock.advance(days=9)
    ladder.add(
        Deal(portal_id=ladder.pid, id=501, title="Again", company_id=50, client_kind="company", client_id=50,
             category_id=9, stage_id="C9:NEW", created_at=ladder.clock.now())
    )  # fmt: skip
    ladder.move("C9:PAID", deal=501)
    ladder.daily()
    assert [(row.step, row.since.isoformat()) for row in ladder.thanks()] == [
        ("in_talks", "2026-01-12"), ("paid", "2026-01-21"),
    ]  # fmt: skip
    assert [fields["DEADLINE"][:10] for fields in ladder.tasks()] == ["2026-01-13", "2026-01-22"]
    ladder.world.policy(thanked_steps=["in_talks", "won", "paid"], paid_stages=["C9:PAID"])
    ladder.look("company", 50)
    assert len(ladder.tasks()) == 2


def test_a_person_says_that_the_referrer_was_thanked(ladder: Ladder) -> None:
    """Before the task has left: it does not leave. While it stands in the portal: it is finished there."""
    deps, pid = ladder.world.deps, ladder.pid
    converted(ladder)
    ladder.look("lead", 100)
    ladder.move("WON", "S")
    number = ladder.row().id
    assert referral_thanks.thank(deps, pid, number, who="Ann (6)", note="x" * 501) == "too_long"
    assert referral_thanks.thank(deps, pid, number + 1, who="Ann (6)") == "gone"
    assert referral_thanks.thank(deps, pid, number, who="Ann (6)", note=" by phone ") == "done"
    assert referral_thanks.thank(deps, pid, number, who="Ann (6)") == "same"
    (row,) = ladder.thanks()
    assert (row.status, row.thanked_by, row.note) == ("thanked", "Ann (6)", "by phone")
    assert ladder.world.outbox("thanks")[0].status == "superseded"
    ladder.made(77)  # it had left all the same
    (done,) = ladder.world.outbox("thanks_done")
    assert Call.from_json(done.call).params == {"taskId": 77, "fields": {"STATUS": 5}}
    ladder.task(77, 2)  # the event of its creation comes late
    ladder.task(77, None)
    assert ladder.thanks()[0].status == "thanked"


def test_a_task_deleted_in_the_portal_is_not_made_again(ladder: Ladder) -> None:
    converted(ladder)
    ladder.look("lead", 100)
    ladder.move("WON", "S")
    ladder.made()
    ladder.task(77, None)
    ladder.look("company", 50)
    ladder.daily()
    assert [row.status for row in ladder.thanks()] == ["cancelled"]
    assert len(ladder.tasks()) == 1


def test_two_rows_of_one_newcomer_are_thanked_for_once(both: Ladder) -> None:
    """Two rows that become one: an open double is not asked for any more."""
    for deal, company in ((500, 50), (510, 51)):
        both.add(
            Company(portal_id=both.pid, id=company, title=f"N{company}", referral=raw("company")),
            Deal(portal_id=both.pid, id=deal, title="D", company_id=company, client_kind="company",
                 client_id=company, stage_id="NEW", created_at=both.clock.now()),
        )  # fmt: skip
        both.look("company", company)
        both.move("WON", "S", deal)
    first, second = both.world.rows(Referral)
    with transaction(both.world.deps.sessions) as session:
        ladder_rows = rows.thanks_of(session, both.pid, [first.id, second.id])
        ladder_rows[second.id][0].status = "thanked"
        rows.hand_over(session, both.pid, second.id, first.id, both.clock.now())
    assert [(row.referral_id == first.id, row.status) for row in both.thanks()] == [
        (True, "thanked"),
        (False, "thanked"),
    ]
    assert [row.status for row in both.world.outbox("thanks")] == ["superseded", "waiting"]


def test_the_list_of_whom_nobody_thanked(both: Ladder) -> None:
    """Oldest first, with age in days, in pages, and narrowed by a condition on the referral."""
    for number in range(3):
        company, deal = 60 + number, 600 + number
        both.add(
            Company(portal_id=both.pid, id=company, title="N", referral=raw("company", f"CO_{90 + number % 2}")),
            Deal(portal_id=both.pid, id=deal, title="D", company_id=company, client_kind="company",
                 client_id=company, stage_id="NEW", created_at=both.clock.now()),
        )  # fmt: skip
        both.look("company", company)
        both.move("WON", "S", deal)
        both.clock.advance(days=2)
    now, portal = both.clock.now(), both.world.portal
    with reading(both.world.deps.sessions) as session:
        found = referral_thanks.waiting(session, portal, now)
        assert [(one.newcomer.id, one.referrer.id, one.age_days, one.owner_id) for one in found] == [
            (60, 90, 6, MANAGER), (61, 91, 4, DIRECTOR), (62, 90, 2, MANAGER),
        ]  # fmt: skip
        assert referral_thanks.waiting(session, portal, now, offset=1, limit=1) == found[1:2]
        mine = Referral.referrer_id == 90
        assert [one.newcomer.id for one in referral_thanks.waiting(session, portal, now, mine)] == [60, 62]
        assert (rows.count_waiting(session, both.pid), rows.count_waiting(session, both.pid, mine)) == (
            3,
            2,
        )
        ordered = select(Referral.newcomer_id, rows.waiting_since()).where(rows.not_thanked())
        shown = session.execute(ordered.order_by(rows.waiting_since().desc(), Referral.id)).all()
        assert [tuple(one) for one in shown] == [
            (62, date(2026, 1, 16)), (61, date(2026, 1, 14)), (60, date(2026, 1, 12)),
        ]  # fmt: skip
        assert rows.open_tasks(session, both.pid) == []


def test_the_reward_is_what_people_say(ladder: Ladder) -> None:
    ladder.look("lead", 100)
    deps, pid, number = ladder.world.deps, ladder.pid, ladder.row().id
    say = referral_rewards.say
    assert say(deps, pid, number, "paid", who="Ann (6)") == "bad"
    assert say(deps, pid, number, "given", who="Ann (6)", note="x" * 501) == "too_long"
    assert say(deps, pid + 1, number, "given", who="Ann (6)") == "gone"
    assert say(deps, pid, number, "promised", who="Ann (6)", note="a  dinner ") == "done"
    assert say(deps, pid, number, "promised", who="Bob (7)", note="a dinner") == "same"
    row = ladder.row()
    assert (row.reward, row.reward_who, row.reward_note, row.reward_at) == (
        "promised", "Ann (6)", "a dinner", ladder.clock.now(),
    )  # fmt: skip
    converted(ladder)
    ladder.look("lead", 100)
    ladder.move("WON", "S")
    assert ladder.tasks()[0]["DESCRIPTION"].endswith("[B]Promised:[/B] a dinner")
    assert say(deps, pid, number, "given", who="Ann (6)", note="a dinner") == "done"
    assert say(deps, pid, number, "", who="Ann (6)") == "done"
    assert (ladder.row().reward, ladder.row().reward_who, ladder.row().reward_at) == ("", "", None)
    acts = [act.detail for act in ladder.world.rows(ReferralAct) if act.what == "reward"]
    assert acts == [
        {"reward": "promised", "was": ""}, {"reward": "given", "was": "promised"}, {"reward": "", "was": "given"},
    ]  # fmt: skip


def test_a_person_who_recommended_is_thanked_at_their_own_card(ladder: Ladder) -> None:
    """A contact without a company; the newcomer is a contact as well."""
    ladder.add(
        Contact(portal_id=ladder.pid, id=8, name="Eva", last_name="Ray", assigned_by=MANAGER),
        Contact(portal_id=ladder.pid, id=9, name="Oleh", last_name="Lis", referral=raw("contact", "C_8")),
        Deal(portal_id=ladder.pid, id=500, title="D", contact_id=9, contact_ids=[9], client_kind="contact",
             client_id=9, stage_id="NEW", created_at=ladder.clock.now()),
    )  # fmt: skip
    ladder.look("contact", 9)
    ladder.move("WON", "S")
    (fields,) = ladder.tasks()
    assert (fields["UF_CRM_TASK"], fields["TITLE"]) == (
        ["C_8", "C_9"],
        "Thank Eva Ray: Oleh Lis has become a client",
    )
    assert {lane for lane, _ in ladder.told()} == {"contact:8"}


# --- what it costs


def test_a_card_that_has_nothing_to_do_with_recommendations_costs_a_handful_of_queries(
    sessions: Sessions, clock: HandClock
) -> None:
    """However many deals and people the client has; not one of the client's deals is loaded."""
    world = make_world(sessions, clock)
    pid = world.portal.id
    won = clock.now() - timedelta(days=300)
    with transaction(sessions) as session:
        session.add(Company(portal_id=pid, id=70, title="Plain"))
        for number in range(700, 720):
            session.add(Contact(portal_id=pid, id=number, name="P", company_id=70, company_ids=[70]))
            session.add(ContactCompany(portal_id=pid, contact_id=number, company_id=70))
        for number in range(7000, 7060):
            session.add(
                Deal(portal_id=pid, id=number, title="D", company_id=70, contact_id=700 + number % 20,
                     client_kind="company", client_id=70, semantics="S", created_at=won, won_at=won,
                     referral={SOURCE: None, REFERRER: "", DATE: ""})
            )  # fmt: skip
        session.add(Lead(portal_id=pid, id=900, title="Asks"))
    for card, most in (
        (("deal", 7059), 12), (("company", 70), 12), (("contact", 705), 12), (("lead", 900), 16)
    ):  # fmt: skip
        with transaction(sessions) as session, counted(session) as queries:
            portal = session.get_one(Portal, pid)
            queries.clear()
            referrals.on_card_changed(world.deps, session, portal, *card)
            deals = [row for row in session.identity_map.values() if isinstance(row, Deal)]
        assert len(queries) <= most, f"{card}: {len(queries)}"
        assert len(deals) <= 1
    assert world.rows(Referral) == []


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """The statements a session sends."""
    sent: list[str] = []
    engine = session.get_bind()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    "where", ["deal", "person", "lead of a deal", "person of a lead", "own source", "former mark"]
)
def test_the_quick_look_overlooks_nothing(ladder: Ladder, where: str) -> None:
    """Whatever near a card says something, the thorough look follows: the company's event alone finds it."""
    said = {"referral": raw("deal")}
    ladder.add(
        Company(portal_id=ladder.pid, id=50, title="N"),
        Contact(portal_id=ladder.pid, id=40, name="P", **(said if where == "person" else {})),
        Contact(portal_id=ladder.pid, id=41, name="Q", lead_id=101, company_id=50, company_ids=[50],
                **({"referral": raw("contact")} if where == "person of a lead" else {})),
        Lead(portal_id=ladder.pid, id=101, title="L",
             **({"referral": raw("lead")} if where == "lead of a deal" else {})),
        Deal(portal_id=ladder.pid, id=500, title="D", company_id=50, contact_id=40, contact_ids=[40], lead_id=101,
             client_kind="company", client_id=50, stage_id="NEW", created_at=ladder.clock.now(),
             source_id="RECOMMENDATION" if where == "own source" else "", **(said if where == "deal" else {})),
    )  # fmt: skip
    if where == "former mark":
        ladder.add(ReferralMark(portal_id=ladder.pid, card_kind="company", card_id=50, wrote={"source": "client"},
                                written_at=ladder.clock.now()))  # fmt: skip
    with reading(ladder.world.deps.sessions) as session:
        policy, _ = policies.load(session, ladder.pid)
        book = MirrorBook(session, ladder.pid, policy, ladder.clock.now())
        for card in (("company", 50), ("deal", 500), ("contact", 40)):
            assert not silent(session, ladder.pid, policy, CardKey(*card), book), card
        assert silent(session, ladder.pid, policy, CardKey("company", 91), book)
