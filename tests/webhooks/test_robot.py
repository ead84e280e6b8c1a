"""The address that automation rules call: bounded, checked, stored before it answers (product.md W16)."""

from __future__ import annotations

import time

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from integration.store.base import Sessions, reading, transaction
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.project_runs import ProjectRun
from tests.conftest import HandClock
from tests.webhooks.test_events import client  # noqa: F401  (our address with one portal behind it and no network)
from webhooks.posted import LIMIT
from webhooks.schemas import Unreadable, read_robot


def form(**changes: str | None) -> dict[str, str]:
    """A robot's call as the portal's queue posts it, with an administrator's tokens."""
    fields: dict[str, str | None] = {
        "workflow_id": "1f.00000001", "code": "molva_ask", "document_id[0]": "crm",
        "document_id[1]": "CCrmDocumentDeal", "document_id[2]": "DEAL_5", "document_type[0]": "crm",
        "document_type[1]": "CCrmDocumentDeal", "document_type[2]": "DEAL", "event_token": "secret|A1_2|x.y",
        "properties[days]": "3", "use_subscription": "Y", "timeout_duration": "0", "ts": "1766047124",
        "auth[member_id]": "m-1", "auth[application_token]": "application", "auth[access_token]": "admin-token",
        "auth[refresh_token]": "admin-refresh", "auth[user_id]": "1",
    }  # fmt: skip
    return {key: value for key, value in (fields | changes).items() if value is not None}


def stored(sessions: Sessions) -> list[ProjectRun]:
    with reading(sessions) as session:
        return session.query(ProjectRun).order_by(ProjectRun.id).all()


def test_a_genuine_call_is_stored_once_and_answered_at_once(
    client: FlaskClient,  # noqa: F811
    sessions: Sessions,
    portal: Portal,
    clock: HandClock,
) -> None:
    """Kept: the deal, the day, the token encrypted; nothing of the user's tokens, and no request is made."""
    began = time.thread_time()
    for _ in range(2):
        answer = client.post("/bitrix/robot", data=form())
        assert (answer.status_code, answer.text) == (200, "accepted\n")
    assert time.thread_time() - began < 5
    (run,) = stored(sessions)
    assert (run.portal_id, run.deal_id, run.source, run.waits, run.status) == (
        portal.id,
        5,
        "robot",
        True,
        "new",
    )
    assert run.event_token == "secret|A1_2|x.y"
    with sessions() as session:
        raw = session.connection().exec_driver_sql("SELECT * FROM project_runs").all()
    assert "secret" not in str(raw)
    assert "admin" not in str(raw)
    client.post("/bitrix/robot", data=form(event_token="other", use_subscription="N"))
    assert [run.waits for run in stored(sessions)] == [True, False]


def test_what_is_no_deal_asks_nobody_and_a_robot_that_waits_there_is_told(
    client: FlaskClient,  # noqa: F811
    sessions: Sessions,
) -> None:
    """200, because it is genuine; a foreign code and a robot that does not wait need nothing at all."""
    lead = {"document_id[1]": "CCrmDocumentLead", "document_id[2]": "LEAD_7"}
    for more in (
        {"code": "another"},
        {**lead, "use_subscription": "N"},
        {"document_id[2]": "DEAL_0", "use_subscription": "N"},
    ):
        answer = client.post("/bitrix/robot", data=form(**more))
        assert (answer.status_code, answer.text) == (200, "ignored\n")
    assert stored(sessions) == []
    for number in ("LEAD_7", "DEAL_99999999999", "DYNAMIC_128_4"):
        fields = form(**{"document_id[2]": number, "event_token": number})
        assert client.post("/bitrix/robot", data=fields).status_code == 200
    assert {(run.deal_id, run.status) for run in stored(sessions)} == {(0, "skipped")}
    with reading(sessions) as session:
        told = session.query(OutboxRow).all()
    assert {row.call["params"]["RETURN_VALUES"]["outcome"] for row in told} == {"skipped"}
    assert len(told) == 3


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (form(**{"auth[application_token]": "forged"}), 403),
        (form(**{"auth[application_token]": None}), 403),
        (form(**{"auth[application_token]": ""}), 403),
        (form(**{"auth[member_id]": "unknown"}), 403),
        (form(**{"auth[member_id]": None}), 400),
        (form(**{"auth[member_id]": "x" * 100}), 400),
        (form(code=""), 400),
        (form(code="x" * 200), 400),
        (form(event_token="x" * 1001), 400),
        (form(event_token=None, workflow_id=None), 400),
        ({"auth": "text", "code": "molva_ask"}, 400),
        ({"a" + "[b]" * 30: "deep"}, 400),
        ({f"properties[{n}]": "x" for n in range(500)}, 400),
        ({"x": ""}, 400),
        (form(**{"properties[x]": "x" * LIMIT}), 413),
    ],
)
def test_forged_and_unreadable_calls_are_refused_with_one_line(
    client: FlaskClient,  # noqa: F811
    sessions: Sessions,
    fields: dict[str, str],
    status: int,
) -> None:
    """4xx, nothing stored, one line of log without contents."""
    with capture_logs() as lines:
        assert client.post("/bitrix/robot", data=fields).status_code == status
    assert stored(sessions) == []
    assert len(lines) == 1
    assert not any(word in str(lines) for word in ("forged", "admin-token", "secret|"))


def test_the_address_answers_whoever_looks_and_takes_forms_only(
    client: FlaskClient,  # noqa: F811
    sessions: Sessions,
) -> None:
    """GET and HEAD are 200; other bodies 415; a portal whose application was removed is not believed."""
    assert (client.get("/bitrix/robot").status_code, client.head("/bitrix/robot").status_code) == (200, 200)
    for kind in ("application/json", "multipart/form-data", "text/plain", ""):
        assert client.post("/bitrix/robot", data=b"{}", content_type=kind).status_code == 415
    kind = "application/x-www-form-urlencoded"
    assert client.post("/bitrix/robot", data=b"code=\xff", content_type=kind).status_code == 400
    with transaction(sessions) as session:
        session.query(Portal).update({"status": "uninstalled"})
    assert client.post("/bitrix/robot", data=form()).status_code == 403
    assert stored(sessions) == []


@given(
    st.dictionaries(
        st.sampled_from([*form(), "properties", "auth", "document_id", "x[y][z]"]), st.text(max_size=40)
    )
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_is_posted_is_read_or_refused(pairs: dict[str, str]) -> None:
    """No content makes the reader fail in another way; what is read has plausible values."""
    try:
        call = read_robot(pairs.items())
    except Unreadable:
        return
    assert 0 <= call.deal_id < 2**31
    assert 0 <= call.days <= 365
    assert len(call.key) < 120
