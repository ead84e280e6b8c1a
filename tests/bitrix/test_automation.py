"""Triggers and the robot as values: what should be registered, and what a robot posts (bitrix24.md 14)."""

from __future__ import annotations

from typing import Any

import pytest

from integration.bitrix import robots, triggers
from integration.bitrix.form_keys import ProtocolError, flatten, unflatten
from integration.services.automation import ROBOT_TEXTS, TRIGGER_NAMES

NAMES = {code: code.upper() for code in triggers.CODES}
TEXTS = {key: {"en": text} for key, text in ROBOT_TEXTS.items()}


def test_triggers_are_added_once_and_renamed_only_when_ours_changed() -> None:
    """By code; a foreign trigger of the application is left alone, an empty wish asks for nothing."""
    assert set(TRIGGER_NAMES) == set(triggers.CODES)
    found = triggers.registered(
        [{"CODE": "molva-answer", "NAME": "MOLVA-ANSWER"}, {"CODE": "x", "NAME": "y"}, 5]
    )
    assert found == {"molva-answer": "MOLVA-ANSWER"}
    assert [call.params["CODE"] for call in triggers.plan(NAMES, found)] == list(triggers.CODES[1:])
    assert triggers.plan(NAMES, NAMES) == triggers.plan({}, {}) == []
    (again,) = triggers.plan(NAMES, NAMES | {"molva-passive": "old"})
    assert again.params == {"CODE": "molva-passive", "NAME": "MOLVA-PASSIVE"}
    assert again.repeat
    fire = triggers.trigger_execute("molva-passive", 7)
    assert (fire.params["OWNER_TYPE_ID"], fire.repeat, fire.probe) == (2, False, None)


def test_the_robot_is_sent_again_only_when_it_is_another() -> None:
    """The portal names codes alone, so a mark of what was sent decides."""
    fields = robots.wanted("https://m.example/", TEXTS, 5)
    assert fields["HANDLER"] == "https://m.example/bitrix/robot"
    assert fields["USE_SUBSCRIPTION"] == ""
    assert set(fields["RETURN_PROPERTIES"]) == set(robots.RETURNS)
    mark = robots.print_of(fields)
    for codes in ([], ["other"], {}, None):
        assert [call.method for call in robots.plan(fields, codes, mark)] == ["bizproc.robot.add"]
    assert robots.plan(fields, ["molva_ask"], mark) == robots.plan(fields, {"0": "molva_ask"}, mark) == []
    for changed in (
        robots.wanted("https://n.example", TEXTS, 5),
        robots.wanted("https://m.example/", TEXTS, 6),
    ):
        (call,) = robots.plan(changed, ["molva_ask"], mark)
        assert (call.method, call.params["FIELDS"]) == ("bizproc.robot.update", changed)


def posted(**changes: Any) -> dict[str, Any]:
    form: dict[str, Any] = {
        "code": "molva_ask", "workflow_id": "w", "event_token": "t", "use_subscription": "Y",
        "document_id": ["crm", "CCrmDocumentDeal", "DEAL_12"], "properties": {"days": "3"}, "auth": {"member_id": "m"},
    }  # fmt: skip
    return unflatten(flatten(form | changes))


def test_what_a_robot_posts_is_read() -> None:
    """The deal, the days, whether it waits; the same step has the same key, another one another."""
    call = robots.parse_robot(posted())
    assert (call.deal_id, call.days, call.waits, call.grant.member_id) == (12, 3, True, "m")
    assert "token=" not in repr(call).replace("_token=", "")
    assert call.key == robots.parse_robot(posted(properties={})).key
    assert call.key != robots.parse_robot(posted(event_token="u")).key
    for days, expected in (
        ("0", 0),
        ("", 0),
        ("-1", 0),
        ("1.5", 0),
        ("9999", 365),
        ("x", 0),
        (["1"], 0),
        ("٣", 0),
    ):
        assert robots.parse_robot(posted(properties={"days": days})).days == expected, days
    for waits, said in ((True, "Y"), (True, ""), (False, "N"), (False, "n"), (False, "0")):
        assert robots.parse_robot(posted(use_subscription=said)).waits is waits
    assert not robots.parse_robot(posted(event_token="")).waits
    for document, deal in (
        ("DEAL_12", 12), (["DEAL_7"], 7), (["crm", "CCrmDocumentLead", "LEAD_7"], 0), ("DEAL_0", 0), ("DEAL_-1", 0),
        (["crm", "x", "DEAL_2147483648"], 0), ("xDEAL_1", 0), ("", 0),
    ):  # fmt: skip
        assert robots.parse_robot(posted(document_id=document)).deal_id == deal, document
    for wrong in (
        {"code": ""}, {"auth": {}}, {"auth": {"member_id": "<"}}, {"event_token": "x" * 1001},
        {"event_token": "", "workflow_id": ""}, {"workflow_id": "w" * 1001},
    ):  # fmt: skip
        with pytest.raises(ProtocolError):
            robots.parse_robot(posted(**wrong))
