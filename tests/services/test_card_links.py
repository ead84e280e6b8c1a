"""Links that staff end or replace: they answer nothing, still unsubscribe, and letters carry the new one (S6)."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from integration.bitrix.call import Call
from integration.nps.people import ClientKey
from integration.services import card_links, direct_cases, optouts, survey
from integration.store.base import make_sessions, transaction
from integration.store.clients import OptOut
from integration.store.direct_lines import DirectLink, DirectMessage
from integration.store.holds import ClientAct
from integration.store.waves import Invitation
from tests.conftest import HandClock
from tests.services.said_world import asked, msk, says
from tests.services.survey_world import BROWSER, DIRECTOR, HEAD, MANAGER, TOUCH
from tests.services.tab_world import held, history, sealed, tab_world, viewer
from tests.services.wave_world import World, make_world
from tests.web.conftest import make_app

CLIENT, WHO = ClientKey("company", 2), "Пётр Сом (1)"


@pytest.fixture
def world(one_engine: Engine, clock: HandClock) -> World:
    return asked(make_world(make_sessions(one_engine), clock))


def field(world: World) -> list[str]:
    """What was written into the field of the person's card."""
    rows = [row for row in world.outbox(purpose="field") if row.lane == "contact:200"]
    return [Call.from_json(row.call).params["fields"]["UF_CRM_MOLVA_SURVEY_URL"] for row in rows]


def test_an_ended_link_answers_nothing_and_a_new_one_takes_its_place(world: World) -> None:
    deps, one = world.deps, world.invitations()[200]
    world.clock.moment = msk(3, 6, 9)
    world.post.ready = False
    world.tick()  # the reminder waits with the old link in it
    for _ in range(2):
        assert card_links.revoke(deps, world.portal_id, CLIENT, one.id, WHO) == "done"
    world.post.ready = True
    world.tick()
    assert [row.kind for row in world.letters() if row.recipient_address == one.address] == [
        "announcement", "invitation", "reminder", "reminder",
    ]  # fmt: skip
    reminders = [row for row in world.letters(kind="reminder") if row.recipient_address == one.address]
    assert {row.status for row in reminders} == {"cancelled"}
    assert survey.page(deps, one.token).status == "revoked"
    assert says(world, 200, 9).status == "closed"
    assert card_links.renew(deps, world.portal_id, CLIENT, one.id, WHO) == "done"
    new = world.invitations()[200].token
    assert new != one.token
    assert survey.page(deps, one.token).status == "revoked"
    assert (
        survey.answer(deps, one.token, {"score": "9", "comment": ""}, user_agent=BROWSER).status == "closed"
    )
    assert survey.page(deps, new).status == "open"
    assert field(world)[-3:] == [
        f"https://molva.example/s/{one.token}?via=link", "", f"https://molva.example/s/{new}?via=link",
    ]  # fmt: skip
    world.tick()
    sent = [
        row for row in world.letters(kind="reminder", status="done") if row.recipient_address == one.address
    ]
    assert [f"/s/{new}?" in row.body_html for row in sent] == [True]
    assert says(world, 200, 9).status == "counted"
    assert [(row.what, row.contact_id, row.who) for row in world.rows(ClientAct)] == [
        ("revoke_link", 200, WHO), ("renew_link", 200, WHO),
    ]  # fmt: skip
    assert [row.what for row in world.events()][-2:] == ["revoke_link", "renew_link"]
    assert card_links.renew(deps, world.portal_id, ClientKey("company", 3), one.id, WHO) == "unknown"


def test_a_replaced_link_still_unsubscribes(world: World) -> None:
    """By the button of the mail program, and by its page with a person's gesture (S1, S6)."""
    one, two = world.invitations()[200], world.invitations()[201]
    for invitation in (one, two):
        card_links.renew(world.deps, world.portal_id, CLIENT, invitation.id, WHO)
    assert optouts.opt_out(world.deps, one.token, one_click=True).status == "done"
    page = optouts.page(world.deps, two.token)
    assert page.status == "open"
    world.clock.advance(seconds=5)
    proof = survey.prove(
        world.deps, two.token, page.nonce, TOUCH | {"purpose": "unsubscribe"}, user_agent=BROWSER
    )
    assert survey.prove(world.deps, two.token, page.nonce, TOUCH, user_agent=BROWSER) is None
    assert optouts.opt_out(world.deps, two.token, proof=proof or "", user_agent=BROWSER).status == "done"
    with world.deps.sessions() as session:
        assert sorted(row.address for row in session.query(OptOut)) == [one.address, two.address]


def test_the_tab_offers_the_links_and_hides_the_direct_line_from_whoever_is_written_past(
    one_engine: Engine, clock: HandClock
) -> None:
    """Copy, end, make anew; its tasks and what came of them only for the head's people (S5)."""
    world = tab_world(make_sessions(one_engine), clock)
    history(world)
    held(world)
    client = make_app(world.deps).test_client()

    def tab(user: int, **fields: str) -> str:
        who = viewer(world, user, card=("company", 12), administrator=False)
        form = {"session": sealed(world, who), **fields}
        return client.post("/app/card/company/12", data=form).text

    assert "data-copy" in tab(HEAD)
    assert "/d/" not in tab(HEAD)  # no letter has named it yet
    tab(MANAGER, do="renew_direct")
    assert world.rows(DirectLink) == []  # the manager may not
    tab(HEAD, do="renew_direct")
    (line,) = world.rows(DirectLink)
    assert f"/d/{line.token}" in tab(MANAGER)  # to copy it into a message is fine
    with transaction(world.deps.sessions) as session:
        link = session.get_one(DirectLink, line.id)
        message = DirectMessage(
            portal_id=world.portal.id, link_id=link.id, words="past the manager", status="held",
            said_at=clock.now(),
        )  # fmt: skip
        session.add(message)
        session.flush()
        direct_cases.let_through(session, link, message, clock.now())
    title = "Answer to the client"
    assert (title in tab(HEAD), title in tab(DIRECTOR), title in tab(MANAGER)) == (True, True, False)
    assert not any("past the manager" in tab(user) for user in (HEAD, DIRECTOR, MANAGER))
    asked_now = next(one for one in world.rows(Invitation) if one.wave_id == world.wave_id)
    before = asked_now.token
    for user, new in ((MANAGER, False), (HEAD, True)):
        tab(user, do="renew_link", invitation=str(asked_now.id))
        assert (world.rows(Invitation, id=asked_now.id)[0].token != before) is new
    tab(HEAD, do="revoke_link", invitation=str(asked_now.id))
    assert world.rows(Invitation, id=asked_now.id)[0].revoked_at is not None
    whole = tab(HEAD)
    assert all(what in whole for what in ("got a new personal link", "New address of the direct line"))
