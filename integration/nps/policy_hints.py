"""Settings that work, but hardly as meant: told at the field, never refused."""

from __future__ import annotations

from collections.abc import Iterator

from .call_pace import calls_that_fit
from .policy import Policy, PolicyProblem
from .policy_checks import YEAR
from .questions import untold


def hints(policy: Policy) -> list[PolicyProblem]:
    """What a person should look at once more, with the field to say it at."""
    return [*_asking(policy), *_calling(policy), *_signing(policy), *_acting(policy), *_untold(policy)]


def _asking(policy: Policy) -> Iterator[PolicyProblem]:
    if not policy.service_pipelines:
        yield PolicyProblem("service_pipelines", "only_won_deals", {"months": policy.current_months})
    if not policy.wave_month:
        return
    # The list is made when the survey is planned, so less than a year after people were asked.
    between = YEAR - policy.plan_days_before - (policy.calling_days if policy.calling else 0)
    if policy.min_gap_days > between:
        yield PolicyProblem("min_gap_days", "gap_skips_a_year", {"days": between})


def _calling(policy: Policy) -> Iterator[PolicyProblem]:
    """A caller who always calls when the desk says so still needs days for all attempts (product.md W7)."""
    if policy.calling and policy.hours_from < policy.hours_to:
        fit = calls_that_fit(policy)
        if fit < policy.max_attempts:
            yield PolicyProblem("max_attempts", "attempts_hardly_fit", {"fit": fit})


def _signing(policy: Policy) -> Iterator[PolicyProblem]:
    if not policy.senders:
        yield PolicyProblem("senders", "nobody_signs")
        return
    if not policy.head_sender:
        yield PolicyProblem("head_sender", "nobody_announces")
    if not policy.default_sender:
        yield PolicyProblem("default_sender", "no_default")
    people = {sender.user_id for sender in policy.senders}
    if len(people) == 1 and len(policy.senders) == 1:
        yield PolicyProblem("senders", "one_sender")


def _acting(policy: Policy) -> Iterator[PolicyProblem]:
    if policy.head_user_id is None:
        yield PolicyProblem("head_user_id", "nobody_watches")
    if policy.wave_owner is None and policy.wave_month:
        yield PolicyProblem("wave_owner", "nobody_approves")
    if policy.calling and not policy.callers:
        yield PolicyProblem("callers", "nobody_calls")


def _untold(policy: Policy) -> Iterator[PolicyProblem]:
    for number, language in untold(policy.extra_questions, policy.languages):
        yield PolicyProblem("extra_questions", "question_untold", {"question": number, "language": language})
