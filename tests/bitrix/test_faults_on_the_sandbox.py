"""Tokens, faults and limits of the served sandbox portal, met by the client and its arithmetic."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration.bitrix import calls
from integration.bitrix.calls import (
    Call,
    item_get,
    item_update,
)
from integration.bitrix.client import ClientPool, Report
from integration.bitrix.errors import AccessLost, Moved, NotFound, Refused, Retryable, Suspended, TokenExpired
from integration.bitrix.limits import (
    Bucket,
    Meters,
    Rate,
    blocked,
    choose,
    next_look,
    observed,
    overflown,
    skew_of,
    spend,
    wait_for,
)
from integration.bitrix.sandbox.agency import Agency, bulk_deals
from integration.bitrix.sandbox.server import running
from tests.bitrix.places import CLIENT_ID, SECRET, Place, placed
from tests.clocks import midday


def test_a_token_pair_is_rotated_and_the_old_one_is_dead(place: Place) -> None:
    """bitrix24.md 3.4: expired, refreshed once, repeated; the old refresh token no longer works."""
    place.box.control("/tokens/expire", {})
    with pytest.raises(TokenExpired):
        place.client.call(calls.profile())
    old = place.frame.grant
    pair = place.oauth.refresh(place.box.oauth_url, CLIENT_ID, SECRET, old.refresh_token)
    assert pair.refresh_token != old.refresh_token
    assert (pair.member_id, pair.domain, pair.client_endpoint) == (
        old.member_id,
        place.box.domain,
        old.client_endpoint,
    )
    assert (
        place.pool.client(pair.client_endpoint, pair.access_token).call(calls.profile()).result["ID"] == "1"
    )
    with pytest.raises(AccessLost):
        place.oauth.refresh(place.box.oauth_url, CLIENT_ID, SECRET, old.refresh_token)
    with pytest.raises(AccessLost):
        place.oauth.refresh(place.box.oauth_url, CLIENT_ID, "wrong", pair.refresh_token)


def test_a_frame_s_grant_is_proven_at_the_server(place: Place) -> None:
    """bitrix24.md 2.9: application, portal and user as claimed; a forged token proves nothing."""
    info = place.oauth.app_info(place.box.oauth_url, place.frame.grant.access_token)
    assert (info.client_id, info.member_id, info.domain) == (
        CLIENT_ID,
        place.frame.grant.member_id,
        place.frame.domain,
    )
    assert (info.user_id, info.installed) == (1, True)
    with pytest.raises(AccessLost):
        place.oauth.app_info(place.box.oauth_url, "0" * 70)


FAULTS: list[tuple[str, type[Exception], str]] = [
    ("503", Retryable, "none"), ("429", Retryable, "none"), ("overload", Retryable, "none"),
    ("500", Retryable, "unknown"),
    ("502", Retryable, "unknown"), ("bad_json", Retryable, "unknown"), ("empty", Retryable, "unknown"),
    ("expired_token", TokenExpired, ""), ("suspended", Suspended, ""),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "error", "effect"), FAULTS)
def test_the_portal_s_faults_are_told_apart(
    kind: str, error: type[Exception], effect: str, place: Place
) -> None:
    """Over real HTTP as in the table of the client's tests; afterwards all is well."""
    place.box.control("/faults", [{"kind": kind, "count": 1}])
    with pytest.raises(error) as caught:
        place.client.batch({"a": calls.profile()})
    if isinstance(caught.value, Retryable):
        assert caught.value.effect == effect
    assert place.client.batch({"a": calls.profile()}).results["a"]["ID"] == "1"


def test_errors_of_single_commands_leave_the_others_alone(place: Place) -> None:
    """HTTP 200 with one bad call (bitrix24.md 4.4)."""
    answer = place.client.batch(
        {"bad": item_get("deal", 10**9), "worse": Call("no.such.method"), "good": item_get("deal", 1)}
    )
    assert isinstance(answer.errors["bad"], NotFound)
    assert isinstance(answer.errors["worse"], Refused)
    assert answer.results["good"]["item"]["id"] == 1


def test_a_renamed_portal_says_where_it_went(place: Place) -> None:
    """bitrix24.md 4.1: 302, and the body is not lost in a followed redirect."""
    place.box.control("/settings", {"moved_to": "new.bitrix24.example"}, "PUT")
    with pytest.raises(Moved) as caught:
        place.client.call(calls.profile())
    assert "new.bitrix24.example" in caught.value.location


def test_the_rate_limit_is_met_by_whoever_does_not_ask_the_bucket() -> None:
    """Without the arithmetic a burst runs into 503, with it none does (bitrix24.md 5.1)."""
    pool = ClientPool(allow_http=True)
    clock = midday()
    with running(Agency(), clock) as box:
        client = placed(box, pool).client
        box.control("/settings", {"rate_limit": {"on": True, "per_second": 1, "burst": 60}}, "PUT")
        burst = (client.call(calls.profile()) for _ in range(500))
        with pytest.raises(Retryable) as caught:
            list(burst)
        assert (caught.value.code, caught.value.effect) == ("QUERY_LIMIT_EXCEEDED", "none")
        rate = Rate(1.0, 60.0, 10.0)
        bucket = overflown(Bucket(0.0, clock.now()), clock.now(), rate)
        for _ in range(40):
            clock.advance(wait_for(bucket, clock.now(), rate))
            bucket = spend(bucket, clock.now(), rate)
            client.call(calls.profile())
        assert box.control("/counters", verb="GET")["by_error"] == {"QUERY_LIMIT_EXCEEDED": 1}
    pool.close()


def test_a_slow_portal_is_used_to_its_budget_without_one_429() -> None:
    """Updates of two to three seconds: at least 95 % of 480 s, then nothing until the portal says so."""
    pool = ClientPool(allow_http=True)
    portal_time, reports = midday(), list[Report]()
    with running(bulk_deals(400, 5), portal_time) as box:
        grant = placed(box, pool).frame.grant
        client = pool.client(grant.client_endpoint, grant.access_token, reports.append)
        box.control(
            "/settings", {"slow": {"on": True, "min": 2.0, "max": 3.0, "methods": ["crm.item.update"]}}, "PUT"
        )
        meters: Meters = {}
        done, sizes = 0, []
        while True:
            now = portal_time.now()
            size = len(choose(meters, ["crm.item.update"] * 50, now))
            if not size:
                break
            batch = {
                f"u{n}": item_update("deal", done + n + 1, {"title": f"T{done + n}"}) for n in range(size)
            }
            answer = client.batch(batch)
            assert {str(error) for error in answer.errors.values()} == set()
            now = portal_time.now()
            meters = observed(meters, answer.metered(batch), now, skew_of(answer.time, now))
            done += size
            sizes.append(size)
        used = meters["crm.item.update"].usage.seconds
        assert 0.95 * 480 <= used < 480
        assert sizes[0] == 10
        assert max(sizes) * 3.0 < 60
        assert next_look(meters, ["crm.item.update"], now) - now > timedelta(seconds=30)
        assert reports[-1].operating["crm.item.update"] == used
        usage = blocked(meters["crm.item.update"].usage, None, now)
        assert usage.blocked_until is not None
    pool.close()
