"""The arithmetic of limits, held against independent models of the portal's own rules (bitrix24.md 5)."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from integration.bitrix.limits import (
    ENTERPRISE,
    STANDARD,
    Bucket,
    Cost,
    Meter,
    Rate,
    Usage,
    backoff,
    blocked,
    choose,
    level_at,
    measured,
    next_look,
    observed,
    overflown,
    rate_for,
    room,
    skew_of,
    slowed,
    spend,
    wait_for,
)

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
UPDATE = "crm.item.update"


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass
class PortalBucket:
    """The portal's side: drains only at whole seconds, refuses what would go above the ceiling."""

    per_second: float
    ceiling: float
    level: float = 0.0
    second: int = 0
    refused: int = 0
    highest: float = 0.0

    def request(self, at: float) -> None:
        whole = int(at)
        self.level = max(0.0, self.level - (whole - self.second) * self.per_second)
        self.second = whole
        if self.level + 1 > self.ceiling:
            self.refused += 1
            return
        self.level += 1
        self.highest = max(self.highest, self.level)


steps = st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=400)


@given(steps, st.sampled_from([STANDARD, ENTERPRISE, Rate(2, 50, 0)]))
def test_no_schedule_of_admitted_requests_is_ever_refused(
    schedule: list[tuple[float, bool]], rate: Rate
) -> None:
    """Whoever sends only when told that the wait is zero never meets a 503, people and background mixed."""
    portal = PortalBucket(rate.per_second, rate.ceiling)
    bucket = Bucket(0.0, START)
    at = 0.0
    for pause, interactive in schedule:
        at += pause
        if wait_for(bucket, after(at), rate, interactive) == 0.0:
            bucket = spend(bucket, after(at), rate)
            portal.request(at)
    assert portal.refused == 0


@given(steps)
def test_background_work_leaves_the_reserve_to_people(schedule: list[tuple[float, bool]]) -> None:
    """Whatever the background has sent, a person's request goes at once."""
    bucket = Bucket(0.0, START)
    at = 0.0
    for pause, _ in schedule:
        at += pause
        at += wait_for(bucket, after(at), STANDARD)
        bucket = spend(bucket, after(at), STANDARD)
        assert level_at(bucket, after(at), STANDARD) <= STANDARD.ceiling - STANDARD.reserve + 1e-6
        assert wait_for(bucket, after(at), STANDARD, interactive=True) == 0.0


@pytest.mark.parametrize("rate", [STANDARD, ENTERPRISE])
def test_a_backlog_uses_the_whole_rate(rate: Rate) -> None:
    """Sending whenever allowed for ten minutes uses at least 95 % of what the portal admits, without a
    refusal."""
    portal = PortalBucket(rate.per_second, rate.ceiling)
    bucket = Bucket(0.0, START)
    at, sent = 0.0, 0
    while at < 600:
        wait = wait_for(bucket, after(at), rate)
        if wait:
            at += max(wait, 0.001)
            continue
        bucket = spend(bucket, after(at), rate)
        portal.request(at)
        sent += 1
    assert portal.refused == 0
    assert sent >= 0.95 * (600 * rate.per_second)


def test_a_refusal_by_others_on_our_address_is_learnt() -> None:
    """The bucket is shared with other applications of the server."""
    bucket = overflown(Bucket(3.0, START), after(1), STANDARD)
    assert wait_for(bucket, after(1), STANDARD) == pytest.approx(5.5)
    assert wait_for(bucket, after(7), STANDARD) == 0.0


def test_a_clock_that_goes_back_drains_nothing() -> None:
    """Neither may it make the bucket forget."""
    bucket = spend(Bucket(10.0, after(60)), after(0), STANDARD)
    assert (bucket.level, bucket.at) == (11.0, after(60))


def test_the_rate_follows_the_tariff() -> None:
    """bitrix24.md 5.1."""
    assert rate_for("ent") is ENTERPRISE
    assert rate_for("pro") is rate_for(None) is STANDARD


def test_the_wait_between_tries_grows_and_is_spread() -> None:
    """bitrix24.md 5.4: from one second, with jitter."""
    assert [backoff(n) for n in range(1, 5)] == [1.0, 2.0, 4.0, 8.0]
    assert backoff(1, 0.0) == 0.9
    assert backoff(99) == 3600.0


# --- execution time


@dataclass
class PortalBudget:
    """The portal's side of one method: ten one-minute buckets aligned to its own clock; a call is checked
    before it runs and charged to the minute in which it ended."""

    limit: float = 480.0
    phase: float = 0.0
    minutes: dict[int, float] = field(default_factory=dict)
    refused: int = 0
    spent: float = 0.0

    def minute(self, at: float) -> int:
        return int((at + self.phase) // 60)

    def used(self, at: float) -> float:
        oldest = self.minute(at) - 9
        self.minutes = {m: s for m, s in self.minutes.items() if m >= oldest}
        return sum(self.minutes.values())

    def call(self, at: float, seconds: float) -> dict[str, float] | None:
        if self.used(at) >= self.limit:
            self.refused += 1
            return None
        ended = at + seconds
        self.used(ended)
        self.minutes[self.minute(ended)] = self.minutes.get(self.minute(ended), 0.0) + seconds
        self.spent += seconds
        reset = (min(self.minutes) + 10) * 60 - self.phase
        told = {"operating": self.used(ended), "operating_reset_at": START.timestamp() + reset}
        return {**told, "duration": seconds}


def simulate(
    portal: PortalBudget,
    seconds_per_call: list[float],
    until: float,
    virtual: bool = False,
    skew: float = 0.0,
) -> tuple[float, list[float]]:
    """An outbox with an endless backlog of updates: batches as `choose` says; returns the end and batch
    lengths. `virtual`: the calls take no time on the clock, as in a portal that only pretends to be slow."""
    meters: dict[str, Meter] = {}
    at, lengths, turn = 0.0, [], 0
    while at < until:
        now = after(at)
        chosen = choose(meters, [UPDATE] * 200, now)
        if not chosen:
            at = max(at + 0.2, (next_look(meters, [UPDATE], now) - START).total_seconds())
            continue
        spans, no, began = [], [], at
        inside = 0.0
        for _ in chosen:
            cost = seconds_per_call[turn % len(seconds_per_call)]
            turn += 1
            span = portal.call(at if virtual else began + inside, cost)
            if span is None:
                no.append(True)
            else:
                inside += cost
                spans.append((UPDATE, {**span, "operating_reset_at": span["operating_reset_at"] + skew}))
        lengths.append(inside)
        at = began + (0.05 if virtual else inside + 0.05)
        meters = observed(meters, spans, after(at), skew)
        for _ in no:
            meters[UPDATE] = replace(meters[UPDATE], usage=blocked(meters[UPDATE].usage, None, after(at)))
        meters = {
            method: Meter.from_json(json.loads(json.dumps(m.to_json()))) for method, m in meters.items()
        }
    return at, lengths


@pytest.mark.parametrize("virtual", [False, True], ids=["real", "pretended"])
@pytest.mark.parametrize("phase", [0.0, 17.0, 59.5])
@pytest.mark.parametrize("seed", range(4))
def test_a_backlog_uses_the_whole_budget_and_meets_no_429(seed: int, phase: float, virtual: bool) -> None:
    """Two hours of updates of two to three seconds use at least 95 % of 480 s per ten minutes, none
    refused."""
    rng = random.Random(seed)
    costs = [rng.uniform(2.0, 3.0) for _ in range(997)]
    portal = PortalBudget(phase=phase)
    end, lengths = simulate(portal, costs, 7200, virtual, skew=rng.choice([0.0, 40.0, -40.0]))
    assert portal.refused == 0
    assert portal.spent / (end / 600 * 480) >= 0.95
    assert max(lengths) < 60


@settings(max_examples=25, derandomize=True)
@given(
    st.lists(st.floats(0.05, 4.0), min_size=1, max_size=6),
    st.integers(0, 999),
    st.floats(0, 59),
    st.booleans(),
)
def test_no_mix_of_costs_meets_a_429_or_a_dead_request(
    kinds: list[float], seed: int, phase: float, virtual: bool
) -> None:
    """Whatever mix the calls cost, up to four seconds each, no call is refused and no batch reaches a
    minute."""
    portal = PortalBudget(phase=phase)
    costs = random.Random(seed).choices(kinds, k=997)
    _, lengths = simulate(portal, costs, 1500, virtual)
    assert portal.refused == 0
    assert max(lengths) < 60


def test_fast_updates_grow_to_full_batches() -> None:
    """The first batch is small; fast answers double it up to fifty."""
    meters: dict[str, Meter] = {}
    sizes = []
    for turn in range(5):
        size = len(choose(meters, [UPDATE] * 200, after(turn)))
        sizes.append(size)
        spans = [(UPDATE, {"duration": 0.05, "operating": 0.05 * n}) for n in range(1, size + 1)]
        meters = observed(meters, spans, after(turn))
    assert sizes == [10, 20, 40, 50, 50]


def test_reads_start_with_full_batches() -> None:
    """A first synchronisation in eight requests needs fifty pages from the first."""
    assert len(choose({}, ["crm.item.list"] * 60, START)) == 50


DIES = 60.0  # seconds after which the portal ends a request


@given(
    st.floats(0.01, 55.0),
    st.lists(st.floats(0.5, 1.0), min_size=1, max_size=9),
    st.integers(1, 1000),
    st.sampled_from([UPDATE, "crm.item.list", "tasks.task.add"]),
)
@example(44.0, [0.5, 1.0, 1.0], 1, UPDATE)
def test_a_slow_portal_never_times_out_twice_in_a_row(
    seconds: float, spread: list[float], calls_before: int, method: str
) -> None:
    """Whatever it took before and takes now: after a request that died the next call goes alone, and from there
    batches grow without dying again (bitrix24.md 5.2)."""
    meters = {method: Meter(Usage(), slowed(Cost(0.05, 0.05, 50, calls_before)))}
    assert choose(meters, [method] * 50, START) == [0]
    assert choose(meters, ["user.get", method], START) == [0], "nor does it go along with others"
    at, turn, sizes = 0.0, 0, []
    for _ in range(12):
        size = len(choose(meters, [method] * 50, after(at)))
        took = [seconds * spread[(turn + n) % len(spread)] for n in range(size)]
        turn += size
        assert sum(took) < DIES, sizes
        sizes.append(size)
        at += sum(took) + 600
        meters = observed(meters, [(method, {"duration": one}) for one in took], after(at))
    if seconds < 0.5:
        assert sizes[-1] == 50
    meters = {
        method: Meter.from_json(
            json.loads(json.dumps(Meter(Usage(), slowed(Cost.unknown(method))).to_json()))
        )
    }
    assert choose(meters, [method] * 50, START) == [0]


def test_slow_methods_are_sized_by_what_they_took() -> None:
    """Calls of three seconds go fifteen at a time: 45 of 60 seconds."""
    cost = Cost.unknown(UPDATE)
    for _ in range(5):
        cost = measured(cost, [3.0] * 10)
    meters = {UPDATE: Meter(Usage(), cost)}
    assert 12 <= len(choose(meters, [UPDATE] * 50, START)) <= 15


def test_a_method_without_room_does_not_hold_up_the_others() -> None:
    """The budget is per method (bitrix24.md 5.2)."""
    full = Usage(470.0, START.timestamp(), after(300).timestamp())
    meters = {UPDATE: Meter(full, Cost(2.5, 3.0, 20))}
    methods = [UPDATE, "tasks.task.add", UPDATE, "crm.timeline.comment.add"]
    assert choose(meters, methods, START) == [1, 3]
    assert choose(meters, [UPDATE], START) == []
    assert next_look(meters, [UPDATE], START) == after(300)
    assert choose(meters, [UPDATE], after(300)) == [0]


def test_a_block_holds_until_the_moment_told() -> None:
    """After a 429 nothing of the method goes before its reset, and at least ten seconds pass."""
    usage = blocked(Usage(470.0, START.timestamp(), after(30).timestamp()), None, START)
    assert room(usage, after(29)) == 0.0
    assert blocked(Usage(), None, START).blocked_until == after(10).timestamp()
    assert blocked(Usage(), after(77), START).blocked_until == after(77).timestamp()


def test_a_lower_limit_of_a_portal_is_learnt_from_its_first_no() -> None:
    """On-premise portals allow 420 s in ten minutes (bitrix24.md 5.2): the first no there is the last."""
    portal = PortalBudget(limit=420.0)
    end, _ = simulate(portal, [2.5], 7200)
    assert 0 < portal.refused <= 20
    assert portal.spent / (end / 600 * 420) >= 0.9
    usage = blocked(Usage(421.0, START.timestamp(), after(30).timestamp()), None, START)
    assert usage.limit == 421.0
    assert blocked(usage, None, START).limit == 421.0
    later = observed({UPDATE: Meter(usage, Cost(2.5, 2.5, 20))}, [(UPDATE, {"operating": 409.0})], after(40))
    assert room(later[UPDATE].usage, after(41)) == 0.0
    assert blocked(Usage(100.0, START.timestamp()), None, START).limit == 480.0, (
        "somebody else's calls, perhaps"
    )


def test_what_another_process_spent_is_seen_in_the_next_answer() -> None:
    """The portal's own figure replaces ours."""
    meters = observed({}, [(UPDATE, {"duration": 0.1, "operating": 0.1})], START)
    span = {"duration": 0.1, "operating": 300.0, "operating_reset_at": after(500).timestamp()}
    meters = observed(meters, [(UPDATE, span)], after(1))
    assert room(meters[UPDATE].usage, after(2)) == pytest.approx(480 * 0.97 - 300.0)
    assert meters[UPDATE].cost.worst < 2.0


def test_a_portal_without_operating_is_limited_by_time_only() -> None:
    """Boxed portals may tell nothing (bitrix24.md 4.2: the set of fields varies)."""
    meters = observed({}, [(UPDATE, {})] * 10, START)
    assert len(choose(meters, [UPDATE] * 50, START)) == 20


def test_the_portal_s_clock_is_taken_into_account() -> None:
    """Its reset is told in its own time."""
    assert skew_of({"finish": after(30).timestamp()}, START) == pytest.approx(30.0)
    assert skew_of({}, START) == 0.0
    span = {"duration": 1.0, "operating": 470.0, "operating_reset_at": after(130).timestamp()}
    meters = observed({}, [(UPDATE, span)], START, skew=30.0)
    assert next_look(meters, [UPDATE], START) == after(100)
