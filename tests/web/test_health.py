"""Health, readiness and metrics for machines (product.md T8, interface.md 4)."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from integration.services import health, optouts
from integration.store import schema
from tests.services.survey_world import World


def gauges(client: FlaskClient, **request: Any) -> dict[tuple[str, ...], float]:
    """Value by name and labels."""
    answer = client.get("/metrics", **request)
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def current(monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema as a migrated database has it (tests make their tables without migrations)."""
    monkeypatch.setattr(schema, "current", lambda _engine: schema.head())


def test_the_process_is_up_without_asking_the_database(client: FlaskClient) -> None:
    client.application.extensions["molva"] = None
    assert client.get("/healthz").get_json() == {"status": "ok"}


@pytest.mark.usefixtures("current")
def test_it_is_ready_while_a_worker_shows_signs_of_life(client: FlaskClient, world: World) -> None:
    assert client.get("/readyz").status_code == 503
    health.heartbeat(world.deps, "w1")
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.get_json() == {
        "status": "ready",
        "checks": {"database": "ok", "schema": "ok", "worker": "ok"},
    }
    world.clock.advance(seconds=61)
    silent = client.get("/readyz")
    assert silent.status_code == 503
    assert silent.get_json()["checks"] == {"database": "ok", "schema": "ok", "worker": "failed"}


def test_an_old_schema_is_not_ready_and_what_was_not_looked_at_is_unknown(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "current", lambda _engine: "an older one")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {"database": "ok", "schema": "failed", "worker": "unknown"}


def test_metrics_name_queues_by_status_and_what_is_due_next(client: FlaskClient, world: World) -> None:
    optouts.opt_out(world.deps, world.token, one_click=True)  # writes a field of the card and a comment
    found = gauges(client)
    assert found[("molva_queue_rows", "outbox", "waiting")] == 2
    assert found[("molva_due_rows",)] >= 1
    assert (found["molva_calls", "due"], found["molva_calls", "in_hand"]) == (0, 0)
    assert found[("molva_portal_requests", "good")] == found[("molva_portal_requests", "refused")] == 0
    assert found[("molva_clock_timestamp_seconds",)] == world.clock.now().timestamp()


def test_the_next_due_moment_is_a_timestamp(client: FlaskClient, world: World) -> None:
    due = world.invitation().due_at
    assert due is not None
    assert gauges(client)[("molva_next_due_timestamp_seconds",)] == due.timestamp()


def test_metrics_are_for_the_loopback_when_there_is_no_token(client: FlaskClient) -> None:
    gauges(client)
    for environ, headers in (
        ({"REMOTE_ADDR": "203.0.113.9"}, {}),
        ({"REMOTE_ADDR": "127.0.0.1"}, {"X-Forwarded-For": "203.0.113.9"}),
        ({"REMOTE_ADDR": "not an address"}, {}),
    ):
        answer = client.get("/metrics", environ_overrides=environ, headers=headers)
        assert answer.status_code == 403
        assert "molva_" not in answer.text


def test_metrics_are_for_whoever_has_the_token_when_there_is_one(client: FlaskClient) -> None:
    client.application.config["METRICS_TOKEN"] = "a-token"
    far = {"REMOTE_ADDR": "203.0.113.9"}
    gauges(client, environ_overrides=far, headers={"Authorization": "Bearer a-token"})
    for wrong in (
        {},
        {"Authorization": "Bearer a-toke"},
        {"Authorization": "a-token"},
        {"Authorization": "Bearer ты"},
    ):
        assert client.get("/metrics", headers=wrong).status_code == 403
