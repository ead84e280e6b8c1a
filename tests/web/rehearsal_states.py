"""Rehearsals in every state: nothing wrong, everything wrong, under way, given up, none yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from integration.services import rehearsals, waves
from integration.services.frames import Viewer
from integration.store.base import transaction
from integration.store.chores import ChoreRow
from integration.store.clients import Contact
from integration.store.followups import FollowUp
from integration.store.mailboxes import SenderMailbox
from integration.store.portals import Portal, Staff
from integration.store.waves import Wave
from tests.services.dns_world import AGENCY
from tests.services.report_world import LONG, MARKUP, beat, viewer
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, POLICY, World


def clean(world: World) -> Viewer:
    """Nothing wrong: one client, signatures known."""
    beat(world)
    for number in range(2, 5):
        world.client(number, people=1 + number % 2)
    sign(world, "head", "branch")
    waves.rehearse(world.deps, world.portal_id, world.planned(), "Пётр Сом (1)")
    return viewer(world, HEAD)


def sign(world: World, *senders: str) -> None:
    """The selector under which these senders sign is known."""
    now = world.clock.now()
    with transaction(world.deps.sessions) as session:
        session.add_all(
            SenderMailbox(portal_id=world.portal_id, sender_key=key, dkim_selector="mail", changed_at=now)
            for key in senders
        )


def many(world: World) -> Viewer:
    """A list of clients of every kind, mail that nobody would believe, and a client nobody may sign for."""
    beat(world)
    for number in range(2, 40):
        world.client(
            number, people=1 + number % 3 if number > 9 else 2, title={3: LONG, 4: MARKUP}.get(number, "")
        )
    world.client(50, manager=DIRECTOR)
    world.client(51, since=date(2026, 1, 5), title="Новички")
    for number in (52, 53, 54, 55, 56, 57):
        world.client(number, email=None, title=f"Без почты {number}")
    world.client(58, people=0, title="Без людей")
    world.client(59, people=9, title="Сорок контактов", email="info@big.example.com")
    world.person(9000)
    for contact in (201, 301, 501):
        world.set(Contact, (world.portal_id, contact), role="daily", language="uk")
    world.set(Contact, (world.portal_id, 801), role="decides")
    del world.contacts.emails[801]
    world.set(Contact, (world.portal_id, 200), name="", last_name="")
    world.policy(
        senders=[POLICY["senders"][1], {**POLICY["senders"][0], "email": "som@bad.example.com"}],
        country="UA",
    )  # fmt: skip
    world.set(Portal, world.portal_id, calendar={})
    world.set(Staff, (world.portal_id, HEAD), active=False)
    names = world.deps.names
    names.records[AGENCY] = ["v=spf1 include:_spf.other.example.com ip4:192.0.2.7 -all"]  # type: ignore[attr-defined]
    names.records["_spf.other.example.com"] = ["v=spf1 ip4:198.51.100.0/24 -all"]  # type: ignore[attr-defined]
    names.records[f"_dmarc.{AGENCY}"] = ["v=DMARC1; p=reject"]  # type: ignore[attr-defined]
    with transaction(world.deps.sessions) as session:
        session.add(
            SenderMailbox(
                portal_id=world.portal_id,
                sender_key="branch",
                dkim_selector="gone",
                changed_at=world.clock.now(),
            )
        )
        session.add(Wave(portal_id=world.portal_id, name="2025", stage="closed", policy_version=1, plan={},
                         planned_at=world.clock.now() - timedelta(days=300)))  # fmt: skip
    with transaction(world.deps.sessions) as session:
        session.add_all(
            FollowUp(portal_id=world.portal_id, key=f"k{n}", kind="thanks", client_kind="company", client_id=n,
                     owner_id=5, deadline=world.clock.now(), opened_at=world.clock.now(),
                     facts={"client": f"Клиент {n}"})
            for n in range(2, 5)
        )  # fmt: skip
    waves.rehearse(world.deps, world.portal_id, world.planned(), "Пётр Сом (1)")
    return viewer(world, MANAGER, administrator=True)


def running(world: World) -> Viewer:
    """Ordered, the list is being made."""
    beat(world)
    for number in range(2, 5):
        world.client(number)
    wave_id = world.planned()
    rehearsals.order(world.deps, world.portal_id, wave_id, "Пётр Сом (1)")
    waves.freeze(world.deps, world.portal_id, wave_id, steps=1)
    return viewer(world, HEAD)


def given_up(world: World) -> Viewer:
    """The portal did not give the people; nobody tries any more."""
    who = running(world)
    name = f"rehearse:{world.wave().id}"
    with transaction(world.deps.sessions) as session:
        row = session.query(ChoreRow).filter_by(portal_id=world.portal_id, name=name).one()
        row.status = "buried"
    return who


def none_yet(world: World) -> Viewer:
    """Planned, nobody has rehearsed it."""
    beat(world)
    world.client(2)
    world.planned()
    return viewer(world, HEAD)


def stale(world: World) -> Viewer:
    """Rehearsed two days ago."""
    who = clean(world)
    world.clock.advance(days=2)
    beat(world)
    return replace(who, proved_at=world.clock.now())


STATES = {
    "clean": clean,
    "many": many,
    "running": running,
    "given_up": given_up,
    "none": none_yet,
    "stale": stale,
}
