"""The portal's pages over HTTP: what they show, to whom, what their forms do, and what they refuse."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from integration.bitrix.sandbox.agency import bulk_deals
from tests.bitrix.sandbox.portal_ui_world import (
    ADMIN,
    CALLER,
    DIRECTOR,
    DISMISSED,
    MANAGER,
    World,
    furnished,
    installed,
)

PAGES = (
    "/crm/lead/", "/crm/deal/", "/crm/company/", "/crm/contact/", "/crm/lead/details/1/", "/crm/deal/details/1/",
    "/crm/company/details/1/", "/crm/contact/details/1/", "/crm/deal/details/0/", "/crm/company/details/1/?edit=1",
    "/company/personal/user/6/tasks/", "/company/personal/user/6/tasks/task/view/1/", "/company/",
    "/company/?show=dismissed", "/company/personal/user/6/", "/marketplace/", "/notifications/", "/automation/",
)  # fmt: skip


@pytest.fixture
def world() -> Iterator[World]:
    with furnished() as made:
        yield made


def test_the_address_of_the_portal_leads_to_the_deals(world: World) -> None:
    answer = world.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/crm/deal/")


@pytest.mark.parametrize("user", [ADMIN, DIRECTOR, MANAGER, CALLER])
def test_every_page_opens_for_whoever_works_here(world: World, user: int) -> None:
    world.act("tasks.task.update", {"taskId": 1, "fields": {"AUDITORS": [CALLER, DIRECTOR]}})
    for path in PAGES:
        assert world.get(path, user).status_code == 200, path


def test_a_dismissed_one_sees_that_the_portal_is_closed(world: World) -> None:
    for path in PAGES:
        answer = world.get(path, DISMISSED)
        assert answer.status_code == 403
        assert "Вы не сотрудник этого портала" in answer.text
    assert world.post("/crm/deal/details/1/", {"do": "comment", "text": "x"}, DISMISSED).status_code == 403


def test_names_and_comments_with_markup_stay_text(world: World) -> None:
    """product.md P1: everything that people wrote is escaped; BB code becomes bold and links to the web only."""
    for path in PAGES:
        page = world.get(path).text
        assert "<script>alert" not in page
        assert "<i>важно" not in page
        assert 'javascript:alert(1)"' not in page
    card = world.get("/crm/company/details/1/").text
    assert "<b>Оценка 3</b>" in card
    assert "&lt;b&gt;теги&lt;/b&gt;" in card
    assert '<a href="/crm/company/details/1/">да</a>' in card
    names = world.get("/crm/company/?sort=id").text
    assert "&lt;b&gt;ООО&lt;/b&gt; «Ромашка &amp; сыновья»" in names + world.get("/crm/company/").text


def test_a_manager_with_rights_to_own_cards_sees_only_those(world: World) -> None:
    world.box.control("/settings", {"rights": {str(MANAGER): "own", str(CALLER): "none"}}, "PUT")
    rows = world.box.portal.state.items[4].rows
    own = next(n for n, row in rows.items() if row["assignedById"] == MANAGER)
    other = next(n for n, row in rows.items() if row["assignedById"] not in (MANAGER, None))
    assert world.get(f"/crm/company/details/{own}/", MANAGER).status_code == 200
    assert world.get(f"/crm/company/details/{other}/", MANAGER).status_code == 403
    assert (
        world.post(f"/crm/company/details/{other}/", {"do": "comment", "text": "x"}, MANAGER).status_code
        == 403
    )
    shown = re.findall(r'data-key="(\d+)"', world.get("/crm/company/?page=1", MANAGER).text)
    assert shown
    assert all(rows[int(n)]["assignedById"] == MANAGER for n in shown)
    assert "У вас нет доступа к CRM" in world.get("/crm/deal/", CALLER).text


def test_forms_from_elsewhere_are_refused_and_reading_changes_nothing(world: World) -> None:
    before = world.box.portal.state.comments.changes
    for origin in ("", "http://evil.example", "null"):
        answer = world.post("/crm/deal/details/1/", {"do": "comment", "text": "x"}, origin=origin)
        assert answer.status_code == 403
    version = world.get("/ui-api/changes").json()["version"]
    for path in PAGES:
        world.get(path)
    assert world.get("/ui-api/changes").json()["version"] == version
    assert world.box.portal.state.comments.changes == before


def test_the_policy_lets_in_only_the_applications_and_the_demo_s_pages(world: World) -> None:
    world.box.control("/ui", {"links": [{"title": "Почта", "url": "http://127.0.0.1:9/mail"}], "panel": ""})
    answer = world.get("/crm/deal/")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert set(policy["frame-src"].split()) == {"'self'", world.tiny.url(""), "http://127.0.0.1:9"}
    assert not re.search(r"<script(?! src=)|style=|\son\w+=", answer.text)


def test_the_switch_keeps_an_employee_in_a_cookie_and_leads_nowhere_else(world: World) -> None:
    answer = world.post("/ui-api/view-as", {"user": MANAGER, "back": "/crm/lead/"})
    assert answer.headers["Location"] == "/crm/lead/"
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    for back in ("//evil.example", "http://evil.example", "/\\evil.example"):
        assert world.post("/ui-api/view-as", {"user": MANAGER, "back": back}).headers["Location"] == "/"
    assert "Set-Cookie" not in world.post("/ui-api/view-as", {"user": 999}).headers


def test_control_hangs_in_links_a_panel_and_personas(world: World) -> None:
    sent = {
        "links": [{"title": "Почта <клиентов>", "url": "http://127.0.0.1:9/mail"}], "panel": "http://127.0.0.1:9/p",
        "personas": {"manager": 7},
    }  # fmt: skip
    answer = world.box.control("/ui", sent)
    assert answer["links"] == sent["links"]
    assert answer["personas"] == {
        "administrator": ADMIN, "director": DIRECTOR, "manager": 7, "caller": CALLER, "dismissed": DISMISSED,
    }  # fmt: skip
    page = world.get("/crm/deal/").text
    assert "Почта &lt;клиентов&gt;" in page
    assert 'data-src="http://127.0.0.1:9/p"' in page
    assert 'src="http://127.0.0.1:9/mail"' in world.get("/desk/0/").text
    assert world.get("/desk/1/").status_code == 404
    with pytest.raises(Exception, match="not an address"):
        world.box.control("/ui", {"panel": "javascript:alert(1)"})


def test_lists_search_sort_and_turn_pages(world: World) -> None:
    def ids(query: str, code: str = "company") -> list[int]:
        return [int(n) for n in re.findall(r'data-key="(\d+)"', world.get(f"/crm/{code}/?{query}").text)]

    total = len(world.box.portal.state.items[4])
    assert len(ids("sort=id")) == 50
    assert len(ids("sort=id&page=2")) == total - 50
    scored = ids("sort=-UF_CRM_TINY_NPS_SCORE")
    assert scored[:4] == [4, 1, 3, 2]
    title = world.row(4, 1)["title"]
    assert 1 in ids(f"q={title.upper()}")
    mail = next(
        e["value"] for row in world.box.portal.state.items[3].rows.values() for e in row.get("fm") or ()
    )
    assert len(ids(f"q={mail}", "contact")) >= 1
    assert ids("q=нет+ничего+такого") == []
    assert {world.row(2, n)["stageId"] for n in ids("stage=WON", "deal")} == {"WON"}
    assert ids("sort=nonsense&page=-3") == ids("")


def test_writes_move_the_counter_that_pages_watch(world: World) -> None:
    before = world.get("/ui-api/changes").json()
    world.act("crm.timeline.comment.add", {"fields": {"ENTITY_ID": 2, "ENTITY_TYPE": "deal", "COMMENT": "x"}})
    between = world.get("/ui-api/changes").json()
    world.box.control("/clock/advance", {"seconds": 3600})
    after = world.get("/ui-api/changes").json()
    assert before["version"] < between["version"] == after["version"]
    assert after["offset"] == before["offset"] + 3600


def test_cards_are_found_by_a_piece_of_their_name(world: World) -> None:
    title = world.row(4, 2)["title"]
    rows = world.get(f"/ui-api/find?kinds=COMPANY,CONTACT,NONSENSE&q={title}").json()
    assert {"code": "CO_2", "title": title} in rows


def test_the_frame_s_calls_need_an_open_frame(world: World) -> None:
    for what in ("renew", "finish", "call"):
        answer = world.post(f"/ui-api/frame/{what}", {"sid": "made up"})
        assert answer.status_code == 400


def test_pages_come_fast_with_three_thousand_deals() -> None:
    """A list, a search in it, a sorted list and a card: under 50 ms of work each, the best of five."""
    with furnished(bulk_deals(3000, 1000)) as big:
        for path in (
            "/crm/deal/",
            "/crm/deal/?q=deal+2999",
            "/crm/deal/?sort=title&page=30",
            "/crm/deal/details/9/",
        ):
            times = []
            for _ in range(5):
                began = time.process_time()
                assert big.get(path).status_code == 200
                times.append(time.process_time() - began)
            assert min(times) < 0.05, (path, times)


def test_an_administrator_puts_triggers_and_robots_on_stages_and_sees_what_became_of_them(
    world: World,
) -> None:
    """The short form in place of a designer; others only look."""
    portal = world.box.portal
    installed(world)
    app = next(one for one in portal.state.apps.values() if one.state == "installed")
    assert "Ни одно приложение не добавило" in world.get("/automation/").text
    app.triggers["low"] = "Low <b>score</b>"
    app.robots["ask"] = {"HANDLER": app.app_url, "NAME": {"ru": "Спросить", "en": "Ask"}, "PROPERTIES": {}}
    deal = portal.state.items[2].rows[1]
    here, there = (row["STATUS_ID"] for row in portal.state.category_stages(deal.get("categoryId") or 0)[:2])
    assert (
        world.post("/automation/", {"do": "add", "what": "trigger:low", "stage": there}, MANAGER).status_code
        == 403
    )
    for what in ("trigger:low", "robot:ask", "robot:none"):
        answer = world.post("/automation/", {"do": "add", "what": what, "stage": there, "waits": "1"}, ADMIN)
        assert answer.status_code == 303
    world.post("/automation/", {"do": "add", "what": "robot:ask", "stage": "nowhere"}, ADMIN)
    assert portal.state.settings.trigger_moves == {"low": there}
    assert portal.state.settings.automation == [{"stage": there, "code": "ask", "wait": True}]
    world.act("crm.item.update", {"entityTypeId": 2, "id": 1, "fields": {"stageId": here}})
    world.act("crm.item.update", {"entityTypeId": 2, "id": 1, "fields": {"stageId": there}})
    portal.state.trigger_log.append(
        {"CODE": "low", "OWNER_TYPE_ID": 2, "OWNER_ID": 1, "at": portal.state.now()}
    )
    page = world.get("/automation/").text
    assert "Low &lt;b&gt;score" in page
    assert "Ждёт ответа" in page
    assert page.count("/crm/deal/details/1/") >= 1
    for what in ("robot:0", "robot:7", "trigger:low"):
        world.post("/automation/", {"do": "remove", "what": what}, ADMIN)
    assert (portal.state.settings.automation, portal.state.settings.trigger_moves) == ([], {})
