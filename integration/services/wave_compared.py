"""A wave against the one before it: independent, paired, by channel (product.md N4, N5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from integration.nps.people import Group
from integration.nps.policy import Policy
from integration.nps.statistics import Counts
from integration.nps.wave_change import WaveChange, around, compare, mix_change, table_of
from integration.services import policies
from integration.services.wave_accounts import (
    Account,
    Json,
    accounts,
    counted,
    counts_of,
    figures,
    kept_clients,
)
from integration.store import wave_report as rows
from integration.store.past_answers import ORIGIN
from integration.store.portals import Portal
from integration.store.reports import EVERYONE, Scope
from integration.store.waves import Wave


def change(
    session: Session, portal: Portal, wave: Wave, scope: Scope, policy: Policy, given: Sequence[Account]
) -> Json:
    """The comparison; empty without an earlier wave with answers. `given`: this wave's clients.

    Clients of both are compared by this wave's rule; whose clients they are now decides which pairs a viewer sees.
    The earlier index is the one that was written down, where the viewer sees everybody's.
    """
    earlier = rows.before(session, portal.id, wave)
    if earlier is None:
        return {}
    rule = policies.load_version(session, portal.id, earlier.policy_version)
    found = rows.answers(session, portal.id, earlier.id, EVERYONE)
    then = accounts(found, policy, portal.time_zone)
    if not scope.everyone:
        found = rows.answers(session, portal.id, earlier.id, scope)
    own = accounts(found, rule, portal.time_zone)
    before = counts_of(kept_clients(earlier)) if scope.everyone else None
    return {
        "since": earlier.name, "since_id": earlier.id, "imported": earlier.origin == ORIGIN,
        **told(before or counted(own), counted(given), _pairs(then, given), policy.min_group),
        **(mixes(own, given) if earlier.origin != ORIGIN else {}),
    }  # fmt: skip


def _pairs(then: Iterable[Account], now: Iterable[Account]) -> list[tuple[int, int, int]]:
    scores = {one.key: one.score for one in then}
    return [(scores[one.key], one.score, 1) for one in now if one.key in scores]


def told(before: Counts, after: Counts, pairs: Iterable[tuple[int, int, int]], least: int) -> Json:
    """The change in numbers and as codes. `table`: clients of both by group, rows before, columns after; `verdict` is
    missing where one of the waves has fewer than `least` answers."""
    table = table_of(pairs)
    found = compare(before, after, table, least)
    shown: Json = {"before": figures(before), "after": figures(after), "table": table}
    return shown if found is None else {**shown, **_compared(found)}


def _compared(found: WaveChange) -> Json:
    one, two = found.independent, found.paired
    shown: Json = {
        "difference": found.difference, "basis": found.basis, "verdict": found.verdict,
        "interval": list(found.interval),
        "independent": {
            "difference": one.difference, "se": one.se, "z": one.z, "p": one.p, "n": list(one.n),
            "interval": list(around(one.difference, one.se)),
        },
    }  # fmt: skip
    if two is not None:
        shown["paired"] = {
            "difference": two.difference, "se": two.se, "z": two.z, "p": two.p, "rose": two.rose, "fell": two.fell,
            "n": two.n, "interval": list(around(two.difference, two.se)),
        }  # fmt: skip
    return shown


def mixes(then: Sequence[Account], now: Sequence[Account]) -> Json:
    """Both waves by channel, and this one with the earlier one's mix; channels of imported waves are not known."""
    before, after = _mix(then), _mix(now)
    found = mix_change(before, after)
    return {
        "channels_before": {name: figures(counts) for name, counts in sorted(before.items())},
        "mix": {
            "raw": found.standardised.raw, "standardised": found.standardised.value,
            "mix_moved": found.standardised.mix_moved, "n": found.standardised.n, "lacking": list(found.lacking),
            "warning": found.moved,
        },
    }  # fmt: skip


def _mix(given: Iterable[Account]) -> dict[str, Counts]:
    found: dict[str, list[Group]] = {}
    for one in given:
        found.setdefault(one.channel, []).append(one.group)
    return {channel: Counts.of(groups) for channel, groups in found.items()}
