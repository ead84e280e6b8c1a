"""E-mail in the cards: what sends, what only draws, what is refused, and letters that arrive (10.3, 13.2)."""

from __future__ import annotations

from typing import Any

import pytest

from integration.bitrix.sandbox.server import Sandbox
from tests.bitrix.sandbox.conftest import Caller

MAIL: dict[str, Any] = {
    "TYPE_ID": 4, "DIRECTION": 2, "COMPLETED": "Y", "OWNER_TYPE_ID": 3, "OWNER_ID": 7, "SUBJECT": "Hello",
    "DESCRIPTION": "<p>Ten seconds</p>", "DESCRIPTION_TYPE": 3, "RESPONSIBLE_ID": 6, "ORIGINATOR_ID": "X",
    "ORIGIN_ID": "mark-1", "COMMUNICATIONS": [{"VALUE": "ivan@example.com", "ENTITY_ID": 7, "ENTITY_TYPE_ID": 3}],
    "SETTINGS": {"MESSAGE_FROM": "Boris Example <user6@example.com>"},
}  # fmt: skip


def sent(box: Sandbox) -> list[dict[str, Any]]:
    return list(box.control("/dump", verb="GET")["mails"])


def test_an_e_mail_leaves_only_with_all_three_flags(box: Sandbox, hook: Caller) -> None:
    """Type, direction and "completed"; without one of them there is a record in the card and nothing goes."""
    assert hook("crm.activity.add", {"fields": MAIL | {"COMPLETED": "N"}}) == 1
    assert hook("crm.activity.add", {"fields": MAIL | {"DIRECTION": 1}}) == 2
    assert sent(box) == []
    assert hook("crm.activity.add", {"fields": MAIL}) == 3
    (mail,) = sent(box)
    assert (mail["from"], mail["to"], mail["activity_id"]) == ("user6@example.com", ["ivan@example.com"], 3)


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ({"SETTINGS": {"MESSAGE_FROM": "Boris <stranger@example.com>"}}, {}), ({"SETTINGS": {}}, {}),
        ({"COMMUNICATIONS": [{"VALUE": "no address", "ENTITY_ID": 7, "ENTITY_TYPE_ID": 3}]}, {}),
        ({}, {"mail_fails": True}), ({}, {"mailboxes": ["office@example.com"]}), ({}, {"smtp": "127.0.0.1:1"}),
    ],
)  # fmt: skip
def test_an_e_mail_that_cannot_be_sent_stays_in_the_card_and_is_an_error(
    box: Sandbox, hook: Caller, changes: dict[str, Any], settings: dict[str, Any]
) -> None:
    box.control("/settings", settings, "PUT")
    answer = hook.raw("crm.activity.add", {"fields": MAIL | changes}).json()
    assert (answer["error"], answer["error_description"].startswith("Email send error")) == ("", True)
    rows = hook("crm.activity.list", {"filter": {"ORIGINATOR_ID": "X", "ORIGIN_ID": "mark-1"}})
    assert [row["ID"] for row in rows] == ["1"]
    assert sent(box) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"SUBJECT": " "}, {"RESPONSIBLE_ID": 777}, {"TYPE_ID": 9}, {"TYPE_ID": 6}, {"COMMUNICATIONS": []},
        {"OWNER_ID": 777}, {"TYPE_ID": 2, "COMMUNICATIONS": [{"VALUE": "1"}, {"VALUE": "2"}]},
    ],
)  # fmt: skip
def test_what_the_documentation_refuses_leaves_no_activity(hook: Caller, changes: dict[str, Any]) -> None:
    assert hook.error("crm.activity.add", {"fields": MAIL | changes}) == (400, "")
    assert hook("crm.activity.list", {}) == []


def test_a_letter_that_arrives_hangs_on_the_card_with_that_address(box: Sandbox, hook: Caller) -> None:
    """Who wrote is told only by lists, and only where it is selected; a stranger becomes a lead."""
    mail = {"from": "IVAN@example.com", "subject": "Re: Hello", "text": "9", "to_user": 6}
    known = box.control("/as/0/ui.mail.receive", mail)["result"]
    box.control("/as/0/ui.mail.receive", {**mail, "from": "new@example.com"})
    listed = {"filter": {"TYPE_ID": 4, "DIRECTION": 1, ">ID": known - 1}, "order": {"ID": "ASC"}, "start": -1}
    rows = hook("crm.activity.list", {**listed, "select": ["ID", "OWNER_TYPE_ID", "COMMUNICATIONS"]})
    assert [(row["OWNER_TYPE_ID"], row["COMMUNICATIONS"][0]["VALUE"]) for row in rows] == [
        ("3", "IVAN@example.com"), ("1", "new@example.com"),
    ]  # fmt: skip
    assert "COMMUNICATIONS" not in hook("crm.activity.list", listed)[0]
    one = hook("crm.activity.get", {"id": known})
    assert (one["DESCRIPTION"], one["DIRECTION"], one["RESPONSIBLE_ID"]) == ("9", "1", "6")
    assert "COMMUNICATIONS" not in one
