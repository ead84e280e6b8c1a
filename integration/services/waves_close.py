"""The end of a wave: outcomes complete, the result preliminary, later frozen (product.md W14, N1 to N6)."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

from sqlalchemy.orm import Session

from integration.nps.accounts import PersonAnswer, account_result
from integration.nps.people import ROLES
from integration.nps.reporting import aapor, dispositions
from integration.nps.scoring import group
from integration.nps.statistics import Counts, adjusted, finite, limits, nps
from integration.nps.workdays import local_day, zone_named
from integration.services.letter_drafts import Scene
from integration.store import wave_lists, wave_queries


def closed(session: Session, stage: Scene, now: datetime, *, who: str, late: bool = False) -> None:
    """Close a wave whose respondents all have an outcome; its result stays preliminary for `edit_days`."""
    wave = stage.wave
    wave.stage, wave.closed_at, wave.closed_by = "closed", now, who
    wave.result = result(session, stage)
    wave.step_due_at = stage.plan.moment(stage.plan.frozen_on, stage.calendar.letters)
    if wave.step_due_at <= now:
        wave.step_due_at = now
    # The personal links are taken back.
    wave_queries.look_at_all(session, wave.portal_id, wave.id, now, only_open=False)
    wave_queries.note(session, wave, now, "closed", who, "late" if late else "")


def freeze_result(session: Session, stage: Scene, now: datetime) -> None:
    """Write the result down for good, with the corrections made until now (product.md W14)."""
    wave = stage.wave
    wave.result = result(session, stage)
    wave.result_frozen_at, wave.step_due_at = now, None
    wave_queries.note(session, wave, now, "result_frozen")


def result(session: Session, stage: Scene) -> dict[str, Any]:
    """The numbers of a wave, JSON values only; every score with its n and what it rests on (product.md 9).

    `clients`: one value per client by the account rule, the headline (N1); `answers`: all counted answers;
    `interval` is that of a finite base of the eligible clients (N2), `limits` needs no assumption (N3). Clients taken
    off the list whose answers count belong to the base: `answered_off_list` among the coverage.
    """
    rows = wave_lists.counted_scores(session, stage.wave.portal_id, stage.wave.id)
    answers = Counts.of(group(row[3]) for row in rows)
    accounts = Counts.of(_accounts(stage, rows))
    eligible, off_list = wave_lists.base(session, stage.wave.portal_id, stage.wave.id)
    base = eligible + off_list
    outcomes = wave_queries.outcomes(session, stage.wave.portal_id, stage.wave.id)
    rates = aapor(dispositions(outcomes))
    return {
        "rule": stage.policy.account_rule,
        "clients": _numbers(accounts, base),
        "answers": _numbers(answers, None),
        "by_channel": {
            channel: _numbers(Counts.of(group(row[3]) for row in rows if row[5] == channel), None)
            for channel in sorted({row[5] for row in rows})
        },
        "outcomes": outcomes,
        "rates": {"rr1": rates.rr1, "coop1": rates.coop1, "ref1": rates.ref1, "con1": rates.con1},
        "coverage": {
            **wave_lists.coverage(session, stage.wave.portal_id, stage.wave.id),
            "answered_off_list": off_list,
        },
    }


def _accounts(stage: Scene, rows: list[Any]) -> list[Any]:
    zone = zone_named(stage.portal.time_zone)
    groups: list[Any] = []
    for _, people in groupby(rows, key=itemgetter(0)):
        given = [
            PersonAnswer(
                contact_id=contact, score=score, at=at, day=local_day(at, zone),
                role=cast("Any", role) if role in ROLES else None, comment=comment, channel=cast("Any", channel),
            )
            for _, contact, role, score, comment, channel, at, _ in people
        ]  # fmt: skip
        found = account_result(given, stage.policy.account_rule, stage.policy.role_weights)
        if found is not None:
            groups.append(found.group)
    return groups


def _numbers(counts: Counts, base: int | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "n": counts.n,
        "detractors": counts.d,
        "passives": counts.a,
        "promoters": counts.p,
        "nps": nps(counts),
    }
    if not counts.n:
        return shown
    large = adjusted(counts).interval
    shown["interval_large"] = [large.low, large.high]
    if base is not None:
        shown["base"] = base
        estimate, bounds = finite(counts, base), limits(counts, base)
        if estimate is not None:
            shown["interval"] = [estimate.interval.low, estimate.interval.high]
        if bounds is not None:
            shown["limits"] = [bounds.low, bounds.high]
    return shown
