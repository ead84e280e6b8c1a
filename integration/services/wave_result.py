"""The numbers of a wave as they are written down when it ends, or shown before (product.md N1 to N7, W14).

What a newer Molva counts besides is missing in an older result, never wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.people import Group
from integration.nps.reporting import aapor, dispositions
from integration.nps.rights import city_key
from integration.nps.scoring import group
from integration.nps.statistics import Counts
from integration.services import policies, question_numbers, wave_compared
from integration.services.calling import yields
from integration.services.wave_accounts import Account, Json, accounts, counted, figures, scores_of
from integration.store import wave_report as rows
from integration.store.past_answers import ORIGIN
from integration.store.portals import Portal
from integration.store.reports import EVERYONE, Scope
from integration.store.wave_report import Asked, Coverage, People
from integration.store.waves import Wave


def numbers(session: Session, portal: Portal, wave: Wave, scope: Scope = EVERYONE) -> Json:
    """The result of a wave as it stands, for the clients of `scope`; every score with its n and what it rests on.

    `clients`: one value per client by the account rule, the headline (N1), `scores` of them by score; `answers`: all
    counted answers; `interval` is that of a finite base of the eligible clients (N2), `limits` needs no assumption
    (N3). Clients taken off the list whose answers count belong to the base: `answered_off_list`. `by_channel` counts
    answers, `channels` clients by the answer that decided. `calls`: what they brought. `change`: against
    the wave before, if there is one.
    """
    policy = policies.load_version(session, portal.id, wave.policy_version)
    answers = rows.answers(session, portal.id, wave.id, scope)
    given = accounts(answers, policy, portal.time_zone)
    rests = rows.coverage(session, portal.id, wave.id, scope)
    outcomes = rows.outcomes(session, portal.id, wave.id, scope)
    known = wave.origin != ORIGIN  # imported waves hold only those who answered
    calls = yields.to_json(yields.counted(session, portal.id, wave.id, portal.time_zone, scope))
    rates = aapor(dispositions(outcomes, calls.get("silent")))
    return {
        "rule": policy.account_rule,
        "clients": {**figures(counted(given), rests.asked + rests.off_list), "scores": scores_of(given)},
        "answers": figures(Counts.of(group(one.score) for one in answers)),
        "by_channel": _by_channel((one.channel, group(one.score)) for one in answers),
        "channels": _by_channel((one.channel, one.group) for one in given),
        "outcomes": outcomes,
        "rates": {"rr1": rates.rr1, "coop1": rates.coop1, "ref1": rates.ref1, "con1": rates.con1},
        "coverage": _coverage(rests),
        "funnel": _funnel(rows.people(session, portal.id, wave.id, scope), rests, calls) if known else {},
        "calls": calls,
        "inside": {
            "several": sum(one.answers > 1 for one in given), "split": sum(one.split for one in given),
        },
        **_breakdowns(rows.asked_by(session, portal.id, wave.id, scope), given),
        "questions": question_numbers.of_wave(session, portal.id, wave, scope),
        "change": wave_compared.change(session, portal, wave, scope, policy, given),
    }  # fmt: skip


def _by_channel(found: Iterable[tuple[str, Group]]) -> Json:
    groups: dict[str, list[Group]] = {}
    for channel, of in found:
        groups.setdefault(channel, []).append(of)
    return {channel: figures(Counts.of(groups[channel])) for channel in sorted(groups)}


def _coverage(found: Coverage) -> Json:
    return {
        "clients": found.clients, "eligible": found.asked, "contacts": found.people, "excluded": found.excluded,
        "revenue": str(found.revenue), "eligible_revenue": str(found.asked_revenue),
        "answered_revenue": str(found.answered_revenue), "priced": found.priced, "answered_off_list": found.off_list,
    }  # fmt: skip


def _funnel(found: Sequence[People], rests: Coverage, calls: Json) -> Json:
    """From the list to the answers after a reminder: clients first, then people (product.md N6). `called`: people with
    a call, `reached` of them on the phone, `declined` there; `unreached`: whom nobody could reach by any way."""
    outcomes: dict[str, int] = {}
    answered: dict[str, int] = {}
    for one in found:
        outcomes[one.outcome] = outcomes.get(one.outcome, 0) + one.people
        if one.outcome == "answered":
            answered[one.channel] = answered.get(one.channel, 0) + one.people
    return {
        "listed": rests.clients, "eligible": rests.asked, "people": sum(one.people for one in found),
        "announced": sum(one.announced for one in found), "asked": sum(one.asked for one in found),
        "answered": outcomes.get("answered", 0), "answered_by": dict(sorted(answered.items())),
        "refused": outcomes.get("refused", 0), "opted_out": outcomes.get("opted_out", 0),
        "reminded": sum(one.reminded for one in found),
        "after_reminder": sum(one.after for one in found if one.outcome == "answered"),
        "called": calls.get("people", 0), "reached": calls.get("reached", 0), "declined": calls.get("declined", 0),
        "unreached": outcomes.get("unreachable", 0),
    }  # fmt: skip


def _breakdowns(listed: Sequence[Asked], given: Sequence[Account]) -> Json:
    """Clients asked and answers by branch and by account manager (product.md N7), on the base of the headline;
    people write a city in several ways, the most usual of which is shown."""
    spelled: dict[str, dict[str, int]] = {}
    cities: dict[str, Json] = {}
    managers: dict[int, Json] = {}
    for line in listed:
        named = spelled.setdefault(city_key(line.city), {})
        named[line.city.strip()] = named.get(line.city.strip(), 0) + line.listed
        _row(cities, city_key(line.city))["asked"] += line.asked
        _row(managers, line.manager_id or 0)["asked"] += line.asked
    for one in given:
        for row in (_row(cities, city_key(one.city)), _row(managers, one.manager_id or 0)):
            row[f"{one.group}s"] += 1
            row["asked"] += one.off_list
    usual = {key: min(names, key=lambda name: (-names[name], name)) for key, names in spelled.items()}
    return {
        "branches": [{"key": usual.get(key, key), **row} for key, row in sorted(cities.items()) if any(row.values())],
        "managers": [{"key": key, **row} for key, row in sorted(managers.items()) if any(row.values())],
    }  # fmt: skip


def _row(found: dict[Any, Json], key: Any) -> Json:
    return found.setdefault(key, {"asked": 0, "detractors": 0, "passives": 0, "promoters": 0})
