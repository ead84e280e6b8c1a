""" "Ask my colleague": staff decide, only cards are written to, whoever is left alone stays so (product.md W12)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from integration.bitrix.errors import Retryable
from integration.services import colleague_acts, colleagues, optouts, privacy, survey
from integration.services.colleagues import ProposedResult
from integration.services.decisions import find
from integration.services.frames import Viewer
from integration.services.reports import Scope
from integration.services.rights import of as rights_of
from integration.store.base import Sessions, make_sessions, reading, transaction
from integration.store.clients import Contact, ContactCompany, OptOut
from integration.store.colleagues import Colleague
from integration.store.portals import Portal
from integration.store.waves import Wave
from tests.conftest import HandClock
from tests.services.said_world import asked, gesture, msk, says
from tests.services.survey_world import BROWSER
from tests.services.wave_world import HEAD, MANAGER, World, make_world

WHO = "Пётр Сом (1)"


@pytest.fixture
def world(one_engine: Engine, clock: HandClock) -> World:
    return asked(make_world(make_sessions(one_engine), clock))


def names(world: World, contact: int = 300, name: str = "Борис", **more: Any) -> ProposedResult:
    """A person names a colleague on the page."""
    form = {"name": name, "reach": "boris@evil.example", "words": ""}
    proof = gesture(world, contact, "colleague")
    token = world.invitations()[contact].token
    return colleagues.propose(world.deps, token, form, proof=proof, user_agent=BROWSER, **more)


def contact(world: World, number: int, company: int = 3, email: str = "", **card: Any) -> int:
    """Staff make a card of the colleague at the client."""
    with transaction(world.deps.sessions) as session:
        session.add(Contact(portal_id=world.portal_id, id=number, name="Борис", last_name="Бук", **card))
        session.add(ContactCompany(portal_id=world.portal_id, contact_id=number, company_id=company))
    world.contacts.emails[number] = [email or f"p{number}@client.example.com"]
    return number


def ask(world: World, number: int, proposal: int = 1) -> str:
    return colleague_acts.ask(world.deps, world.portal_id, world.wave().id, proposal, number, WHO)


def viewer(world: World, user: int = HEAD) -> Viewer:
    return Viewer(
        portal_id=world.portal_id, user_id=user, administrator=user == HEAD, language="ru",
        origin="https://portal.example", proved_at=world.clock.now(),
    )  # fmt: skip


def test_a_colleague_gets_the_question_at_the_address_of_the_card(
    sessions: Sessions, clock: HandClock
) -> None:
    """Who named them is reminded no more and may still answer; nothing ever goes to what was typed."""
    world = asked(make_world(sessions, clock))
    contact(world, 301)
    assert names(world).status == "done"
    assert names(world, name="борис ").status == "done"
    (row,) = world.rows(Colleague)
    assert (row.name, row.status) == ("Борис", "new")
    with reading(world.deps.sessions) as session:
        assert colleagues.open_for(session, world.portal_id, world.wave().id) == 1
        portal = session.get_one(Portal, world.portal_id)
        mine = rights_of(session, world.portal_id, viewer(world))
        todo = find(world.deps, session, portal, _policy(session, world), mine, Scope(everyone=True))
    assert ("colleague", 1) in [(one.kind, one.count) for one in todo.decisions]
    page = colleague_acts.page(world.deps, viewer(world), world.wave().id)
    assert page is not None
    (shown,) = page.proposals
    assert (shown.client_name, shown.name, shown.reach) == ("Клиент 3", "Борис", "boris@evil.example")
    assert [(one.contact_id, one.why) for one in shown.choices] == [(301, ""), (300, "asked_already")]
    assert ask(world, 301) == "done"
    assert ask(world, 301) == "done"
    assert world.invitations()[301].colleague_id == row.id
    world.until(msk(3, 30))
    assert world.wave().stage == "closed"
    kinds = {
        address: [row.kind for row in world.letters() if row.recipient_address == address]
        for address in ("p300@client.example.com", "p301@client.example.com", "boris@evil.example")
    }
    assert kinds == {
        "p300@client.example.com": ["announcement", "invitation"],
        "p301@client.example.com": ["invitation", "reminder", "last_reminder"],
        "boris@evil.example": [],
    }
    assert world.invitations()[300].outcome == "no_answer"
    assert world.invitations()[300].skipped["reminder_1"] == "colleague"
    told = [(row.what, row.who) for row in world.events() if row.what.startswith("colleague")]
    assert told == [("colleague_named", "client"), ("colleague_asked", WHO)]


def _policy(session: Any, world: World) -> Any:
    from integration.services import policies

    return policies.load(session, world.portal_id)[0]


def test_nobody_is_asked_who_should_not_be_and_the_reason_is_said(world: World) -> None:
    names(world)
    contact(world, 302, email="p200@client.example.com")  # the address of somebody asked already
    contact(world, 303)
    contact(world, 304, email="info@client.example.com")
    contact(world, 305, opted_out=True)
    contact(world, 306)
    contact(world, 307)
    contact(world, 401, company=2)
    world.contacts.emails[303] = []
    with transaction(world.deps.sessions) as session:
        session.add(
            OptOut(portal_id=world.portal_id, address="p306@client.example.com", source="link",
                   said_at=world.clock.now())
        )  # fmt: skip
    for number, code in (
        (300, "asked_already"), (302, "asked_already"), (303, "no_channel"), (304, "shared_mailbox"),
        (305, "opted_out"), (306, "opted_out"), (401, "not_of_client"), (999, "not_of_client"),
    ):  # fmt: skip
        assert (number, ask(world, number)) == (number, code)
    world.contacts.fail = [Retryable("batch", "unreachable", effect="none")]
    assert ask(world, 307) == "portal_busy"
    assert world.rows(Colleague)[0].status == "new"
    assert ask(world, 307) == "done"
    names(world, 200)
    names(world, 201)
    assert ask(world, 401, proposal=2) == "done"  # three are asked, and one more may be
    contact(world, 402, company=2)
    assert ask(world, 402, proposal=3) == "too_many"
    assert ask(world, 402, proposal=2) == "settled"


def test_a_proposal_can_be_left_and_taken_up_again_by_those_who_run_the_wave(world: World) -> None:
    names(world)
    contact(world, 301)
    deps, pid, wave = world.deps, world.portal_id, world.wave().id
    assert colleague_acts.dismiss(deps, pid, wave, 1, "  ", WHO) == "no_reason"
    assert colleague_acts.dismiss(deps, pid, wave, 1, "он ушёл", WHO) == "done"
    assert colleague_acts.dismiss(deps, pid, wave, 1, "он ушёл", WHO) == "done"
    assert ask(world, 301) == "settled"
    assert colleague_acts.reopen(deps, pid, wave, 1, WHO) == "done"
    assert ask(world, 301) == "done"
    assert colleague_acts.reopen(deps, pid, wave, 1, WHO) == "settled"
    assert colleague_acts.reopen(deps, pid, wave + 1, 1, WHO) == "unknown"
    with pytest.raises(PermissionError):
        colleague_acts.page(deps, viewer(world, MANAGER), wave)
    assert colleague_acts.page(deps, viewer(world), wave + 1) is None
    world.set(Wave, wave, stage="closing")
    names(world, 200)
    assert len(world.rows(Colleague)) == 1  # too late to ask anybody else


def test_machines_name_nobody_and_people_only_while_it_is_asked(world: World) -> None:
    token = world.invitations()[300].token
    form = {"name": "Робот", "reach": "x", "words": ""}
    first = colleagues.propose(world.deps, token, form, user_agent=BROWSER)
    again = colleagues.propose(world.deps, token, form, proof=first.confirm, user_agent=BROWSER)
    assert (first.status, again.status) == ("needs_confirmation", "needs_confirmation")
    assert world.rows(Colleague) == []
    assert world.invitations()[300].skipped == {}
    world.clock.advance(seconds=10)
    sure = colleagues.propose(world.deps, token, form, proof=again.confirm, sure=True, user_agent=BROWSER)
    assert sure.status == "done"
    for name in ("Второй", "Третий"):
        assert names(world, name=name).status == "done"
    assert names(world, name="Четвёртый").status == "too_many"
    for wrong in ({"name": ""}, {"name": "x", "reach": ""}, {"name": "ы" * 201, "reach": "1"}):
        proof = gesture(world, 200, "colleague")
        other = world.invitations()[200].token
        assert colleagues.propose(world.deps, other, wrong, proof=proof).status == "problem"
    world.policy(offer_colleague=False)
    assert not survey.page(world.deps, token).colleagues
    assert names(world, 201).status == "closed"
    world.policy(offer_colleague=True)
    says(world, 201, 9)
    assert names(world, 201).status == "closed"
    optouts.opt_out(world.deps, world.invitations()[202].token, one_click=True)
    assert names(world, 202).status == "closed"


def test_names_are_given_out_and_forgotten_with_who_named_them_and_with_whom_they_name(
    world: World,
) -> None:
    names(world)
    contact(world, 301)
    ask(world, 301)
    names(world, 200)
    for person in (300, 301):
        given = privacy.export(world.deps, world.portal_id, person)
        assert given is not None
        assert [row["name"] for row in given["colleagues"]] == ["Борис"]
    privacy.erase(world.deps, world.portal_id, 301, HEAD)
    assert [(row.name, row.reach) for row in world.rows(Colleague)] == [
        ("", ""), ("Борис", "boris@evil.example"),
    ]  # fmt: skip
