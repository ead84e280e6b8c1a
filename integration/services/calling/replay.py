"""What the calls to one person say together, taken one after the other (product.md W7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from integration.nps.attempts import Call, CallOutcome
from integration.nps.calling import after_call
from integration.nps.invited import InvitationFacts
from integration.nps.policy import Policy
from integration.store.attempts import Attempt


def counting(made: Iterable[Attempt]) -> list[Attempt]:
    """Those of the attempts at one person that were not taken back, in the order of time."""
    return sorted((row for row in made if row.undone_at is None), key=lambda row: (row.ended_at, row.number))


def as_call(row: Attempt) -> Call:
    """An attempt as the rules know it."""
    return Call(row.number, cast("CallOutcome", row.outcome), row.ended_at, row.call_back_at, row.phone)


def replayed(facts: InvitationFacts, made: Sequence[Attempt], policy: Policy) -> InvitationFacts:
    """The facts as these calls leave them: over or not, promised, wanted by mail. A call to a number that is no longer
    theirs ends nothing. `made`: in the order of time."""
    facts = replace(facts, calls=(), calls_over="", promised_at=None, mail_from=None)
    for row in made:
        outcome = cast("CallOutcome", row.outcome)
        effect = after_call(outcome, facts, policy, row.ended_at, call_back_at=row.call_back_at)
        call = Call(row.number, outcome, row.ended_at, row.call_back_at, row.phone)
        same = row.phone in ("", facts.phone) or effect.calls_over == "asks_email"
        facts = replace(
            facts, calls=(*facts.calls, call), calls_over=(effect.calls_over if same else "") or facts.calls_over,
            promised_at=effect.promised_at, mail_from=row.ended_at if effect.mail_now else facts.mail_from,
        )  # fmt: skip
    return facts
