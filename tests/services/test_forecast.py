"""How many would be asked with settings nobody has saved: the same rules as the list itself, and nothing written."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import event

from integration.nps.policy import Policy
from integration.services import forecast, policies, waves_freeze
from integration.services.forecast import Forecast
from integration.store.base import Sessions, reading, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal, OptOut
from integration.store.followups import FollowUp
from tests.conftest import HandClock, a_portal
from tests.services.wave_world import SERVICE, World, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    """Clients of every kind on the day on which the list is made."""
    made = make_world(sessions, clock, policy={"trouble_stages": [f"C{SERVICE}:TROUBLE"]})
    clock.moment = datetime(2026, 1, 19, 9, tzinfo=UTC)
    for number in range(2, 12):
        made.client(number, people=2)
    made.client(20, people=0)
    made.client(21, since=date(2025, 12, 1))
    made.client(22, opted_out=True)
    made.client(23, hold_until=date(2026, 2, 1))
    made.client(24)
    made.set(Contact, (made.portal_id, 2400), opted_out=True)
    made.client(25)
    made.set(Deal, (made.portal_id, 250), semantics="F")
    made.client(26)
    made.set(Deal, (made.portal_id, 260), stage_id=f"C{SERVICE}:TROUBLE")
    made.client(27)
    made.set(Deal, (made.portal_id, 270), semantics="S", won_at=datetime(2025, 6, 1, tzinfo=UTC))
    made.person(5001)
    made.person(5002, hold_until=date(2026, 2, 1))
    made.client(28)
    with transaction(sessions) as session:
        session.add(OptOut(portal_id=made.portal_id, address="contact:2800", said_at=clock.now()))
        session.add(
            FollowUp(
                portal_id=made.portal_id, key="k", kind="detractor_meeting", client_kind="company", client_id=3,
                status="open", owner_id=5, deadline=clock.now(), opened_at=clock.now(),
            )
        )  # fmt: skip
    return made


def stored(world: World) -> Policy:
    with reading(world.deps.sessions) as session:
        return policies.load(session, world.portal_id)[0]


def counted(world: World, **changes: Any) -> Forecast:
    return forecast.count(world.deps, world.portal_id, replace(stored(world), **changes))


def frozen(world: World) -> tuple[int, dict[str, int], int]:
    """The list itself: clients asked, the others by reason, people asked."""
    wave_id = world.planned()
    reasons = Counter(waves_freeze.freeze(world.deps, world.portal_id, wave_id))
    return reasons.pop("", 0), dict(reasons), len(world.invitations())


def test_it_is_what_the_list_will_be(world: World) -> None:
    found = counted(world)
    assert (found.asked, found.reasons, found.people) == frozen(world)
    assert found.reasons == {"not_current": 1, "too_new": 1, "opted_out": 3, "on_hold": 4, "no_respondent": 1}
    assert (found.asked, found.judged, found.done) == (11, 21, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"min_age_months": 60},
        {"min_age_months": 0},
        {"service_pipelines": ()},
        {"service_pipelines": (0,)},
        {"service_stages": (f"C{SERVICE}:TROUBLE",)},
        {"current_months": 1},
        {"trouble_stages": ()},
        {"max_respondents": 1},
    ],
)
def test_settings_not_saved_count_as_they_would_when_saved(world: World, changes: dict[str, Any]) -> None:
    before = counted(world, **changes)
    world.policy(**{name: list(v) if isinstance(v, tuple) else v for name, v in changes.items()})
    assert (before.asked, before.reasons, before.people) == frozen(world)


def test_who_was_asked_not_long_ago_is_not_asked(world: World) -> None:
    """After this year's survey nobody can be asked today, and everybody once the time has passed."""
    world.set(FollowUp, 1, status="closed")
    asked = counted(world).asked
    world.approved()
    world.until(datetime(2026, 3, 4, tzinfo=UTC))
    assert counted(world).reasons["asked_recently"] >= asked
    assert counted(world, min_gap_days=0).asked >= asked
    later = forecast.count(world.deps, world.portal_id, stored(world), day=date(2027, 1, 19))
    assert later.asked >= asked
    assert later.day == date(2027, 1, 19)


def test_addresses_are_not_known_so_it_is_at_most(world: World) -> None:
    """Whoever has no address falls out when the list is made, never before."""
    world.client(40, email=None)
    found = counted(world)
    asked, reasons, _ = frozen(world)
    assert (found.asked - asked, reasons["no_channel"]) == (1, 1)


def test_a_large_portal_is_counted_in_several_goes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each go takes a bounded time and tells how far it is; together they are one count."""
    whole = counted(world)
    monkeypatch.setattr(forecast, "_CHUNK", 4)
    found = forecast.count(world.deps, world.portal_id, stored(world), seconds=0)
    goes = 1
    assert (found.judged, found.done, found.total) == (4, False, 21)
    while not found.done:
        found = forecast.count(world.deps, world.portal_id, stored(world), so_far=found, seconds=0)
        goes += 1
    assert goes == 6
    assert replace(found, total=0) == whole


def test_a_person_on_two_cards_is_counted_once(world: World) -> None:
    before = counted(world)
    with transaction(world.deps.sessions) as session:
        session.query(ContactCompany).filter_by(company_id=5).delete()
        session.add(ContactCompany(portal_id=world.portal_id, contact_id=400, company_id=5))
    after = counted(world)
    assert (before.asked - after.asked, after.reasons.get("asked_recently")) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "unread"),
    [
        ({"since_field": "UF_NEW"}, ("since_field",)),
        ({"end_field": "UF_NEW"}, ("end_field",)),
        ({"since_field_on": "company", "since_field": "UF_OLD"}, ("since_field",)),
        ({"since_field": ""}, ()),
        ({}, ()),
    ],
)
def test_a_field_that_was_never_read_does_not_count_and_is_named(
    world: World, changes: dict[str, Any], unread: tuple[str, ...]
) -> None:
    world.policy(since_field="UF_OLD", since_field_on="deal")
    world.set(Deal, (world.portal_id, 210), since_field=date(2020, 1, 1))
    assert counted(world).reasons.get("too_new") is None
    found = counted(world, **changes)
    assert found.unread == unread
    assert (found.reasons.get("too_new") is None) == (changes in ({}, {"end_field": "UF_NEW"}))


def test_nothing_is_written_and_nothing_is_asked_of_the_portal(world: World) -> None:
    seen: list[str] = []
    engine = world.deps.sessions.kw["bind"]

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        seen.append(statement.lstrip().split(" ", 1)[0].upper())

    requests = world.contacts.requests
    counted(world)
    event.remove(engine, "before_cursor_execute", note)
    assert set(seen) <= {"BEGIN", "SELECT", "WITH"}
    assert world.contacts.requests == requests


def test_another_portal_s_clients_do_not_count(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        other = a_portal(member_id="m-other")
        session.add(other)
        session.flush()
        session.add(Company(portal_id=other.id, id=2, title="Чужая"))
        session.add(
            Deal(
                portal_id=other.id,
                id=20,
                client_kind="company",
                client_id=2,
                category_id=SERVICE,
                stage_id="C9:NEW",
            )
        )
        number = other.id
    assert forecast.count(world.deps, number, stored(world)).judged == 1
    assert counted(world).judged == 21


def test_an_unknown_portal_has_no_clients_to_count(world: World) -> None:
    with pytest.raises(LookupError):
        forecast.count(world.deps, 99, Policy())


def test_a_zone_that_does_not_exist_is_no_reason_to_fail(world: World) -> None:
    """Somebody is still typing it."""
    assert counted(world, time_zone="Mars/Olympus").asked == 11


def test_a_very_large_portal_is_not_begun_to_be_counted_in_passing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page says how many clients there are, and whoever goes on from there comes to the same as in one go."""
    monkeypatch.setattr(forecast, "LARGE", 5)
    policy = stored(world)
    whole = forecast.count(world.deps, world.portal_id, policy)
    begun = forecast.count(world.deps, world.portal_id, policy, in_passing=True)
    assert (begun.judged, begun.done, begun.total > 5, begun.day) == (0, False, True, whole.day)
    going_on = forecast.count(world.deps, world.portal_id, policy, so_far=begun, in_passing=True)
    assert replace(going_on, total=0) == replace(whole, total=0)
    monkeypatch.setattr(forecast, "LARGE", 500)
    assert forecast.count(world.deps, world.portal_id, policy, in_passing=True) == whole
