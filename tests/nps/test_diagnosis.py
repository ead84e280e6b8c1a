"""What is wrong is told from facts alone: each rule at its edge, causes without their consequences (product.md T8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration.nps.diagnosis import Finding, Installation, Portal, installation, portal, worst

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LONG = NOW - timedelta(days=30)
GIB = 1024**3
WELL = Portal(
    kind="market", status="active", since=LONG, installed_at=LONG, set_up_at=LONG, synced_at=LONG,
    worker_at=NOW - timedelta(seconds=20), reconciled_at=NOW - timedelta(minutes=10), heard_at=NOW - timedelta(hours=2),
    skew=0.4, senders=2, mail="", domains={"a.example": ()}, changed_at=NOW - timedelta(hours=2), answer="",
)  # fmt: skip
SOUND = Installation(
    schema="0004", size=9_000_000, disk_free=50 * GIB, disk_size=100 * GIB, public_url="https://molva.example",
    portals=1, worker_at=NOW, mail="",
)  # fmt: skip


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def bad(found: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(one.code, one.level) for one in found if one.level != "ok"]


def test_a_portal_that_is_well_has_every_area_looked_at_and_nothing_to_be_done() -> None:
    found = portal(WELL, NOW)
    assert worst(found) == "ok"
    assert {one.area for one in found} == {
        "access", "set_up", "data", "events", "worker", "calls", "letters", "limits", "clock", "mail", "address",
    }  # fmt: skip


CASES: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    # access
    ({"status": "suspended"}, [("suspended", "danger")]),
    ({"status": "suspended", "worker_at": None}, [("suspended", "danger"), ("worker_never", "danger")]),
    ({"status": "reauthorise", "calls_failed": 3}, [("reauthorise", "danger")]),
    ({"status": "reauthorise", "problem": "reauthorise:wrong_client"}, [("own_keys", "danger")]),
    ({"status": "reauthorise", "erase_wished_at": NOW}, [("removal_unproven", "danger")]),
    ({"status": "undecided"}, [("undecided", "danger")]),
    ({"status": "uninstalled"}, [("uninstalled", "info")]),
    ({"status": "new"}, [("not_opened", "warn")]),
    ({"answer": "read_timeout"}, [("no_answer", "danger")]),
    ({"missing_scopes": ("task",)}, [("scopes", "warn")]),
    ({"problem": "scope:insufficient_scope"}, [("scope_refused", "warn")]),
    ({"problem": "rights:deal"}, [("sees_less", "danger")]),
    # set-up and data
    ({"set_up_at": None, "installed_at": ago(minutes=59)}, [("set_up_begins", "info")]),
    ({"set_up_at": None, "installed_at": ago(minutes=61)}, [("not_set_up", "danger")]),
    ({"set_up_open": 2}, [("set_up_open", "warn")]),
    ({"reading_given_up": True}, [("reading_given_up", "danger")]),
    ({"synced_at": None, "installed_at": ago(hours=23)}, [("reading", "info")]),
    ({"synced_at": None, "installed_at": ago(hours=25)}, [("reading_slow", "warn")]),
    ({"reconciled_at": ago(minutes=119)}, []),
    ({"reconciled_at": ago(minutes=121)}, [("not_compared", "warn")]),
    ({"reconcile_error": True}, [("not_compared", "warn")]),
    ({"reconciled_at": None}, []),
    # notices: a quiet portal is no deaf one, and a single lost notice neither
    ({"changed_at": ago(minutes=30), "unheard": 3, "heard_at": ago(hours=2)}, [("deaf", "warn")]),
    ({"changed_at": ago(minutes=30), "unheard": 2, "heard_at": ago(hours=2)}, []),
    ({"changed_at": ago(minutes=61), "unheard": 9, "heard_at": ago(hours=2)}, []),
    ({"changed_at": ago(minutes=59), "unheard": 9, "heard_at": ago(hours=2)}, [("deaf", "warn")]),
    ({"changed_at": None, "heard_at": None}, []),
    ({"changed_at": ago(minutes=5), "unheard": 20, "heard_at": None}, [("deaf", "warn")]),
    ({"changed_at": ago(minutes=5), "unheard": 20, "heard_at": None, "set_up_at": ago(minutes=50)}, []),
    ({"changed_at": ago(minutes=5), "unheard": 20, "heard_at": None, "kind": "webhook"}, []),
    # the worker, and what follows from it
    ({"worker_at": ago(minutes=3)}, []),
    ({"worker_at": ago(minutes=3, seconds=1)}, [("worker_silent", "danger")]),
    ({"worker_at": None, "reconciled_at": ago(days=2), "calls_late": ago(days=2), "letters_late": 4,
      "set_up_at": None}, [("worker_never", "danger")]),
    # calls and letters
    ({"calls_failed": 3}, [("calls_failed", "warn")]),
    ({"calls_late": ago(minutes=61)}, [("calls_late", "warn")]),
    ({"calls_late": ago(minutes=59)}, []),
    ({"to_call": 7, "called_at": ago(days=4)}, [("nobody_calls", "warn")]),
    ({"to_call": 7, "called_at": ago(days=2)}, []),
    ({"to_call": 0, "called_at": ago(days=9)}, []),
    ({"letters_undecided": 1, "letters_late": 2, "letters_why": "server_down"},
     [("letters_undecided", "warn"), ("letters_late", "warn")]),
    # limits: a used-up budget is said once, and not as something that waits
    ({"closed": ("crm.item.update",), "closed_since": ago(minutes=61), "calls_late": ago(minutes=61)},
     [("exhausted", "warn")]),
    ({"closed": ("crm.item.update",), "closed_since": ago(minutes=59)}, []),
    ({"quiet_until": NOW + timedelta(minutes=5), "calls_late": ago(hours=3)}, [("quiet", "danger")]),
    ({"quiet_until": NOW}, []),
    # clocks
    ({"skew": 60.0}, []),
    ({"skew": -60.1}, [("skew", "warn")]),
    ({"skew": None}, []),
    # mail
    ({"mail": "none"}, [("no_mail_server", "warn")]),
    ({"mail": "refused"}, [("mail_fails", "danger")]),
    ({"mail": None, "senders": 0, "domains": {}}, [("no_senders", "info")]),
    ({"domains": {"b.example": ("spf", "dmarc"), "a.example": None}}, [("domain", "warn"), ("dns_silent", "info")]),
    # addresses
    ({"our_https": False}, [("not_https", "danger")]),
    ({"our_https": False, "their_https": False}, [("plain_network", "info")]),
    ({"their_https": False}, []),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "expected"), CASES)
def test_each_rule_at_its_edge(facts: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert bad(portal(replace(WELL, **facts), NOW)) == expected


def test_the_worst_comes_first_and_what_is_fine_last() -> None:
    found = portal(replace(WELL, calls_failed=1, answer="x", senders=0), NOW)
    assert [one.level for one in found][:3] == ["danger", "warn", "info"]
    assert {one.level for one in found[3:]} == {"ok"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, []),
        (
            {"database": "the database has no schema yet; run: molva migrate", "portals": 0},
            [("database", "danger")],
        ),
        ({"disk_free": GIB - 1}, [("disk_full", "warn")]),
        ({"disk_free": GIB // 4 - 1}, [("disk_full", "danger")]),
        ({"disk_free": 9 * GIB, "disk_size": 100 * GIB}, [("disk_full", "warn")]),
        ({"disk_free": 11 * GIB, "disk_size": 1000 * GIB}, []),
        ({"disk_free": None, "disk_size": None}, []),
        ({"public_url": "http://10.0.0.1"}, [("public_plain", "warn")]),
        ({"keys": False, "portals": 0}, [("no_keys", "warn"), ("no_portals", "warn")]),
        ({"worker_at": None, "mail": "none"}, [("worker_never", "danger"), ("no_mail_server", "warn")]),
    ],
)
def test_the_installation_itself(facts: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """A database that cannot be used is all there is to say."""
    assert bad(installation(replace(SOUND, **facts), NOW)) == expected
