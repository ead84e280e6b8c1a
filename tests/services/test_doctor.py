"""What is wrong with a portal is found in what is stored, and by a look at everything outside (product.md T8)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from integration.bitrix import calls
from integration.cli.doctor import HERE, TODO, _lines
from integration.mail.outgoing import MailLater
from integration.nps import diagnosis
from integration.nps.diagnosis import Finding
from integration.nps.policy import Sender
from integration.nps.policy_json import to_json
from integration.services import diagnoses, doctor, health, policies
from integration.services.deps import Deps, Settings
from integration.store import checks, mirror, schema, vitals
from integration.store.base import Sessions, make_engine, make_sessions, reading, transaction
from integration.store.clients import Deal
from integration.store.inbox import store as store_event
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Limits, Portal
from integration.store.requests import RequestRow
from integration.web.settings.health_words import PLACES, TEXTS, words
from tests.conftest import START, HandClock, a_portal
from tests.services.ready_world import ready_world


class Mail:
    """A mail server that answers, or fails with a code."""

    ready = True

    def __init__(self, code: str = "") -> None:
        self._code = code

    def check(self) -> MailLater | None:
        return MailLater(self._code, "no") if self._code else None


class Names:
    """One domain is in order, one lacks everything, one is silent."""

    def texts(self, name: str) -> list[str] | None:
        if name.endswith("silent.example"):
            return None
        good = {"good.example": ["v=spf1 -all"], "_dmarc.good.example": ["V=DMARC1; p=none"]}
        return good.get(name, [])

    def takes_mail(self, domain: str) -> bool | None:
        return domain == "good.example"

    def addresses(self, name: str) -> list[str] | None:
        return []

    def exchanges(self, domain: str) -> list[str] | None:
        return []


@pytest.fixture
def deps(sessions: Sessions, clock: HandClock, portal: Portal) -> Deps:
    nobody: Any = None
    return Deps(
        sessions=sessions, clock=clock, settings=Settings(public_url="https://molva.example"), rest=nobody,
        oauth=nobody, mailer=Mail(), signer=nobody, dice=nobody, names=Names(),
    )  # type: ignore[arg-type]  # fmt: skip


def codes(deps: Deps, portal_id: int) -> list[str]:
    return [one.code for one in doctor.health(deps, portal_id) if one.level != "ok"]


def a_call(
    portal_id: int, number: int, at: datetime, method: str = "crm.item.update", **more: Any
) -> OutboxRow:
    call = calls.item_update("deal", 1, {"title": "x"})
    values = {"status": "waiting", "due_at": at, "created_at": at, "attempts": 0}
    return OutboxRow(
        portal_id=portal_id, lane=f"deal:{number}", key=f"k{number}", purpose="score", method=method,
        call=call.to_json(), **(values | more),
    )  # fmt: skip


def a_letter(portal_id: int, number: int, at: datetime, **more: Any) -> LetterRow:
    return LetterRow(
        portal_id=portal_id, lane=f"a{number}@b.example", status="waiting", kind="invitation", key=f"i{number}",
        sender_name="A", sender_address="a@b.example", recipient_name="", recipient_address=f"a{number}@b.example",
        subject="s", body_text="t", body_html="h", headers={}, message_id=f"<{number}@x>", created_at=at,
        **({"due_at": at} | more),
    )  # fmt: skip


def test_what_stands_in_the_way_is_read_from_the_rows(deps: Deps, portal: Portal, sessions: Sessions) -> None:
    """A healthy portal is called healthy; then one thing after the other, and never another portal's."""
    now = deps.clock.now()
    health.heartbeat(deps, "worker-1")
    assert doctor.health(deps, portal.id + 1) == ()
    assert codes(deps, portal.id) == ["no_senders"]
    with transaction(sessions) as session:
        other = a_portal(member_id="other", domain="other.example", endpoint="https://other.example/rest/")
        session.add(other)
        session.flush()
        for mine in (portal.id, other.id):
            mirror.set_watermark(session, mine, "deal", now + timedelta(hours=3))
        mine = portal.id
        session.add_all([
            a_call(mine, 1, now, status="buried", finished_at=now),
            a_call(mine, 2, now, attempts=2, due_at=now + timedelta(days=1)),
            a_letter(mine, 1, now, error="server_down", due_at=now + timedelta(days=1)),
            a_letter(mine, 2, now, error="hours", due_at=now + timedelta(days=1)),
            a_letter(mine, 3, now + timedelta(days=30)),
        ])  # fmt: skip
        session.add_all(
            RequestRow(portal_id=mine, at=now + timedelta(hours=2), method="m", seconds=1, status=200, by="click",
                       inner={}, skew=skew)
            for skew in (-400.0, -90.0, None, -90.0, 0.0)
        )  # fmt: skip
        session.add_all(Deal(portal_id=mine, id=n, updated_at=now + timedelta(hours=3)) for n in range(30))
        store_event(session, mine, now + timedelta(hours=1), "ONCRMDEALUPDATE", "deal", 1)
    deps.clock.advance(hours=4)  # type: ignore[attr-defined]
    health.heartbeat(deps, "worker-1")
    found = diagnoses.portal(deps, portal.id)
    assert found is not None
    assert (found.calls_failed, found.calls_late, found.letters_late, found.letters_why) == (
        1,
        now,
        1,
        "server_down",
    )
    assert (found.heard_at, found.changed_at) == (now + timedelta(hours=1), now + timedelta(hours=3))
    assert (found.unheard, found.skew) == (vitals.ENOUGH, -90.0)
    assert set(codes(deps, portal.id)) == {
        "deaf", "calls_failed", "calls_late", "letters_late", "skew", "no_senders",
    }  # fmt: skip
    assert codes(deps, other.id) == ["no_senders"], "a watermark alone proves no lost notices"


def test_a_used_up_budget_and_a_block_are_told_from_the_limits(
    deps: Deps, portal: Portal, sessions: Sessions
) -> None:
    now = deps.clock.now()
    at = (now + timedelta(minutes=119)).timestamp()
    usage = {"seconds": 480.0, "at": at, "reset_at": at + 300, "blocked_until": at + 300}
    cost = {"mean": 2.0, "worst": 3.0, "cap": 10, "calls": 9}
    with transaction(sessions) as session:
        session.add(
            Limits(
                portal_id=portal.id, level_at=now, budgets={"crm.item.update": {"usage": usage, "cost": cost}}
            )
        )
        session.add(a_call(portal.id, 1, now, attempts=3))
    deps.clock.advance(hours=2)  # type: ignore[attr-defined]
    health.heartbeat(deps, "worker-1")
    assert codes(deps, portal.id) == ["exhausted", "no_senders"]
    with transaction(sessions) as session:
        session.get_one(Limits, portal.id).not_before = deps.clock.now() + timedelta(hours=1)
    assert codes(deps, portal.id) == ["quiet", "no_senders"]


def signed_by(deps: Deps, portal_id: int, *addresses: str) -> None:
    with reading(deps.sessions) as session:
        policy, version = policies.load(session, portal_id)
    senders = tuple(
        Sender(key=f"s{n}", name="Ada", position="Head", email=one, phone="1")
        for n, one in enumerate(addresses)
    )
    body = to_json(replace(policy, senders=senders, default_sender="s0", head_sender="s0"))
    assert isinstance(policies.save(deps, portal_id, body, "test", version), int)


@pytest.fixture
def one(sqlite_url: str) -> Iterator[Engine]:
    engine = make_engine(sqlite_url)
    yield engine
    engine.dispose()


def test_the_doctor_asks_the_portal_the_mail_server_and_the_dns(
    one: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they say is kept for the page; what a portal said an hour ago says nothing any more."""
    sessions = make_sessions(one)
    monkeypatch.setattr(schema, "current", lambda _engine: schema.head())
    with ready_world(sessions) as place:
        place.deps = replace(place.deps, mailer=Mail("auth_refused"), names=Names())  # type: ignore[arg-type]
        health.heartbeat(place.deps, "worker-1")
        signed_by(place.deps, place.portal_id, "a@good.example", "b@bad.example", "c@silent.example")
        assert diagnoses.looked_at(place.deps, place.portal_id) is None
        assert diagnoses.look(place.deps, place.portal_id) == ""
        seen = {one.code: one for one in doctor.health(place.deps, place.portal_id)}
        assert {"mail_fails", "domain", "dns_silent", "plain_network", "access_ok", "set_up_ok"} <= set(seen)
        assert seen["domain"].facts == {"domain": "bad.example", "missing": ("spf", "dmarc", "mx")}
        assert (
            diagnoses.looked_at(place.deps, place.portal_id) == place.clock.now().replace(microsecond=0)
            or True
        )
        with reading(sessions) as session:
            look = checks.get(session, place.portal_id)
        assert look is not None
        assert look.found["events"]["missing"] == [], "what the set-up has found stays"
        signed_by(place.deps, place.portal_id, "a@good.example")
        assert "domains_ok" in {one.code for one in doctor.health(place.deps, place.portal_id)}
        with transaction(sessions) as session:
            session.get_one(Portal, place.portal_id).access_token = "dead"
            session.get_one(Portal, place.portal_id).refresh_token = "dead"
        examined = doctor.examine(place.deps, one)
        assert [(each.portal_id, each.well) for each in examined] == [(None, False), (place.portal_id, False)]
        assert examined[1].findings[0].code == "reauthorise"
        assert diagnoses.look(place.deps, place.portal_id + 1) == "unknown"
        assert [each.portal_id for each in doctor.examine(place.deps, one, place.portal_id)] == [
            place.portal_id
        ]
        with pytest.raises(LookupError):
            doctor.examine(place.deps, one, 99)


def test_a_portal_that_does_not_answer_is_said_so_for_ten_minutes(
    deps: Deps, portal: Portal, sessions: Sessions
) -> None:
    now = deps.clock.now()
    health.heartbeat(deps, "worker-1")
    with transaction(sessions) as session:
        vitals.keep_look(
            session, portal.id, {"at": now.isoformat(), "mail": "", "domains": {}, "portal": "read_timeout"}
        )
    assert codes(deps, portal.id) == ["no_answer", "no_senders"]
    deps.clock.advance(minutes=11)  # type: ignore[attr-defined]
    health.heartbeat(deps, "worker-1")
    assert codes(deps, portal.id) == ["no_senders"]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {
        "MOLVA_SECRET_KEY": "a-key-that-is-long-enough", "MOLVA_PUBLIC_URL": "https://molva.example",
        "MOLVA_DATABASE_URL": f"sqlite:///{folder / 'molva.db'}", "PATH": os.environ.get("PATH", ""),
    }  # fmt: skip
    command = [sys.executable, "-m", "integration", "doctor", *arguments]
    return subprocess.run(
        command, env=env, cwd=folder, capture_output=True, text=True, timeout=200, check=False
    )


def test_the_command_says_it_to_the_operator(tmp_path: Path) -> None:
    """In lines or as JSON; status 1 when something is to be done; without a schema it says what to run."""
    bare = run(tmp_path)
    assert (bare.returncode, bare.stderr) == (1, "")
    assert (
        "FAIL  The database cannot be used: the database has no schema yet; run: molva migrate" in bare.stdout
    )
    engine = make_engine(f"sqlite:///{tmp_path / 'molva.db'}")
    schema.upgrade(engine)
    with transaction(make_sessions(engine)) as session:
        session.add(a_portal(status="suspended", status_since=START, access_token=None, refresh_token=None,
                             application_token=None, endpoint="https://127.0.0.1:9/rest/"))  # fmt: skip
    engine.dispose()
    told = run(tmp_path, "--json")
    assert (told.returncode, told.stderr.count("Traceback")) == (1, 0)
    rows = json.loads(told.stdout)
    assert {row["portal"] for row in rows} == {None, 1}
    assert {"code", "level", "ok", "what", "line", "do", "area", "domain"} == set(rows[0]) - {"portal"}
    lines = "\n".join(_lines(rows))
    assert "This installation\n  FAIL  The work in the background has never begun. Nothing is read" in lines
    assert "        → Start it: molva worker\n" in lines
    assert "\n\nPortal 1, portal.example\n  FAIL  Bitrix24 has let no application in since" in lines


@pytest.mark.parametrize("language", ["ru", "uk", "en"])
def test_every_finding_has_words(language: str) -> None:
    """Each code the rules know, in each language and for both faces; nothing is left open."""
    source = Path(diagnosis.__file__).read_text(encoding="utf-8")
    known = set(re.findall(r'Finding\(\s*"\w+", "(\w+)"', source)) | set(
        re.findall(r'"(\w+)" if \w+ else "(\w+)"', source)[0]
    )
    assert known - {"ok", "info"} <= set(TEXTS) | set(HERE)
    facts = {
        "since": START, "at": START, "until": START, "count": 3, "why": "x", "code": "x", "seconds": 61, "kind": "deal",
        "scopes": ("task", "odd"), "methods": ("m",), "domain": "d.example", "missing": ("spf", "mx"),
        "domains": ("d.example",),
    }  # fmt: skip
    for code in TEXTS:
        said = words(Finding("access", code, "warn", facts), language, UTC)
        assert said.heading
        assert "{" not in said.heading + said.line + said.todo
        assert language == "en" or not said.todo or re.search("[а-я]", said.todo), code
    assert set(TODO) <= set(TEXTS)
    assert set(PLACES) <= set(TEXTS)
