"""How many calls to one person fit into the days of calling, if nobody ever picks up (product.md W7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from .attempts import Call
from .calling import CallAt, CallNow, next_call
from .invited import InvitationFacts, WaveState
from .people import ClientKey
from .plans import calendar_of, plan
from .policy import Policy

_MONDAY = date(2026, 6, 1)  # of weeks without holidays
_MOST = 100  # looks; a policy allows 50 attempts at most
_NOBODY = InvitationFacts(0, ClientKey("contact", 0), 0, address="a@example.com", phone="0000000")


def calls_that_fit(policy: Policy) -> int:
    """Attempts from a Monday on, with weekends off, by a caller who is always there; at most ``max_attempts``.

    The hours must not be empty.
    """
    policy = replace(policy, time_zone="UTC", calling=True)
    calendar = calendar_of(policy)
    wave = WaveState(0, "", "calling", plan(_MONDAY, policy, calendar), approved_by="-")
    one, now = _NOBODY, wave.plan.moment(wave.plan.start, calendar)
    for _ in range(_MOST * 2):
        match next_call(one, wave, policy, now, calendar):
            case CallNow():
                one = replace(one, calls=(*one.calls, Call(len(one.calls) + 1, "no_answer", now)))
            case CallAt(at):
                now = at
            case _:
                break
    return len(one.calls)
