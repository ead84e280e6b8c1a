"""Waves through bad times: whatever happens to clocks, days and names, the rules of a wave hold to its end.

One table of lives over one world; what must be true of each stands in `check`, worked out here from zones and days and
from nothing of the product's. Crashes are in `tests/journeys/test_kills.py`, cards that go in `test_wave_changes.py`,
mail that comes back in `test_bounces.py`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from integration.mail.message import to_bytes
from integration.services import frames, waves
from integration.services.frames import Viewer
from integration.store.base import Sessions, make_sessions
from integration.store.clients import Contact
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave
from tests.conftest import HandClock
from tests.services.survey_world import BROWSER
from tests.services.wave_world import HEAD, World, make_world
from tests.web.conftest import make_app

MOSCOW = ZoneInfo("Europe/Moscow")
#: With summer time and without, on both sides of the portal's; contacts 200, 300 and so on live there.
ZONES = (
    "Europe/Moscow",
    "Europe/Berlin",
    "Europe/Kyiv",
    "America/New_York",
    "Asia/Vladivostok",
    "Asia/Kathmandu",
)
FIXED = ("23.02", "8.03")
NEW_YEAR = ("31.12", "1.01", "2.01", "3.01", "4.01", "5.01", "6.01", "7.01", "8.01")


def nothing(_world: World) -> None:
    """Nobody answers, nothing happens."""


def answers(world: World) -> None:
    """Two answer on the day of the question."""
    world.answer(200, 9)
    world.answer(300, 2)


def a_week_without_us(world: World) -> None:
    """No process runs for seven days and a night."""
    world.clock.moment += timedelta(days=7, hours=11)


def back(world: World) -> None:
    """Somebody sets the clock back by twenty days; the worker goes on, and a day later it is put right."""
    right = world.clock.moment
    world.clock.moment = right - timedelta(days=20)
    world.until(world.clock.moment + timedelta(days=1))
    world.clock.moment = right


@dataclass(frozen=True)
class Life:
    """One wave. `then`: on which day, at noon in Moscow, what happens; `days`: when the letters must leave (Moscow)."""

    name: str
    year: int
    month: int
    day: int
    then: Mapping[date, Callable[[World], None]] = field(default_factory=dict)
    zone: str = "Europe/Moscow"
    off: tuple[str, ...] = FIXED
    days: Mapping[str, date] = field(default_factory=dict)
    silent: int = len(ZONES)


LIVES = (
    Life("calm", 2026, 3, 2, days={"invitation": date(2026, 3, 2), "reminder_2": date(2026, 3, 11)}),
    Life("downtime over the question", 2026, 3, 2, {date(2026, 2, 27): a_week_without_us},
         days={"invitation": date(2026, 3, 9)}),
    Life("downtime over the end", 2026, 3, 2,
         {date(2026, 3, 3): answers, date(2026, 3, 16): a_week_without_us}, silent=4),
    Life("clock set back", 2026, 3, 2, {date(2026, 3, 5): back}, days={"reminder_1": date(2026, 3, 6)}),
    Life("summer time begins", 2026, 3, 23,
         days={"announcement": date(2026, 3, 9), "invitation": date(2026, 3, 23), "reminder_2": date(2026, 4, 1)}),
    Life("summer time begins, also for us", 2026, 3, 25, zone="Europe/Berlin", days={"reminder_1": date(2026, 3, 30)}),
    Life("summer time begins on the day of downtime", 2026, 3, 23, {date(2026, 3, 26): a_week_without_us}),
    Life("summer time ends", 2026, 10, 19, days={"invitation": date(2026, 10, 19), "reminder_2": date(2026, 10, 28)}),
    Life("summer time ends, also for us", 2026, 10, 21, {date(2026, 10, 22): answers}, zone="Europe/Berlin", silent=4),
    Life("New Year", 2026, 12, 20, off=(*FIXED, *NEW_YEAR),
         days={"invitation": date(2026, 12, 21), "reminder_1": date(2026, 12, 25), "reminder_2": date(2026, 12, 30)}),
    Life("New Year in the middle", 2026, 12, 28, {date(2026, 12, 29): answers}, off=(*FIXED, *NEW_YEAR), silent=4,
         days={"invitation": date(2026, 12, 28), "reminder_1": date(2027, 1, 11)}),
    Life("29 February", 2028, 2, 29, days={"invitation": date(2028, 2, 29)}),
    Life("29 February in another year", 2027, 2, 29, days={"invitation": date(2027, 3, 1)}),
)  # fmt: skip


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=MOSCOW)


def live(world: World, life: Life) -> None:
    """Drafted on its day by the machine, approved, and left alone but for what happens."""
    for number in range(2, 2 + len(ZONES)):
        world.client(number)
    world.policy(wave_month=life.month, wave_day=life.day, time_zone=life.zone)
    world.set(
        Portal, world.portal_id, calendar={"week_holidays": ["SA", "SU"], "year_holidays": ",".join(life.off)}
    )
    world.clock.moment = noon(date(life.year, life.month, 1)) - timedelta(days=80)
    while not waves.plan_due(world.deps):
        world.clock.advance(days=1)
        assert world.clock.moment.year <= life.year, "never planned"
    wave = world.wave()
    assert waves.rehearse(world.deps, world.portal_id, wave.id, "Пётр Сом")["errors"] == []
    waves.approve(world.deps, world.portal_id, wave.id, "Пётр Сом")
    for number, zone in enumerate(ZONES, 2):
        world.set(Invitation, world.invitations()[number * 100].id, time_zone=zone)
    for day, happens in life.then.items():
        world.until(noon(day))
        happens(world)
    world.until(noon(date(life.year, life.month, 28)) + timedelta(days=60))


def check(world: World, life: Life) -> None:
    """Each step at most once for each, three days apart, in everybody's own hours; one outcome each; one end."""
    zones = {f"p{number}00@client.example.com": ZoneInfo(zone) for number, zone in enumerate(ZONES, 2)}
    off = {tuple(map(int, day.split("."))) for day in life.off}
    moments: dict[str, list[datetime]] = defaultdict(list)
    for row in world.letters(status="done"):
        assert row.sent_at is not None
        local = row.sent_at.astimezone(zones[row.recipient_address])
        moments[row.recipient_address].append(row.sent_at)
        assert 9 <= local.hour < 18, (row.key, local)
        assert local.weekday() < 5, (row.key, local)
        assert (local.day, local.month) not in off, (row.key, local)
        assert row.planned_for is None or row.planned_for <= row.sent_at
    for at in moments.values():
        assert all(after - before > timedelta(days=2, hours=12) for before, after in pairwise(sorted(at))), at
    assert Counter(Counter(row.key for row in world.letters()).values()).keys() <= {1}
    assert len(world.post.sent) == sum(map(len, moments.values()))
    for step, day in life.days.items():
        left = {row.sent_at.astimezone(MOSCOW).date() for row in world.letters(status="done")
                if row.key.startswith(f"{step}:") and row.recipient_address == "p400@client.example.com"}  # fmt: skip
        assert left == {day}, (step, left)
    outcomes = Counter(one.outcome for one in world.invitations().values())
    assert outcomes == Counter({"no_answer": life.silent, "answered": len(ZONES) - life.silent}) - Counter()
    for one in world.invitations().values():
        named = {*one.touches, *one.skipped}
        assert one.outcome == "answered" or named >= {
            "announcement",
            "invitation",
            "reminder_1",
            "reminder_2",
        }
    wave = world.wave()
    assert wave.stage == "closed"
    assert wave.result_frozen_at is not None
    assert wave.result["outcomes"] == dict(outcomes)
    trail = Counter(event.what for event in world.events() if event.what != "frozen")
    assert max(trail.values()) == 1, trail


@pytest.fixture
def one(one_engine: Engine, clock: HandClock) -> World:
    return make_world(make_sessions(one_engine), clock)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name.replace(" ", "_"))
def test_the_rules_hold_whatever_time_does(one: World, life: Life) -> None:
    live(one, life)
    check(one, life)


def test_the_rules_hold_on_both_databases(sessions: Sessions, clock: HandClock) -> None:
    """A week without any process while summer time begins."""
    world, life = make_world(sessions, clock), LIVES[6]
    live(world, life)
    check(world, life)
    assert any("late for" in event.detail for event in world.events())


NAMES = (
    'ООО "Рога & Копыта" <Север>', "O'Brien; DROP TABLE waves;--", "Кафе «Ёлка» 🎄👩‍👩‍👧", "شركة الأمل \u202e gpj.exe",
    "Две\r\nстроки\tи\x0bещё", "=HYPERLINK(\"http://evil.example\";\"x\")", "{{ 7*7 }} %s {0} ${x}", "Ж" * 500,
    "@SUM(1+1)", "a\u0301\u0327\u200b\ufeff名前", "</script><b>жирно</b>",
)  # fmt: skip


def test_no_name_breaks_list_letter_page_console_or_file(sessions: Sessions, clock: HandClock) -> None:
    """Names of companies and people as people type them, and worse."""
    world = make_world(sessions, clock)
    for number, name in enumerate(NAMES, 2):
        world.client(number, title=name)
        world.set(Contact, (world.portal_id, number * 100), name=name[:100], last_name=name[:100])
    wave_id = world.approved()
    assert {line.name for line in world.lines().values()} == {name[:500] for name in NAMES}
    world.until(datetime(2026, 3, 2, 12, tzinfo=MOSCOW))
    assert {row.status for row in world.letters()} == {"done"}
    for letter in world.post.sent:
        message = message_from_bytes(to_bytes(letter), policy=policy.default)
        assert len(message.get_all("To")) == len(message.get_all("Subject")) == 1
        assert "<b>жирно</b>" not in letter.body_html
        assert message["To"].addresses[0].addr_spec == letter.recipient_address
        assert not message.defects
    client = make_app(world.deps).test_client()
    client.environ_base["HTTP_USER_AGENT"] = BROWSER
    for one in world.invitations().values():
        shown = client.get(f"/s/{one.token}")
        assert (shown.status_code, b"<b>" in shown.data) == (200, False)
    viewer = Viewer(
        portal_id=world.portal_id, user_id=HEAD, administrator=True, language="ru",
        origin="https://portal.example", proved_at=world.clock.now().replace(microsecond=0),
    )  # fmt: skip
    session = {"session": frames.seal(world.deps, viewer)}
    console = client.post(f"/app/wave/{wave_id}", data=session)
    assert console.status_code == 200
    assert "<b>жирно" not in console.text
    assert "&lt;b&gt;жирно" in console.text
    assert client.post(f"/app/wave/{wave_id}/report", data=session).status_code == 200
    for sheet in ("clients", "people"):
        told = client.post(f"/app/wave/{wave_id}/export", data={**session, "format": "csv", "sheet": sheet})
        table = list(csv.reader(io.StringIO(told.text.lstrip("\ufeff"))))
        cells = [cell for row in table for cell in row]
        assert len(table) == len(NAMES) + 1, sheet
        assert not [cell for cell in cells if cell[:1] in "=@" and cell], sheet
    world.until(datetime(2026, 5, 1, tzinfo=UTC))
    assert world.wave().stage == "closed"


def test_a_portal_without_clients_has_a_wave_all_the_same(one: World) -> None:
    """List, page, refusal to approve, no letters; next year another one, with the client found meanwhile."""
    wave_id = one.planned()
    report = waves.rehearse(one.deps, one.portal_id, wave_id, "Пётр Сом")
    assert [finding["code"] for finding in report["errors"]] == ["nobody_to_ask"]
    with pytest.raises(waves.WaveError, match="nobody_to_ask"):
        waves.approve(one.deps, one.portal_id, wave_id, "Пётр Сом")
    client = make_app(one.deps).test_client()
    viewer = Viewer(
        portal_id=one.portal_id, user_id=HEAD, administrator=True, language="ru",
        origin="https://portal.example", proved_at=one.clock.now().replace(microsecond=0),
    )  # fmt: skip
    for path in ("", "/report", "/export"):
        shown = client.post(f"/app/wave/{wave_id}{path}", data={"session": frames.seal(one.deps, viewer)})
        assert shown.status_code == 200, path
    waves.cancel(one.deps, one.portal_id, wave_id, "Пётр Сом", "nobody to ask yet")
    one.client(2)
    one.until(datetime(2026, 12, 1, tzinfo=UTC))
    assert one.letters() == []
    one.clock.moment = datetime(2027, 1, 25, 9, tzinfo=UTC)
    assert waves.plan_due(one.deps)
    assert [wave.name for wave in one.rows(Wave)] == ["2026", "2027"]
    following = one.wave()
    assert waves.rehearse(one.deps, one.portal_id, following.id, "Пётр Сом")["errors"] == []
    waves.approve(one.deps, one.portal_id, following.id, "Пётр Сом")
    one.until(datetime(2027, 5, 1, tzinfo=UTC))
    assert (one.wave().stage, len(one.letters(status="done"))) == ("closed", 4)
