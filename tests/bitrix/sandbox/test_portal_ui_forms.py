"""What the forms of the portal's pages do, in whose name, and what they refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.bitrix.sandbox.portal_ui_world import ADMIN, APP, MANAGER, World, furnished, installed


@pytest.fixture
def world() -> Iterator[World]:
    with furnished() as made:
        yield made


def _watched(world: World, *events: str) -> None:
    installed(world)
    state = world.box.portal.state
    for number, event in enumerate(events):
        state.bindings.append({
            "client_id": APP, "event": event, "handler": world.tiny.url("/event"), "auth_type": 0,
            "event_type": "online", "id": number,
        })  # fmt: skip


def test_what_people_do_on_pages_fires_events_in_their_name(world: World) -> None:
    _watched(world, "ONCRMDEALUPDATE", "ONCRMDEALADD", "ONCRMTIMELINECOMMENTADD", "ONTASKUPDATE")
    task = "/company/personal/user/6/tasks/task/view/1/"
    for path, data in (
        ("/crm/deal/details/1/", {"do": "stage", "stage": "EXECUTING"}),
        ("/crm/deal/details/0/", {"field": "title", "f.title": "Из формы"}),
        ("/crm/deal/details/1/", {"do": "comment", "text": "привет"}),
        (task, {"do": "tick", "item": "2", "done": "1"}),
    ):
        assert world.post(path, data, MANAGER).status_code == 303
    assert world.box.control("/events/flush", {"timeout": 60}) == {"pending": 0}
    sent = [form for where, _, form in world.tiny.posts if where == "/event"]
    assert [row["event"] for row in sent] == [
        "ONCRMDEALUPDATE", "ONCRMDEALADD", "ONCRMTIMELINECOMMENTADD", "ONTASKUPDATE",
    ]  # fmt: skip
    assert {row["auth[user_id]"] for row in sent} == {str(MANAGER)}
    assert world.row(2, 1)["stageId"] == "EXECUTING"


def test_a_new_card_gets_what_was_typed_and_a_refusal_keeps_it(world: World) -> None:
    fields = {
        "field": ["title", "phones", "emails", "assignedById"], "f.title": "<b>Новая</b> & Ко", "f.assignedById": "7",
        "key.phones": "n0", "f.phones.n0": "+7 900", "key.emails": "n0", "f.emails.n0": "a@example.com",
    }  # fmt: skip
    answer = world.post("/crm/company/details/0/", fields)
    number = int(answer.headers["Location"].split("/")[4])
    row = world.row(4, number)
    assert (row["title"], row["assignedById"], row["createdBy"]) == ("<b>Новая</b> & Ко", 7, ADMIN)
    assert [(e["typeId"], e["value"]) for e in row["fm"]] == [("PHONE", "+7 900"), ("EMAIL", "a@example.com")]
    phone = row["fm"][0]["id"]
    change = {
        "field": "phones",
        "key.phones": [str(phone), "n0"],
        f"f.phones.{phone}": "",
        "f.phones.n0": "+7 901",
    }
    world.post(f"/crm/company/details/{number}/", change)
    assert [e["value"] for e in world.row(4, number)["fm"]] == ["a@example.com", "+7 901"]
    bad = {"field": ["title", "companyId"], "f.title": "Осталось", "f.companyId": "нет такой компании нигде"}
    refused = world.post("/crm/deal/details/0/", bad)
    assert refused.status_code == 422
    assert "Осталось" in refused.text
    assert "Ничего с названием" in refused.text


def test_user_fields_of_every_type_are_written_and_read_back(world: World) -> None:
    kinds = {"D": "date", "B": "boolean", "S": "string", "I": "integer", "C": "crm", "E": "enumeration"}
    for name, type_ in kinds.items():
        fields: dict[str, Any] = {
            "FIELD_NAME": f"X_{name}",
            "USER_TYPE_ID": type_,
            "EDIT_FORM_LABEL": {"ru": name},
        }
        fields["SETTINGS"] = {"COMPANY": "Y"} if type_ == "crm" else {}
        fields["LIST"] = [{"VALUE": "Один", "XML_ID": "one"}] if type_ == "enumeration" else None
        world.act("crm.deal.userfield.add", {"fields": fields})
    item = next(r for r in world.box.portal.state.fields_of("CRM_DEAL") if r["FIELD_NAME"] == "UF_CRM_X_E")[
        "LIST"
    ][0]
    form = {
        "field": [f"UF_CRM_X_{name}" for name in kinds], "f.UF_CRM_X_D": "2026-05-01", "f.UF_CRM_X_B": "1",
        "f.UF_CRM_X_S": "слова", "f.UF_CRM_X_I": "7", "f.UF_CRM_X_C": "Имя [CO_2]", "f.UF_CRM_X_E": item["ID"],
    }  # fmt: skip
    assert world.post("/crm/deal/details/2/", form).status_code == 303
    row = world.row(2, 2)
    assert [row[f"UF_CRM_X_{name}"] for name in kinds] == [
        "2026-05-01",
        "Y",
        "слова",
        7,
        "CO_2",
        int(item["ID"]),
    ]
    page = world.get("/crm/deal/details/2/").text
    assert "1 мая 2026" in page
    assert "Один" in page
    assert 'href="/crm/company/details/2/"' in page
    cleared = {"field": list(form["field"]), "keep.UF_CRM_X_C": ""}
    world.post("/crm/deal/details/2/", cleared)
    row = world.row(2, 2)
    assert [row[f"UF_CRM_X_{name}"] for name in kinds] == [None, "N", None, None, None, None]


def test_the_card_follows_the_common_layout_once_there_is_one(world: World) -> None:
    """bitrix24.md 8.5: sections of the layout, fields with a value that stand in none of them at the end."""
    data = [
        {"name": "one", "title": "Первый <раздел>", "type": "section",
         "elements": [{"name": "TITLE"}, {"name": "UF_CRM_TINY_NPS_GROUP", "optionFlags": 1}]},
    ]  # fmt: skip
    world.act("crm.item.details.configuration.set", {"entityTypeId": 4, "scope": "C", "data": data})
    page = world.get("/crm/company/details/30/").text
    assert re.findall(r'data-section="(\w+)"', page) == ["one"]
    assert re.findall(r'data-field="(\w+)"', page) == ["title", "UF_CRM_TINY_NPS_GROUP"]
    scored = world.get("/crm/company/details/1/").text
    assert re.findall(r'data-section="(\w+)"', scored) == ["one", "more"]
    assert "Первый &lt;раздел&gt;" in scored


def test_a_task_is_ticked_needs_its_result_is_completed_and_reopened(world: World) -> None:
    path, tasks = "/company/personal/user/6/tasks/task/view/1/", world.box.portal.state.tasks
    assert world.post(path, {"do": "complete"}, MANAGER).status_code == 422
    world.post(path, {"do": "tick", "item": "2", "done": "1"}, MANAGER)
    assert "1 / 3" in world.get(path, MANAGER).text
    world.post(path, {"do": "result", "text": "Встретились, [B]всё решили[/B]"}, MANAGER)
    assert "<b>всё решили</b>" in world.get(path, MANAGER).text
    assert world.post(path, {"do": "complete"}, MANAGER).status_code == 303
    assert tasks.rows[1]["STATUS"] == 5
    world.post(path, {"do": "renew"}, MANAGER)
    assert tasks.rows[1]["STATUS"] == 2
    assert world.get(path, 9).status_code == 403
    assert world.post(path, {"do": "complete"}, 9).status_code == 403


def test_a_lead_becomes_a_deal_by_a_click(world: World) -> None:
    answer = world.post("/crm/lead/details/1/", {"do": "convert"})
    deal = world.row(2, int(answer.headers["Location"].split("/")[4]))
    assert deal["leadId"] == 1
    assert deal["title"] in world.get("/crm/lead/details/1/").text


def test_an_application_is_put_in_and_out_by_an_administrator_only(world: World) -> None:
    app = world.box.portal.state.apps[APP]
    assert world.post(f"/marketplace/{APP}/install", {}, MANAGER).status_code == 403
    assert world.post(f"/marketplace/{APP}/install", {}).headers["Location"] == f"/marketplace/app/{APP}/"
    assert (app.state, app.installed_by) == ("added", ADMIN)
    blocked = world.get(f"/marketplace/app/{APP}/", MANAGER)
    assert blocked.status_code == 403
    assert "ещё не установлено" in blocked.text
    _watched(world, "ONAPPUNINSTALL")
    assert world.get(f"/marketplace/app/{APP}/", MANAGER).status_code == 200
    assert world.post(f"/marketplace/{APP}/remove", {"clean": "1"}, MANAGER).status_code == 403
    world.post(f"/marketplace/{APP}/remove", {"clean": "1"})
    world.box.control("/events/flush", {"timeout": 60})
    assert app.state == "removed"
    assert next(form for where, _, form in world.tiny.posts if where == "/event")["data[CLEAN]"] == "1"
    assert world.get(f"/marketplace/app/{APP}/").status_code == 404


def test_a_local_application_is_made_by_a_form_that_shows_its_keys(world: World) -> None:
    """Developer resources → Other → Local application; the keys are this application's alone (bitrix24.md 1.4)."""
    path = "/devops/edit/application/"
    good = {"title": "Survey", "app_url": world.tiny.url("/app"), "scope": ["crm", "task", "no_such"]}
    assert world.get(path).status_code == 200
    assert world.get(path, MANAGER).status_code == world.post(path, good, MANAGER).status_code == 403
    for wrong in ({"title": ""}, {"app_url": ""}, {"app_url": "app.example"}, {"install_url": "ftp://x"}):
        answer = world.post(path, good | wrong)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), wrong
    made = [world.post(path, good).headers["Location"] for _ in range(2)]
    first, second = (world.box.portal.state.apps[url.split("/")[-2]] for url in made)
    assert first.client_id.startswith("local.")
    assert first.client_id != second.client_id
    assert (first.state, first.kind, first.status, first.scope) == (
        "installed",
        "local",
        "L",
        ("crm", "task"),
    )
    shown = world.get(made[0]).text
    assert first.client_id in shown
    assert first.client_secret in shown
    assert world.get(made[0], MANAGER).status_code == 403
    assert world.get(f"{path}{APP}x/").status_code == 404


def test_the_market_takes_only_addresses_that_answer_head(world: World) -> None:
    """The vendor's console says "incorrect URL" otherwise (market/preparing-to-publish/faq.md)."""
    page = world.tiny.url("/app")
    app = {"client_id": "app.1", "title": "Survey", "app_url": page, "install_url": page}
    for wrong in (
        {"app_url": f"{world.box.portal_url}/_sandbox/ready"},
        {"install_url": "http://127.0.0.1:9/"},
    ):
        with pytest.raises(requests.HTTPError, match="not accessible"):
            world.box.control("/market", app | wrong)
    world.box.control("/market", app)
    put_up = world.box.portal.state.apps["app.1"]
    assert (put_up.kind, put_up.status, put_up.state) == ("market", "F", "absent")
