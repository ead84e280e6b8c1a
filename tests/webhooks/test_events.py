"""The address for portal events: bounded, checked, stored before it answers (product.md T2)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

import webhooks
from integration.bitrix.errors import Retryable
from integration.mail.smtp import NoMailer
from integration.services import inbox
from integration.services.deps import Deps, Settings
from integration.store.base import Sessions, reading, transaction
from integration.store.inbox import InboxRow
from integration.store.portals import Portal
from tests.conftest import HandClock, a_portal
from webhooks.posted import LIMIT
from webhooks.schemas import Unreadable, read_event

MEMBER, TOKEN = "m-1", "application"


class Nobody:
    """A network in which nothing may be asked."""

    def __call__(self, *_given: Any, **_named: Any) -> Any:
        raise AssertionError("an event made a request")

    def grant(self, origin: str, access_token: str) -> Any:
        raise Retryable("oauth.app.info", "no_connection", effect="none")

    refresh = __call__
    sign = __call__
    open = __call__
    token = __call__


@pytest.fixture
def client(sessions: Sessions, clock: HandClock, portal: Portal) -> FlaskClient:
    """Our address with one portal behind it and no network."""
    app = Flask("test")
    nobody: Any = Nobody()
    app.extensions["molva"] = Deps(
        sessions=sessions, clock=clock,
        settings=Settings(public_url="http://molva.example", oauth_origins=("http://oauth.example",)),
        rest=nobody, oauth=nobody, mailer=NoMailer(), signer=nobody, dice=nobody,
    )  # fmt: skip
    webhooks.register(app)
    return app.test_client()


def form(event: str = "ONCRMDEALUPDATE", number: int = 5, **changes: str | None) -> dict[str, str]:
    """An event as the portal's queue posts it."""
    fields: dict[str, str | None] = {
        "event": event, "event_handler_id": "1", "data[FIELDS][ID]": str(number), "ts": "1766047124",
        "auth[member_id]": MEMBER, "auth[application_token]": TOKEN, "auth[domain]": "portal.example",
        "auth[access_token]": "user-token", "auth[user_id]": "6",
    }  # fmt: skip
    return {key: value for key, value in (fields | changes).items() if value is not None}


def stored(sessions: Sessions) -> list[InboxRow]:
    with reading(sessions) as session:
        return session.query(InboxRow).order_by(InboxRow.id).all()


def test_a_genuine_event_is_stored_and_answered(client: FlaskClient, sessions: Sessions) -> None:
    """What is kept names the card, and nothing of the sender's tokens."""
    answer = client.post("/bitrix/events", data=form())
    assert (answer.status_code, answer.text) == (200, "accepted\n")
    (row,) = stored(sessions)
    assert (row.lane, row.kind, row.entity_id, row.event, row.times) == (
        "deal:5",
        "deal",
        5,
        "ONCRMDEALUPDATE",
        1,
    )
    assert "user-token" not in str(row.payload)


@pytest.mark.parametrize("event", ["onCrmDealAdd", "ONCRMDEALMOVETOCATEGORY", "ONCRMDEALDELETE"])
def test_names_of_events_are_read_in_any_case(client: FlaskClient, sessions: Sessions, event: str) -> None:
    """Some events come in mixed case (bitrix24.md pitfall 48)."""
    assert client.post("/bitrix/events", data=form(event)).status_code == 200
    assert [row.event for row in stored(sessions)] == [event.upper()]


def test_the_same_card_folds_and_another_card_does_not(client: FlaskClient, sessions: Sessions) -> None:
    """One waiting row per card counts its events and remembers the newest."""
    for event in ("ONCRMDEALADD", "ONCRMDEALUPDATE", "ONCRMDEALUPDATE"):
        client.post("/bitrix/events", data=form(event))
    client.post("/bitrix/events", data=form(number=6))
    client.post("/bitrix/events", data=form("ONCRMCONTACTUPDATE"))
    assert [(row.lane, row.times, row.event) for row in stored(sessions)] == [
        ("deal:5", 3, "ONCRMDEALUPDATE"), ("deal:6", 1, "ONCRMDEALUPDATE"), ("contact:5", 1, "ONCRMCONTACTUPDATE"),
    ]  # fmt: skip


def test_life_cycle_events_are_kept_one_by_one(client: FlaskClient, sessions: Sessions) -> None:
    """Events about the application do not fold; what an administrator chose is kept."""
    for clean in ("0", "1"):
        fields = form("ONAPPUNINSTALL", **{"data[FIELDS][ID]": None, "data[CLEAN]": clean})
        assert client.post("/bitrix/events", data=fields).status_code == 200
    assert [(row.lane, row.payload["clean"]) for row in stored(sessions)] == [
        ("removal", False),
        ("removal", True),
    ]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (form(**{"auth[application_token]": "forged"}), 403),
        (form(**{"auth[application_token]": None}), 403),
        (form(**{"auth[application_token]": ""}), 403),
        (form(**{"auth[member_id]": "unknown"}), 403),
        (form(**{"auth[member_id]": None}), 400),
        (form(**{"auth[member_id]": "x" * 100}), 400),
        (form(event=""), 400),
        (form(event="<script>"), 400),
        ({"event": "ONCRMDEALUPDATE"}, 400),
        ({"auth": "text", "event": "ONCRMDEALUPDATE"}, 400),
        ({"event[x]": "ONCRMDEALUPDATE", "auth[member_id]": MEMBER}, 400),
        ({"a" + "[b]" * 30: "deep"}, 400),
        ({f"data[{n}]": "x" for n in range(500)}, 400),
        ({"x": ""}, 400),
    ],
)
def test_forged_and_unreadable_events_are_refused_with_one_line(
    client: FlaskClient, sessions: Sessions, fields: dict[str, str], status: int
) -> None:
    """4xx, nothing stored, one line of log without contents."""
    with capture_logs() as lines:
        assert client.post("/bitrix/events", data=fields).status_code == status
    assert stored(sessions) == []
    assert len(lines) == 1
    assert "forged" not in str(lines)
    assert "user-token" not in str(lines)


@pytest.mark.parametrize("size", [LIMIT + 1, 5 * LIMIT])
def test_a_huge_event_is_refused(client: FlaskClient, sessions: Sessions, size: int) -> None:
    """More than 64 KB is not read."""
    assert client.post("/bitrix/events", data=form(**{"data[X]": "x" * size})).status_code == 413
    assert stored(sessions) == []


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "text/plain", ""])
def test_other_forms_of_body_are_refused(client: FlaskClient, sessions: Sessions, kind: str) -> None:
    """The portal posts form fields and nothing else (bitrix24.md 6.1)."""
    assert client.post("/bitrix/events", data=b'{"event":"x"}', content_type=kind).status_code == 415
    assert stored(sessions) == []


def test_bytes_that_are_no_text_are_refused(client: FlaskClient, sessions: Sessions) -> None:
    """Not UTF-8: 400."""
    kind = "application/x-www-form-urlencoded"
    assert client.post("/bitrix/events", data=b"event=\xff\xfe", content_type=kind).status_code == 400
    assert stored(sessions) == []


@pytest.mark.parametrize(
    "fields",
    [
        form("ONCRMACTIVITYADD"),
        form("ONCRMDEALUPDATE", **{"data[FIELDS][ID]": "0"}),
        form("ONCRMDEALUPDATE", **{"data[FIELDS][ID]": "five"}),
        form("ONCRMDEALUSERFIELDUPDATE", **{"data[FIELDS][FIELD_NAME]": "UF_CRM_SOMEBODYS"}),
        form("ONTASKUPDATE", **{"data[FIELDS_AFTER][ID]": "77", "data[FIELDS_BEFORE]": "undefined"}),
    ],
)
def test_genuine_events_of_no_use_are_answered_and_counted(
    client: FlaskClient, sessions: Sessions, fields: dict[str, str]
) -> None:
    """200 and a count, no row (product.md T2)."""
    before = inbox.ignored[fields["event"]]
    answer = client.post("/bitrix/events", data=fields)
    assert (answer.status_code, answer.text) == (200, "ignored\n")
    assert inbox.ignored[fields["event"]] == before + 1
    assert stored(sessions) == []


def test_a_change_of_our_own_fields_is_kept(client: FlaskClient, sessions: Sessions) -> None:
    """Somebody touched the definition of a field of ours: set-up has to look."""
    fields = form("ONCRMDEALUSERFIELDDELETE", **{"data[FIELDS][FIELD_NAME]": "UF_CRM_MOLVA_NPS_SCORE"})
    client.post("/bitrix/events", data=fields)
    assert [row.kind for row in stored(sessions)] == ["field"]


def test_an_uninstalled_portal_accepts_nothing(
    client: FlaskClient, sessions: Sessions, portal: Portal
) -> None:
    """Its old token proves nothing any more."""
    with transaction(sessions) as session:
        session.get_one(Portal, portal.id).status = "uninstalled"
    assert client.post("/bitrix/events", data=form()).status_code == 403


def test_one_portals_token_is_worth_nothing_in_another(client: FlaskClient, sessions: Sessions) -> None:
    """The portal is found by its own name, the secret must be its own (product.md T6)."""
    with transaction(sessions) as session:
        session.add(a_portal(member_id="m-2", application_token="second"))
    assert client.post("/bitrix/events", data=form(**{"auth[member_id]": "m-2"})).status_code == 403
    assert stored(sessions) == []


def test_an_installation_that_cannot_be_proven_now_may_come_again(
    client: FlaskClient, sessions: Sessions
) -> None:
    """The authorisation server is silent: 503, and no portal is made."""
    fields = form("ONAPPINSTALL", **{"auth[member_id]": "m-9"})
    assert client.post("/bitrix/events", data=fields).status_code == 503
    with reading(sessions) as session:
        assert session.query(Portal).count() == 1


@pytest.mark.parametrize("verb", ["get", "head"])
def test_the_address_answers_a_look(client: FlaskClient, verb: str) -> None:
    """Portals check an address before they accept it (bitrix24.md pitfall 18)."""
    assert getattr(client, verb)("/bitrix/events").status_code == 200


KEYS = st.text(alphabet="abcDATAeventauthFIELDSID[]0123456789_", min_size=1, max_size=40)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(KEYS, st.text(max_size=60)), max_size=30))
def test_whatever_is_posted_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    """The reader never fails in another way than by refusing."""
    try:
        event = read_event(pairs)
    except Unreadable:
        return
    assert event.name.startswith("ON")
    assert event.grant.member_id


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**9), st.sampled_from(["ONCRMDEALADD", "ONCRMLEADDELETE", "ONCRMCOMPANYUPDATE"]))
def test_every_event_of_a_card_is_understood(number: int, event: str) -> None:
    """Name and id survive the way through form fields."""
    read = read_event(form(event, number).items())
    assert (read.name, read.entity_id, read.grant.member_id) == (event, number, MEMBER)


@pytest.mark.parametrize("event", ["ONCRMDEALUPDATE", "ONTASKUPDATE"])
def test_an_id_no_portal_has_is_of_no_use(client: FlaskClient, sessions: Sessions, event: str) -> None:
    """Larger than any column takes: answered and counted, never an error of ours."""
    answer = client.post("/bitrix/events", data=form(event, 99_999_999_999_999_999))
    assert (answer.status_code, answer.text, stored(sessions)) == (200, "ignored\n", [])
