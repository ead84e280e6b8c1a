"""The rate bucket, the operating budget, the slow portal, and ordered faults (bitrix24.md 5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.limits import Buckets, Budget
from integration.bitrix.sandbox.server import Sandbox, running
from integration.bitrix.sandbox.settings import Operating, RateLimit, Settings
from integration.demo.processes import wait_for
from tests.bitrix.sandbox.agencies import small_agency
from tests.bitrix.sandbox.conftest import Caller


class StoppedClock(VirtualClock):
    """Time moves only by hand."""

    def time(self) -> float:
        return 1_800_000_000.0 + self.offset()


def test_the_bucket_takes_its_threshold_and_then_its_leak() -> None:
    """Fifty at once, then two a second; sources do not influence each other; Enterprise takes 250."""
    clock = StoppedClock()
    buckets, settings = Buckets(clock), RateLimit()
    assert [buckets.admit("a", settings, "pro") for _ in range(51)] == [True] * 50 + [False]
    clock.advance(1)
    assert [buckets.admit("a", settings, "pro") for _ in range(3)] == [True, True, False]
    assert buckets.admit("b", settings, "pro")
    assert sum(buckets.admit("c", settings, "ent") for _ in range(300)) == 250


def test_the_bucket_can_be_switched_off_and_set() -> None:
    """Off admits everything; own figures count."""
    buckets = Buckets(StoppedClock())
    assert all(buckets.admit("a", RateLimit(on=False), "pro") for _ in range(500))
    assert sum(buckets.admit("b", RateLimit(burst=7), "pro") for _ in range(20)) == 7


def test_the_budget_slides_by_minutes() -> None:
    """Seconds of the last ten minutes count; the oldest minute tells when room comes back."""
    clock = StoppedClock()
    budget, settings = Budget(clock), Operating(limit=10)
    budget.add("app", "m", 6)
    clock.advance(120)
    budget.add("app", "m", 5)
    assert budget.blocked("app", "m", settings)
    assert not budget.blocked("app", "other", settings)
    assert not budget.blocked("else", "m", settings)
    reset = budget.reset_at("app", "m")
    clock.advance(reset - clock.time() + 1)
    assert budget.used("app", "m") == 5
    assert not budget.blocked("app", "m", settings)


def test_over_http_the_fifty_first_request_is_refused(box: Sandbox, hook: Caller) -> None:
    """503 QUERY_LIMIT_EXCEEDED; half a minute of virtual time later there is room again."""
    codes = [hook.raw("profile").status_code for _ in range(70)]
    assert codes[:50] == [200] * 50
    assert 503 in codes
    assert hook.error("profile") == (503, "QUERY_LIMIT_EXCEEDED")
    box.control("/clock/advance", {"seconds": 30})
    assert hook("profile")["ID"] == "1"


@pytest.fixture
def slow(box: Sandbox) -> Sandbox:
    """A portal whose updates take exactly two seconds of virtual time."""
    box.control("/settings", {"slow": {"on": True, "min": 2, "max": 2}, "operating": {"limit": 5}}, "PUT")
    return box


_UPDATE: dict[str, Any] = {"entityTypeId": 2, "id": 10, "fields": {"title": "x"}}


def test_slow_updates_use_up_the_budget(slow: Sandbox, hook: Caller) -> None:
    """The call that crosses the limit completes, the next is refused with 429, other methods go on."""
    for want in (2, 4, 6):
        body = hook.raw("crm.item.update", _UPDATE).json()
        assert want <= body["time"]["operating"] < want + 1
        assert body["time"]["duration"] >= 2
    assert hook.error("crm.item.update", _UPDATE) == (429, "OPERATION_TIME_LIMIT")
    assert hook("crm.item.get", {"entityTypeId": 2, "id": 10})["item"]["title"] == "x"
    slow.control("/clock/advance", {"seconds": 660})
    assert hook("crm.item.update", _UPDATE)["item"]["id"] == 10


def test_a_batch_does_not_save_execution_time(slow: Sandbox, hook: Caller) -> None:
    """Every command is charged to its own method, and one over the limit fails alone."""
    cmd = [f"crm.item.update?entityTypeId=2&id=10&fields[title]=t{n}" for n in range(4)]
    result = hook("batch", {"cmd": cmd})
    assert len(result["result"]) == 3
    assert [row["error"] for row in result["result_error"].values()] == ["OPERATION_TIME_LIMIT"]


def test_a_request_dies_after_sixty_seconds_half_done(box: Sandbox, hook: Caller) -> None:
    """Fifty slow updates in one batch: the connection closes, the first twenty-nine stay done."""
    settings = {"slow": {"on": True, "min": 2.02, "max": 2.02}, "operating": {"on": False}}
    box.control("/settings", settings, "PUT")
    cmd = [f"crm.item.update?entityTypeId=2&id=10&fields[title]=t{n}" for n in range(50)]
    with pytest.raises(requests.ConnectionError):
        hook.raw("batch", {"cmd": cmd})
    box.control("/settings", {"slow": {"on": False}}, "PUT")
    assert hook("crm.item.get", {"entityTypeId": 2, "id": 10})["item"]["title"] == "t28"


def test_a_slow_portal_can_move_the_shared_clock(tmp_path: Path) -> None:
    """With advance_clock every process sees the seconds pass."""
    file = tmp_path / "clock"
    file.write_text("100\n")
    with running(small_agency(), VirtualClock(file)) as box:
        box.control("/settings", {"slow": {"on": True, "min": 3, "max": 3, "advance_clock": True}}, "PUT")
        caller = Caller(box.control("/webhooks", {"user_id": 1})["url"])
        caller("crm.item.update", _UPDATE)
        caller.session.close()
    assert float(file.read_text()) == pytest.approx(103)


def _title(hook: Caller) -> str:
    return str(hook("crm.item.get", {"entityTypeId": 2, "id": 10})["item"]["title"])


def _order(box: Sandbox, **fault: Any) -> None:
    box.control("/faults", fault)


def _come(box: Sandbox) -> None:
    """Wait until what was given up by its caller has come to the portal; that may be later."""
    wait_for("the portal", lambda: box.portal.journal.by_status["0"] == 1, 60)


@pytest.mark.parametrize(
    ("kind", "title"),
    [("drop_before", "Site"), ("drop_after", "x"), ("reset_before", "Site"), ("reset_after", "x")],
)
def test_a_dropped_connection(box: Sandbox, hook: Caller, kind: str, title: str) -> None:
    """Before the effect nothing happened; after it the write is there and nobody was told."""
    _order(box, kind=kind, method="crm.item.update")
    with pytest.raises(requests.ConnectionError):
        hook.raw("crm.item.update", _UPDATE)
    assert _title(hook) == title


@pytest.mark.parametrize(("kind", "title"), [("hang_before", "Site"), ("hang_after", "x")])
def test_a_portal_that_never_answers(box: Sandbox, hook: Caller, kind: str, title: str) -> None:
    """It says nothing until the caller gives up; others are served meanwhile."""
    _order(box, kind=kind)
    with pytest.raises(requests.ReadTimeout):
        hook.session.post(f"{hook.base}crm.item.update", json=_UPDATE, timeout=(30, 0.3))
    _come(box)
    assert _title(hook) == title


def test_an_effect_that_comes_after_its_caller_has_gone(box: Sandbox, hook: Caller) -> None:
    """The request works on in the portal for up to a minute (bitrix24.md 5.2)."""
    _order(box, kind="late", seconds=50)
    with pytest.raises(requests.ReadTimeout):
        hook.session.post(f"{hook.base}crm.item.update", json=_UPDATE, timeout=(30, 0.3))
    _come(box)
    box.control("/clock/advance", {"seconds": 45})
    assert _title(hook) == "Site"
    box.control("/clock/advance", {"seconds": 6})
    assert _title(hook) == "x"


@pytest.mark.parametrize(("after", "title"), [(False, "Site"), (True, "x")])
def test_an_answer_may_be_hollow(box: Sandbox, hook: Caller, after: bool, title: str) -> None:
    """Null where something should be, with or without an effect."""
    _order(box, kind="hollow", method="crm.item.update", after=after)
    assert hook("crm.item.update", _UPDATE) is None
    assert _title(hook) == title


@pytest.mark.parametrize("after", [False, True])
def test_single_calls_fail_under_http_200(box: Sandbox, hook: Caller, after: bool) -> None:
    """All that are meant, or every other of them; the rest of the batch goes on."""
    cmd = {f"u{n}": f"crm.item.update?entityTypeId=2&id=10&fields[title]=t{n}" for n in range(4)}
    for kind, failed in (("half_inside", ["u0", "u2"]), ("inside", ["u0", "u1", "u2", "u3"])):
        _order(box, kind=kind, after=after, method="crm.item.update", code="SOME_CODE")
        result = hook("batch", {"cmd": cmd | {"me": "profile"}})
        assert sorted(result["result_error"]) == failed
        assert {row["error"] for row in result["result_error"].values()} == {"SOME_CODE"}
        assert result["result"]["me"]["ID"] == "1"
        assert _title(hook) == ("t3" if after or kind == "half_inside" else "Site")
        box.control("/as/1/crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"title": "Site"}})
    _order(box, kind="inside", code="SOME_CODE")
    assert hook.error("crm.item.update", _UPDATE) == (200, "SOME_CODE")
    _order(box, kind="error_200")
    assert hook.error("profile") == (200, "INTERNAL_SERVER_ERROR")


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("503", 503, "QUERY_LIMIT_EXCEEDED"),
        ("overload", 503, "OVERLOAD_LIMIT"),
        ("429", 429, "OPERATION_TIME_LIMIT"),
        ("500", 500, "INTERNAL_SERVER_ERROR"),
        ("expired_token", 401, "expired_token"),
        ("invalid_token", 401, "invalid_token"),
        ("suspended", 403, "ACCESS_DENIED"),
        ("portal_deleted", 410, "PORTAL_DELETED"),
    ],
)
def test_ordered_refusals(box: Sandbox, hook: Caller, kind: str, status: int, code: str) -> None:
    """Each kind answers once with its status and code, without effect."""
    _order(box, kind=kind)
    assert hook.error("crm.item.update", _UPDATE) == (status, code)
    assert _title(hook) == "Site"


@pytest.mark.parametrize(("kind", "status"), [("502", 502), ("bad_json", 200), ("empty", 200)])
def test_answers_that_are_no_json(box: Sandbox, hook: Caller, kind: str, status: int) -> None:
    """A gateway's page, half a document, nothing."""
    _order(box, kind=kind)
    answer = hook.raw("profile")
    assert answer.status_code == status
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
        answer.json()


def test_an_error_after_the_effect(box: Sandbox, hook: Caller) -> None:
    """500 although the write was done."""
    _order(box, kind="500", after=True)
    assert hook.error("crm.item.update", _UPDATE) == (500, "INTERNAL_SERVER_ERROR")
    assert _title(hook) == "x"


def test_faults_choose_their_requests(box: Sandbox, hook: Caller) -> None:
    """``method`` also looks into batches, ``skip`` lets some pass, ``count`` ends it."""
    _order(box, kind="503", method="crm.item.update", skip=1, count=2)
    batch = {"cmd": ["crm.item.update?entityTypeId=2&id=10&fields[title]=b"]}
    assert hook("profile")["ID"] == "1"
    assert [hook.raw("batch", batch).status_code for _ in range(4)] == [200, 503, 503, 200]


def test_half_of_a_batch(box: Sandbox, hook: Caller) -> None:
    """The first half takes effect, then the connection closes."""
    _order(box, kind="half_batch")
    with pytest.raises(requests.ConnectionError):
        hook.raw(
            "batch", {"cmd": [f"crm.item.update?entityTypeId=2&id=10&fields[title]=t{n}" for n in range(4)]}
        )
    assert _title(hook) == "t1"


def test_a_portal_that_is_down(box: Sandbox, hook: Caller) -> None:
    """No answer to anything until it is up again; the control endpoints stay."""
    box.control("/settings", {"down": True}, "PUT")
    with pytest.raises(requests.ConnectionError):
        hook.raw("profile")
    box.control("/settings", {"down": False}, "PUT")
    assert hook("profile")["ID"] == "1"


def test_wrong_orders_are_refused(box: Sandbox) -> None:
    """Unknown settings and faults get 400 with the name in it."""
    for path, data in (
        ("/settings", {"nonsense": 1}),
        ("/settings", {"slow": 5}),
        ("/faults", {"kind": "nonsense"}),
        ("/faults", {"kind": "slow"}),
    ):
        with pytest.raises(requests.HTTPError, match="400"):
            box.control(path, data)


def test_settings_are_written_in_part() -> None:
    """What a partial document does not name stays."""
    settings = Settings()
    settings.update({"slow": {"on": True}})
    assert (settings.slow.on, settings.slow.max, settings.rate_limit.on) == (True, 3.0, True)
