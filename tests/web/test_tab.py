"""The tab in the cards: who is let in, what is shown in which state, every act checked (product.md P1, P2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from integration.bitrix.sandbox.server import Sandbox, running
from integration.services import chores, outbox
from integration.store.attempts import Attempt
from integration.store.base import make_sessions, transaction
from integration.store.clients import Company, Contact, Lead
from integration.store.holds import Hold
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient
from tests.bitrix.sandbox.agencies import small_agency
from tests.conftest import HandClock
from tests.services.survey_world import DIRECTOR, HEAD, MANAGER, World
from tests.services.tab_world import (
    CALLER,
    MARKUP,
    OUTSIDER,
    a_task,
    held,
    history,
    sealed,
    tab_world,
    viewer,
)
from tests.web.conftest import make_app
from tests.web.portal_site import PortalSite, portal_site, session_of

TAB = "/bitrix/placement/crm_{kind}_detail_tab"
LANGUAGES = ("ru", "uk", "en")


# --- in a real portal


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with running(small_agency()) as sandbox:
        yield sandbox


@pytest.fixture
def site(box: Sandbox, sqlite_url: str) -> Iterator[PortalSite]:
    with portal_site(box, sqlite_url) as made:
        made.post("/bitrix/install")
        box.control("/apps/local.molva/finish", {})
        made.set_up()
        yield made


def open_tab(
    site: PortalSite, kind: str, number: int | str, user: int = 1, path: str = "", **changes: str
) -> requests.Response:
    """Open a card's tab as the portal does it, with some fields changed by somebody on the way."""
    query, form = site.frame(user, f"CRM_{kind.upper()}_DETAIL_TAB", options={"ID": str(number)})
    for name, value in changes.items():
        (query if name in query else form)[name] = value
    return requests.post(site.url + (path or TAB.format(kind=kind)), params=query, data=form, timeout=30)


def synchronised(site: PortalSite) -> None:
    for _ in range(30):
        if not chores.run_due(site.deps):
            return


@pytest.mark.parametrize(
    ("kind", "number", "words"),
    [("company", 3, "ACME"), ("contact", 7, "ACME"), ("deal", 10, "ACME"), ("lead", 20, "Lead")],
)
def test_the_tab_opens_in_every_kind_of_card(site: PortalSite, kind: str, number: int, words: str) -> None:
    synchronised(site)
    for name in (TAB.format(kind=kind), TAB.format(kind=kind).replace("crm", "CRM")):
        answer = open_tab(site, kind, number, path=name)
        assert answer.status_code == 200
        assert f"<h1>{words}</h1>" in answer.text
        assert f"frame-ancestors 'self' {site.box.portal_url};" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers


def test_it_opens_before_anything_has_been_read_from_the_portal(site: PortalSite) -> None:
    answer = open_tab(site, "company", 3)
    assert (answer.status_code, "<h1>ACME</h1>" in answer.text) == (200, True)


def test_one_request_to_the_portal_and_one_to_the_authorisation_server(site: PortalSite) -> None:
    site.box.control("/counters/reset", {})
    assert open_tab(site, "company", 3).status_code == 200
    asked = site.box.control("/counters", verb="GET")
    assert (asked["http"], asked["by_method"].get("crm.item.get"), asked["by_method"].get("profile")) == (
        1,
        1,
        1,
    )


def test_a_browser_and_a_portals_check_get_a_plain_page(site: PortalSite) -> None:
    for kind in ("lead", "deal", "company", "contact"):
        address = site.url + TAB.format(kind=kind)
        assert requests.get(address, timeout=30).status_code == 200
        assert requests.head(address, timeout=30).status_code == 200


def refused(answer: requests.Response, status: int = 403) -> None:
    """Nothing of the card is in the answer, and no session."""
    assert answer.status_code == status
    assert "ACME" not in answer.text
    assert "data-session" not in answer.text


def test_who_may_not_read_the_card_learns_nothing_not_even_whether_it_exists(site: PortalSite) -> None:
    synchronised(site)
    site.box.control("/settings", {"rights": {"8": "own"}}, "PUT")
    assert open_tab(site, "company", 3, user=6).status_code == 200
    foreign, missing = open_tab(site, "company", 3, user=8), open_tab(site, "company", 4711, user=8)
    for answer in (foreign, missing):
        refused(answer)
        assert "You cannot see this card" in answer.text
        assert f"frame-ancestors 'self' {site.box.portal_url};" in answer.headers["Content-Security-Policy"]
    assert foreign.text == missing.text


@pytest.mark.parametrize("number", ["4711", "0", "-3", "3; DROP", "", "9" * 30, "3.5"])
def test_a_forged_number_opens_nothing(site: PortalSite, number: str) -> None:
    refused(open_tab(site, "company", 3, PLACEMENT_OPTIONS=f'{{"ID":"{number}"}}'))


@pytest.mark.parametrize(
    "changes",
    [
        {"PLACEMENT": "DEFAULT"}, {"PLACEMENT": "CRM_CONTACT_DETAIL_TAB"}, {"PLACEMENT_OPTIONS": ""},
        {"PLACEMENT_OPTIONS": "[3]"}, {"AUTH_ID": "f" * 70}, {"member_id": "other"}, {"DOMAIN": "evil.example"},
        {"path": "/bitrix/placement/crm_deal_detail_tab"},
    ],
)  # fmt: skip
def test_a_forged_frame_opens_nothing(site: PortalSite, changes: dict[str, str]) -> None:
    refused(open_tab(site, "company", 3, **changes))


def test_an_unknown_placement_is_not_there(site: PortalSite) -> None:
    refused(open_tab(site, "company", 3, path="/bitrix/placement/crm_quote_detail_tab"), 404)


def test_somebody_dismissed_and_a_portal_that_is_silent_are_told_so(site: PortalSite) -> None:
    refused(open_tab(site, "company", 3, user=9))
    query, form = site.frame(1, "CRM_COMPANY_DETAIL_TAB", options={"ID": "3"})
    site.box.control("/settings", {"down": True}, "PUT")
    refused(requests.post(site.url + TAB.format(kind="company"), params=query, data=form, timeout=30), 503)


def act(site: PortalSite, session: str, kind: str, number: int, **form: str) -> requests.Response:
    return requests.post(
        f"{site.url}/app/card/{kind}/{number}", data={"session": session, **form}, timeout=30
    )


def test_a_hold_set_twice_stands_once_on_the_portals_card(site: PortalSite) -> None:
    synchronised(site)
    session = session_of(open_tab(site, "company", 3, user=6).text)
    until = (site.deps.clock.now() + timedelta(days=60)).date().isoformat()
    for _ in range(2):
        answer = act(site, session, "company", 3, do="hold", until=until, reason="A new site goes live")
        assert (answer.status_code, "Saved. The client is not asked before that day." in answer.text) == (
            200,
            True,
        )
    assert "data-done" in answer.text  # the script has the portal read its card anew
    while outbox.drain(site.deps):
        pass
    shown = site.box.control("/as/1/crm.item.get", {"entityTypeId": 4, "id": 3, "useOriginalUfNames": "Y"})[
        "result"
    ]
    assert str(shown["item"]["UF_CRM_MOLVA_HOLD_UNTIL"])[:10] == until
    with transaction(site.deps.sessions) as db:
        assert [row.who for row in db.query(Hold)] == ["Boris Example (6)"]
    answer = act(site, session, "company", 3, do="lift")
    while outbox.drain(site.deps):
        pass
    shown = site.box.control("/as/1/crm.item.get", {"entityTypeId": 4, "id": 3, "useOriginalUfNames": "Y"})[
        "result"
    ]
    assert (answer.status_code, shown["item"]["UF_CRM_MOLVA_HOLD_UNTIL"] or "") == (200, "")


def test_never_again_and_its_way_back_reach_the_portals_card(site: PortalSite) -> None:
    synchronised(site)
    session = session_of(open_tab(site, "contact", 7).text)

    def flag() -> Any:
        while outbox.drain(site.deps):
            pass
        ask = {"entityTypeId": 3, "id": 7, "useOriginalUfNames": "Y"}
        return site.box.control("/as/1/crm.item.get", ask)["result"]["item"]["UF_CRM_MOLVA_OPT_OUT"]

    assert act(site, session, "contact", 7, do="opt_out", contact="7").status_code == 200
    assert flag() in (True, "Y", "1")
    assert (
        act(site, session, "contact", 7, do="opt_back", contact="7", reason="asked us to").status_code == 200
    )
    assert flag() in (False, "N", "0", "", None)


def test_the_right_to_one_card_opens_no_other(site: PortalSite) -> None:
    synchronised(site)
    session = session_of(open_tab(site, "deal", 10).text)
    main = session_of(site.post("/bitrix/app").text)
    for given, kind, number in ((session, "company", 3), (session, "deal", 11), (main, "company", 3)):
        for form in ({}, {"do": "hold", "until": "2030-01-01", "reason": "x"}):
            refused(act(site, given, kind, number, **form))
    assert act(site, session, "deal", 10).status_code == 200
    with transaction(site.deps.sessions) as db:
        assert list(db.query(Hold)) == []


def test_a_session_is_renewed_with_the_right_to_the_card_only_if_the_portal_still_gives_it(
    site: PortalSite,
) -> None:
    synchronised(site)
    session = session_of(open_tab(site, "company", 3, user=8).text)

    def renewed() -> requests.Response:
        fields = {"session": session, "token": site.token(8)}
        fresh = requests.post(f"{site.url}/bitrix/session", data=fields, timeout=30).json()["session"]
        return act(site, fresh, "company", 3)

    assert renewed().status_code == 200
    site.box.control("/settings", {"rights": {"8": "own"}}, "PUT")
    refused(renewed())


# --- what is shown


@pytest.fixture
def world(one_engine: Any, clock: HandClock) -> World:
    return tab_world(make_sessions(one_engine), clock)


@pytest.fixture
def client(world: World) -> FlaskClient:
    return make_app(world.deps).test_client()


def look(
    client: FlaskClient, world: World, user: int = HEAD, card: tuple[str, int] = ("company", 12), *,
    language: str = "en", administrator: bool = False, **form: Any,
) -> TestResponse:  # fmt: skip
    who = viewer(world, user, card=card, language=language, administrator=administrator)
    return client.post(f"/app/card/{card[0]}/{card[1]}", data={"session": sealed(world, who), **form})


def text(answer: TestResponse) -> str:
    """What a person reads."""
    body = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", answer.text, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def _no_wave(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.delete(session.get_one(Wave, world.wave_id))


def _everything(world: World) -> None:
    history(world)
    held(world)
    a_task(world)
    world.set(
        Company, (world.portal.id, 12), hold_until=date(2026, 3, 1), scores={"UF_CRM_MOLVA_NPS_SCORE": 10}
    )
    world.set(Contact, (world.portal.id, 8), opted_out=True)


def _left_out(reason: str) -> Any:
    def change(world: World) -> None:
        line = world.rows(WaveClient)[0]
        world.set(WaveClient, line.id, eligible=False, reason=reason)

    return change


NAMES = {
    "ACME", "Molva", "Person", "Example", "Clara", "Manager", "Boris", "Director", "Kazan", "Head", "Words", "team",
    "answers", "within", "hour", "Fine", "thank", "Friends", "Shop", "Secret", "Client", "lead", "mail",
}  # fmt: skip
STATES: dict[str, Any] = {
    "asked": lambda world: None, "no wave": _no_wave, "everything": _everything,
    "postponed": lambda world: world.set(Invitation, world.invitation().id, outcome="postponed"),
    **{reason: _left_out(reason) for reason in (
        "not_current", "too_new", "asked_recently", "opted_out", "on_hold", "no_respondent", "no_channel",
        "excluded_by_hand",
    )},
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_words_in_every_language(client: FlaskClient, world: World, state: str) -> None:
    STATES[state](world)
    for language in LANGUAGES:
        answer = look(client, world, language=language, administrator=True)
        shown = text(answer)
        assert answer.status_code == 200
        assert "{" not in shown
        assert not re.search(r"\bNone\b(?! of)", shown)
        assert not re.search(r"\b[a-z]+_[a-z_]+\b", shown), "a code instead of words"
        if language != "en":
            latin = set(re.findall(r"[A-Za-z]{4,}", shown)) - NAMES
            assert not latin, latin


def test_people_are_named_without_the_portals_number_which_stays_stored(
    client: FlaskClient, world: World
) -> None:
    world.human(3, "No")
    look(
        client,
        world,
        do="correct",
        response=world.rows(Response)[0].id,
        seen=1,
        score=6,
        comment="No",
        reason="misheard",
    )
    look(client, world, do="hold", until="2026-03-01", reason="busy")
    look(client, world, do="opt_out", contact=8, reason="asked so")
    shown = text(look(client, world))
    assert f"Ada Head ({HEAD})" in {row.author for row in world.revisions()} & {
        row.who for row in world.rows(Hold)
    }
    assert "score corrected from 3 to 6. Ada Head: misheard" in shown
    assert "busy (Ada Head)" in shown
    assert f"Head ({HEAD})" not in shown


def test_the_split_inside_a_client_its_calls_and_flagged_answers_are_told(
    client: FlaskClient, world: World
) -> None:
    """Two people far apart, a call with its caller, and an answer nobody proved to be a person's (N1, W15, S1)."""
    world.human(9, "Fine", token=world.tokens[7])
    world.human(3, "Slow", token=world.tokens[8])
    world.post(0, "", token=world.tokens[7])
    one, now = world.invitation(7), world.clock.now()
    with transaction(world.deps.sessions) as session:
        session.add(
            Attempt(
                portal_id=world.portal.id, wave_id=world.wave_id, invitation_id=one.id, number=1, key="k",
                outcome="call_back", started_at=now, ended_at=now, note="after lunch", call_back_at=now,
                caller="user:21", caller_name="Olga Caller (21)",
            )
        )  # fmt: skip
    page = text(look(client, world))
    for words in (
        "3 … 9: the answers lie 6 points apart.", "Call 1 to Person7 Example: to be called back on",
        "“after lunch” (Olga Caller)", "Person7 Example: score 0 is held: came after the person’s own answer",
    ):  # fmt: skip
        assert words in page, words


@pytest.mark.parametrize("card", [("company", 12), ("contact", 7), ("deal", 351), ("lead", 5)])
@pytest.mark.parametrize("user", [HEAD, DIRECTOR, MANAGER, OUTSIDER])
def test_every_kind_of_card_is_shown_to_everybody_who_may_read_it(
    client: FlaskClient, world: World, card: tuple[str, int], user: int
) -> None:
    _everything(world)
    world.set(Lead, (world.portal.id, 5), company_id=12)
    answer = look(client, world, user, card)
    assert answer.status_code == 200
    assert "The team answers within the hour." in answer.text


def test_callers_see_no_card(client: FlaskClient, world: World) -> None:
    history(world)
    answer = look(client, world, CALLER)
    assert answer.status_code == 403
    assert "ACME" not in answer.text
    assert look(client, world, CALLER, do="hold", until="2026-03-01", reason="x").status_code == 403
    assert world.rows(Hold) == []


ACTS: dict[str, dict[str, str]] = {
    "hold": {"until": "2026-03-01", "reason": "busy"}, "lift": {}, "opt_out": {"contact": "7"},
    "opt_back": {"contact": "8", "reason": "asked"}, "restore": {}, "confirm": {}, "reject": {},
    "correct": {"score": "5", "comment": "", "reason": "misheard"}, "record": {"score": "5"},
}  # fmt: skip
MAY: dict[int, set[str]] = {
    HEAD: set(ACTS) - {"opt_back"}, DIRECTOR: set(ACTS) - {"opt_back"},
    MANAGER: {"hold", "lift", "opt_out", "restore"}, OUTSIDER: {"record"},
}  # fmt: skip


def _form(world: World, do: str) -> dict[str, str]:
    rows = {row.invitation_id: row for row in world.rows(Response)}
    counted, doubtful = rows[world.invitation(7).id], rows[world.invitation(8).id]
    found = {"do": do, **ACTS[do], "invitation": str(world.invitation(8).id)}
    row = counted if do == "correct" else doubtful
    return found | {"response": str(row.id), "seen": str(row.revision)}


@pytest.mark.parametrize("do", ACTS)
@pytest.mark.parametrize("user", MAY)
def test_a_form_is_offered_and_taken_only_where_it_is_allowed(
    client: FlaskClient, world: World, user: int, do: str
) -> None:
    _everything(world)
    for row in world.all_outbox():
        world.set(type(row), row.id, status="done")
    allowed = do in MAY[user]
    offered = f'name="do" value="{do}"' in look(client, world, user).text
    assert offered is allowed
    answers = [look(client, world, user, **_form(world, do)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200 if allowed else 403] * 2 or do == "record"
    if not allowed:
        assert "You cannot do this here" in answers[0].text
        assert world.rows(Hold) == []
        assert {row.status for row in world.rows(Response)} == {"counted", "held"}


def test_an_own_manager_is_told_why_and_by_whom(client: FlaskClient, world: World) -> None:
    _everything(world)
    assert "This is your own client" in text(look(client, world, MANAGER))


def test_what_was_wrong_stands_at_its_field_and_nothing_typed_is_lost(
    client: FlaskClient, world: World
) -> None:
    _everything(world)
    answer = look(client, world, do="hold", until="2020-01-01", reason=MARKUP)
    assert answer.status_code == 422
    assert 'aria-describedby="f-until-problem' in answer.text
    assert 'value="2020-01-01"' in answer.text
    assert MARKUP not in answer.text
    assert unescape(answer.text).count(MARKUP) == 1
    wrong = _form(world, "correct") | {"reason": "", "comment": "Typed words", "score": "4"}
    answer = look(client, world, **wrong)
    assert (answer.status_code, "Typed words" in answer.text) == (422, True)
    assert 'value="4" required checked' in answer.text


@pytest.mark.parametrize(
    "form", [{"do": "explode"}, {"do": "hold", "contact": "x"}, {"do": "record", "channel": "email"}]
)
def test_a_form_that_is_not_ours_is_refused(client: FlaskClient, world: World, form: dict[str, str]) -> None:
    assert look(client, world, **form).status_code == 400


def test_names_and_comments_with_markup_are_shown_as_they_were_typed(
    client: FlaskClient, world: World
) -> None:
    history(world, comment=MARKUP, name=MARKUP)
    for contact in (7, 8):
        world.set(Contact, (world.portal.id, contact), name=MARKUP)
        world.set(Invitation, world.invitation(contact).id, name=MARKUP)
    look(client, world, do="hold", until="2026-03-01", reason=MARKUP)
    answer = look(client, world)
    assert "<img" not in answer.text
    assert unescape(answer.text).count(MARKUP) >= 6


def test_an_old_session_asks_to_be_renewed_and_carries_what_was_typed(
    client: FlaskClient, world: World
) -> None:
    who = viewer(world)
    session = sealed(world, who)
    world.clock.advance(minutes=16)
    form = {"session": session, "do": "hold", "until": "2026-03-01", "reason": "typed with care"}
    answer = client.post("/app/card/company/12", data=form)
    assert (answer.status_code, "typed with care" in answer.text, world.rows(Hold)) == (401, True, [])


def test_the_page_with_all_it_loads_is_light(client: FlaskClient, world: World) -> None:
    _everything(world)
    answer = look(client, world, administrator=True, language="ru")
    files = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', answer.text))
    assert len(files) == 7
    weight = len(answer.data) + sum(len(client.get(name).data) for name in files)
    assert weight <= 150 * 1024, weight
