"""Clients of a wave with their one value, and numbers as they are written down (product.md N1 to N3).

Numbers are JSON values: a result that was frozen years ago reads as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

from sqlalchemy.orm import Session

from integration.nps.accounts import PersonAnswer, account_result, disagreement
from integration.nps.people import ROLES, ClientKey, Group
from integration.nps.policy import Policy
from integration.nps.scoring import SCALE
from integration.nps.statistics import Counts, Interval, adjusted, finite, limits, nps
from integration.nps.workdays import local_day, zone_named
from integration.store import wave_report as rows
from integration.store.portals import Portal
from integration.store.reports import Scope
from integration.store.wave_report import Answer
from integration.store.waves import Wave

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """One client's value by the account rule. `channel`: of the answer that decided it; `answers`: of how many people;
    `spread`: their highest score minus the lowest; `split`: they disagree so much that it is a case of its own (F1);
    `off_list`: the client was taken out, and the answer counts all the same."""

    key: ClientKey
    name: str
    manager_id: int | None
    city: str
    score: int
    group: Group
    channel: str
    answers: int
    spread: int
    split: bool
    people: tuple[tuple[str, int], ...]
    off_list: bool = False


def accounts(found: Iterable[Answer], policy: Policy, zone: str) -> list[Account]:
    """One value for each client with counted answers; `found`: in the order of their lines."""
    made = []
    for _, several in groupby(found, key=lambda one: one.line_id):
        people = list(several)
        given = [_given(one, zone) for one in people]
        value = account_result(given, policy.account_rule, policy.role_weights)
        if value is None:
            continue
        line = people[0]
        made.append(
            Account(
                key=ClientKey(cast("Any", line.client_kind), line.client_id), name=line.client,
                manager_id=line.manager_id, city=line.city, score=value.score, group=value.group,
                channel=value.by.channel, answers=value.respondents, spread=value.spread,
                split=disagreement(given, policy.disagreement_spread),
                people=tuple((one.person, one.score) for one in people), off_list=line.off_list,
            )
        )  # fmt: skip
    return made


def read(session: Session, portal: Portal, wave: Wave, scope: Scope, policy: Policy) -> list[Account]:
    """The clients of a wave that answered, as far as `scope` goes, each with its value by these rules."""
    return accounts(rows.answers(session, portal.id, wave.id, scope), policy, portal.time_zone)


def _given(one: Answer, zone: str) -> PersonAnswer:
    role = cast("Any", one.role) if one.role in ROLES else None
    day = local_day(one.at, zone_named(zone))
    return PersonAnswer(one.contact_id, one.score, one.at, day, role, "", cast("Any", one.channel))


def figures(counts: Counts, base: int | None = None) -> Json:
    """Counts, index, and as far as they are defined the intervals; `base`: clients that were to be asked."""
    shown: Json = {
        "n": counts.n, "detractors": counts.d, "passives": counts.a, "promoters": counts.p, "nps": nps(counts),
    }  # fmt: skip
    if not counts.n:
        return shown
    shown["interval_large"] = list(adjusted(counts).interval)
    if base is not None:
        shown["base"] = base
        estimate, bounds = finite(counts, base), limits(counts, base)
        if estimate is not None:
            shown["interval"] = list(estimate.interval)
        if bounds is not None:
            shown["limits"] = list(bounds)
    return shown


def counted(given: Iterable[Account]) -> Counts:
    return Counts.of(one.group for one in given)


def scores_of(given: Iterable[Account]) -> list[int]:
    scores = [0] * len(SCALE)
    for one in given:
        scores[one.score] += 1
    return scores


def kept_clients(wave: Wave) -> Json:
    """The numbers by client that were written down when a wave was closed; empty if there are none."""
    kept = wave.result.get("clients") if wave.stage == "closed" else None
    whole = isinstance(kept, dict) and {"detractors", "passives", "promoters"} <= kept.keys()
    return dict(kept) if whole and kept else {}


def counts_of(kept: Mapping[str, Any] | None) -> Counts | None:
    """Counts from numbers that were written down; nothing if they lack them."""
    if not kept:
        return None
    try:
        return Counts(int(kept["detractors"]), int(kept["passives"]), int(kept["promoters"]))
    except (KeyError, TypeError, ValueError):
        return None


def interval_of(kept: Mapping[str, Any], name: str) -> Interval | None:
    """An interval that was written down, if it was."""
    found = kept.get(name)
    return Interval(float(found[0]), float(found[1])) if isinstance(found, list) and len(found) == 2 else None
