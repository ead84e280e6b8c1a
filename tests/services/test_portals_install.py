"""Installation, proven at the authorisation server, and what it sets up in the portal (product.md T1, B1)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from integration.bitrix import calls
from integration.services import chores, portals
from integration.services.portals import InstallRefused
from integration.services.setup import setup
from integration.store.base import Sessions, reading, transaction
from integration.store.clients import Company, Deal
from integration.store.portals import Department, Limits, Portal, Staff, Stage
from integration.store.rates import CurrencyRate
from tests.services.portal_world import CLIENT_ID, SECRET, World, agency, on_sqlite, wired, world


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    data = agency()
    data.users = [
        *data.users,
        {"ID": "6", "NAME": "Mila", "ACTIVE": True, "ADMIN": False, "UF_DEPARTMENT": [1]},
    ]
    with world(sessions, data) as made:
        yield made


def test_an_administrator_installs_and_the_portal_is_set_up_and_synchronised(place: World) -> None:
    """From the installer's frame alone everything follows: fields, bindings, settings, people, cards."""
    place.ready()
    row = place.row()
    assert (row.status, row.problem) == ("active", "")
    assert row.setup_at is not None
    assert row.synced_at is not None
    assert (row.time_zone, row.currency, row.crm_mode) == ("Europe/Moscow", "RUB", 1)
    assert {(rate.base, rate.currency, float(rate.rate)) for rate in place.all(CurrencyRate)} == {
        ("RUB", "USD", 92.5), ("RUB", "EUR", 100.25),
    }  # fmt: skip
    assert set(row.fields) == {"lead", "deal", "company", "contact"}
    assert set(row.fields["deal"]["UF_CRM_MOLVA_NPS_GROUP"]["items"]) == {"promoter", "passive", "detractor"}
    assert row.calendar["week_holidays"] == ["SA", "SU"]
    assert {person.user_id for person in place.all(Staff)} == {1, 6}
    assert [division.head_user_id for division in place.all(Department)] == [1]
    assert {stage.stage_id for stage in place.all(Stage)} >= {"NEW", "WON", "C2:EXECUTING", "C2:WON"}
    assert len(place.all(Deal)) == 4


def test_the_set_up_run_again_adds_nothing(place: World) -> None:
    """Set-up is a comparison: on a portal that has everything it makes no creating call."""
    place.ready()
    place.fresh_counters()
    done = setup(place.deps, place.portal_id)
    assert (done.added, done.problems) == (0, ())
    made = [name for name in place.counters()["by_method"] if name.endswith((".add", ".bind", ".update"))]
    assert made == []


def test_a_field_that_somebody_deleted_comes_back(place: World) -> None:
    """After a field is gone the next set-up creates it again and stores its new ids."""
    place.ready()
    field = place.row().fields["deal"]["UF_CRM_MOLVA_NPS_SCORE"]["id"]
    place.act(1, "crm.deal.userfield.delete", id=field)
    place.settle()
    assert place.row().fields["deal"]["UF_CRM_MOLVA_NPS_SCORE"]["id"] not in (field, 0)


def test_installing_again_keeps_the_portal_and_doubles_nothing(place: World) -> None:
    """Re-installation is idempotent: the same row, newer tokens, the same fields and bindings."""
    first = place.ready().portal_id
    before, fields = place.row(), len(place.dump()["user_fields"])
    place.clock.advance(10)
    again = portals.install(place.deps, place.opened().grant)
    place.settle()
    after = place.row()
    assert (again.portal_id, again.created) == (first, False)
    assert after.token_version > before.token_version
    assert after.access_token != before.access_token
    assert len(place.dump()["user_fields"]) == fields
    assert len(place.all(Portal)) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"member_id": "b" * 32}, "wrong_portal"),
        ({"domain": "other.example.com"}, "wrong_portal"),
        ({"access_token": "a" * 32}, "dead_token"),
        ({"access_token": ""}, "dead_token"),
    ],
)
def test_a_forged_claim_is_refused(place: World, change: dict[str, Any], code: str) -> None:
    """What a frame says about itself is compared with the authorisation server's word; nothing is stored."""
    place.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False})
    claim = replace(place.opened().grant, **change)
    with pytest.raises(InstallRefused) as refused:
        portals.install(place.deps, claim)
    assert refused.value.code == code
    assert place.all(Portal) == []


def test_only_an_administrator_may_install(place: World) -> None:
    """An employee's genuine token is not enough (bitrix24.md 2.9)."""
    place.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": True})
    with pytest.raises(InstallRefused, match="not_admin"):
        portals.install(place.deps, place.opened(6).grant)
    assert place.all(Portal) == []


def test_a_token_of_another_application_is_refused(place: World) -> None:
    """A genuine token of this portal that was issued for somebody else's application proves nothing."""
    app = {"client_id": "local.other", "install_url": f"{place.address}/x", "app_url": f"{place.address}/x"}
    place.box.control("/apps", {**app, "ui": True, "scope": ["crm"]})
    place.box.control("/apps/local.other/install", {"user_id": 1, "finish": True})
    post = place.box.control("/apps/local.other/open", {"user_id": 1, "dry": True})
    place.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False})
    claim = replace(place.opened().grant, access_token=post["fields"]["AUTH_ID"])
    with pytest.raises(InstallRefused, match="not_ours"):
        portals.install(place.deps, claim)


def test_the_claimed_server_is_never_asked_unless_allowed(place: World) -> None:
    """A posted address only chooses among the operator's servers (bitrix24.md 3.2)."""
    place.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False})
    claim = replace(place.opened().grant, server_endpoint=f"{place.address}/rest/")
    assert portals.install(place.deps, claim).created
    for odd in ("http://[::1", "https://", "//", f"http://x@{place.box.oauth_url[7:]}"):
        assert not portals.install(place.deps, replace(claim, server_endpoint=odd)).created
    assert place.all(Portal)[0].oauth_origin == place.box.oauth_url


def test_portals_outside_the_operators_list_are_refused(sessions: Sessions) -> None:
    """`MOLVA_PORTALS` names who may install; the others are refused before anybody is asked."""
    with world(sessions, allowed_portals=frozenset({"friend.example.com"})) as place:
        place.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False})
        claim = place.opened().grant
        place.fresh_counters()
        with pytest.raises(InstallRefused, match="not_allowed"):
            portals.install(place.deps, claim)
        assert place.counters()["oauth"] == 0


def test_a_plain_http_portal_needs_the_operators_consent(sessions: Sessions) -> None:
    """Tokens are not sent over http unless the operator allows it (product.md T10)."""
    with world(sessions, allow_http=False) as place:
        place.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False})
        with pytest.raises(InstallRefused, match="insecure"):
            portals.install(place.deps, place.opened().grant)


def test_a_local_application_is_installed_and_renewed_with_its_own_keys(sessions: Sessions) -> None:
    """Keys registered with `add-app` belong to that portal; the operator's own keys are not needed."""
    with world(sessions, client_id="", client_secret="") as place:
        for domain in ("", "//", "a b", "http://[x", "somebody@portal", "portal:123456"):
            with pytest.raises(ValueError, match="domain"):
                portals.add_app(place.deps, domain, CLIENT_ID, SECRET)
        registered = portals.add_app(
            place.deps, f" {place.box.portal_url}/crm/", f"{CLIENT_ID} ", f" {SECRET}\n"
        )
        assert place.ready().portal_id == registered
        assert place.row().kind == "local"
        place.box.control("/tokens/expire", {})
        portals.rest_for(place.deps, registered).call(calls.profile())
        assert place.row().token_version == 2


def test_registering_keys_ends_in_one_row_and_one_line_whatever_was_there(sessions: Sessions) -> None:
    """Four at once, again, for another portal, the operator's own, names that are no application's."""
    with world(sessions, client_id="app.operator", client_secret="x") as place:
        start, ids = threading.Barrier(4), []

        def register(number: int) -> None:
            start.wait(60)
            ids.append(portals.add_app(place.deps, place.box.domain, CLIENT_ID, f"secret-{number}"))

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(register, number) for number in range(4)]:
                done.result()
        assert len({*ids}) == 1
        assert portals.add_app(place.deps, place.box.domain, CLIENT_ID, SECRET) == ids[0]
        for name in ("app.operator", "webhook", "left-1", "local", "local.x" * 20, "local.\n", "локал.1"):
            with pytest.raises(ValueError, match=r"application"):
                portals.add_app(place.deps, place.box.domain, name, SECRET)
        assert place.install() == ids[0]
        with pytest.raises(ValueError, match=f"already installed in {place.box.domain}"):
            portals.add_app(place.deps, "elsewhere.example.com", CLIENT_ID, SECRET)
        (portal,) = place.all(Portal)
        assert (portal.client_secret, portal.kind, portal.status) == (SECRET, "local", "active")


def test_keys_move_from_the_environment_to_the_portal_without_a_second_row(sessions: Sessions) -> None:
    """Installed by the operator's keys; registered after those were taken away, the same portal goes on with them."""
    with world(sessions) as place:
        portal_id = place.install()
        place.deps = wired(sessions, place.box, place.clock, place.address, client_id="", client_secret="")
        assert portals.add_app(place.deps, place.box.domain, CLIENT_ID, SECRET) == portal_id
        place.box.control("/tokens/expire", {})
        assert portals.rest_for(place.deps, portal_id).call(calls.profile()).result["ID"] == "1"
        assert [(row.kind, row.status) for row in place.all(Portal)] == [("local", "active")]


def test_the_question_about_the_administrator_is_debited(sessions: Sessions) -> None:
    """Nothing we ask a portal escapes its bucket: not the first request of all, not that of a later installation."""
    with world(sessions) as place:
        for wanted in (1.0, 2.0):
            place.install()
            (row,) = place.all(Limits)
            assert row.level == pytest.approx(wanted, abs=0.5)
        with transaction(sessions) as session:
            kept = session.get_one(Limits, place.portal_id)
            kept.level, kept.level_at = 50.0, place.clock.now() + timedelta(minutes=5)
        place.fresh_counters()
        with pytest.raises(InstallRefused, match="unreachable"):
            portals.install(place.deps, place.opened().grant)
        assert place.counters()["http"] == 0


def test_keys_registered_for_one_portal_do_not_install_in_another(sessions: Sessions) -> None:
    """A local application belongs to the domain it was registered for."""
    with world(sessions, client_id="", client_secret="") as place:
        portals.add_app(place.deps, "elsewhere.example.com", CLIENT_ID, SECRET)
        with pytest.raises(InstallRefused, match="not_ours"):
            place.install()


def test_an_incoming_webhook_is_enough_to_synchronise(place: World) -> None:
    """Without application and events the portal is read and its fields created; the secret is encrypted (T1, T6)."""
    scope = ["crm", "task", "user", "department", "calendar"]
    url = place.box.control("/webhooks", {"user_id": 1, "scope": scope})["url"]
    place.portal_id = portals.add_webhook(place.deps, url)
    place.settle()
    assert place.row().problem == ""
    assert place.row().synced_at is not None
    assert [company.title for company in place.all(Company)] == ["Vega", "Own"]
    assert url.rstrip("/").rpartition("/")[2] not in raw_row(place)


def test_a_webhook_and_an_application_do_not_ask_the_same_clients_twice(place: World) -> None:
    """Whichever comes second is refused while the first works; once that is gone it may come."""
    url = place.box.control("/webhooks", {"user_id": 1})["url"]
    hook = portals.add_webhook(place.deps, url)
    with pytest.raises(InstallRefused, match="already_connected"):
        place.install()
    assert portals.remove(place.deps, hook)
    place.install()
    with pytest.raises(ValueError, match="twice"):
        portals.add_webhook(place.deps, url)
    assert [portal.kind for portal in place.all(Portal)] == ["market"]


def test_tokens_lie_encrypted_in_the_database(place: World) -> None:
    """A copy of the database alone opens no portal (product.md T6)."""
    place.install()
    row, raw = place.row(), raw_row(place)
    for secret in (row.access_token, row.refresh_token, row.application_token):
        assert secret
        assert secret not in raw


def raw_row(place: World) -> str:
    """The portal's row as bytes on the disk would show it."""
    with reading(place.deps.sessions) as session:
        values = session.execute(text("SELECT * FROM portals")).one()
    return " ".join(
        bytes(v).decode("latin-1") if isinstance(v, bytes | memoryview) else str(v) for v in values
    )


def test_an_installation_that_cannot_be_asked_about_may_be_tried_again(place: World) -> None:
    """A silent portal is a reason to come back, not to refuse for good."""
    place.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False})
    claim = place.opened().grant
    place.fault("500", method="profile")
    with pytest.raises(InstallRefused, match="unreachable"):
        portals.install(place.deps, claim)
    assert portals.install(place.deps, claim).created


def test_a_set_up_that_breaks_off_goes_on_later_without_doubles(place: World) -> None:
    """A lost connection in the middle of creating fields leaves none missing and none twice."""
    place.install()
    place.fault("drop_after", method="crm.deal.userfield.add")
    assert chores.run_due(place.deps)
    assert place.row().setup_at is None
    place.clock.advance(timedelta(minutes=5).total_seconds())
    place.settle()
    assert place.row().setup_at is not None
    names = [(row["ENTITY_ID"], row["FIELD_NAME"]) for row in place.dump()["user_fields"]]
    assert len(names) == len(set(names)) == 38


def test_a_company_of_six_hundred_people_is_read_whole(sqlite_url: str) -> None:
    """Lists by offset are read on as long as they come full."""
    data = agency()
    data.users = [*data.users, *({"ID": str(n), "NAME": f"N{n}", "ACTIVE": n % 9 > 0} for n in range(2, 601))]
    with on_sqlite(sqlite_url) as sessions, world(sessions, data) as place:
        place.install()
        setup(place.deps, place.portal_id)
        people = place.all(Staff)
        assert len(people) == 600
        assert not people[8].active
