"""Several respondents of one client turned into one value, and which card gets which (product.md B2, N1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from .intents import WriteScore
from .people import CardKey, Channel, ClientKey, Group, Role
from .policy import AccountRule
from .scoring import group

_EQUAL: Mapping[str, int] = {"decides": 1, "daily": 1, "other": 1}


@dataclass(frozen=True, slots=True)
class PersonAnswer:
    """The latest counted human answer of one respondent. ``at`` UTC; ``day`` in the portal's zone."""

    contact_id: int
    score: int
    at: datetime
    day: date
    role: Role | None = None
    comment: str = ""
    channel: Channel = "email"


@dataclass(frozen=True, slots=True)
class AccountResult:
    """The client's one value. ``by``: the answer whose words go with it; ``spread``: highest minus lowest."""

    score: int
    group: Group
    by: PersonAnswer
    respondents: int
    spread: int


def latest(answers: Iterable[PersonAnswer]) -> list[PersonAnswer]:
    """One answer per person, the youngest, in order of contact id."""
    found: dict[int, PersonAnswer] = {}
    for answer in answers:
        known = found.get(answer.contact_id)
        if known is None or answer.at >= known.at:
            found[answer.contact_id] = answer
    return [found[contact] for contact in sorted(found)]


def account_result(
    answers: Iterable[PersonAnswer], rule: AccountRule, weights: Mapping[str, int] = _EQUAL
) -> AccountResult | None:
    """One value by the account rule; None without answers.

    ``worst_decision_maker``: the worst of those who decide, else the worst of all. ``weighted``: the mean by
    role, ``equal``: the plain mean; both rounded to the nearest whole score, a half downwards, because
    an account must not look better than its people said. Their words are those of the worst answer.
    """
    given = latest(answers)
    if not given:
        return None
    worst = _worst(given)
    deciders = [answer for answer in given if answer.role == "decides"]
    used = weights_of(rule, weights)
    shares = [(used.get(answer.role or "other", 1), answer.score) for answer in given]
    score = score_by(
        rule,
        min((answer.score for answer in deciders), default=None),
        worst.score,
        sum(share for share, _ in shares),
        sum(share * value for share, value in shares),
    )
    if rule == "worst_decision_maker":
        worst = _worst(deciders or given)
    spread = max(answer.score for answer in given) - min(answer.score for answer in given)
    return AccountResult(score, group(score), worst, len(given), spread)


def weights_of(rule: AccountRule, weights: Mapping[str, int]) -> Mapping[str, int]:
    """The weights of roles that a rule uses: all alike unless it weighs them."""
    return weights if rule == "weighted" else _EQUAL


def score_by(rule: AccountRule, decider: int | None, worst: int, weight: int, weighted: int) -> int:
    """The client's one score from what a database can sum up: the lowest score of those who decide (None: none
    of them answered) and of all, the sum of the weights, and of weight times score.
    """
    if rule == "worst_decision_maker":
        return worst if decider is None else decider
    return -((weight - 2 * weighted) // (2 * weight)) if weight else worst


def _worst(answers: Sequence[PersonAnswer]) -> PersonAnswer:
    """The lowest score; of equal ones the youngest, then the lower contact id."""
    return min(answers, key=lambda answer: (answer.score, -answer.at.timestamp(), answer.contact_id))


def card_values(
    client: ClientKey,
    answers: Iterable[PersonAnswer],
    deal_ids: Sequence[int],
    wave: str,
    rule: AccountRule,
    weights: Mapping[str, int] = _EQUAL,
) -> list[WriteScore]:
    """What stands on the cards after these answers: deals, then the client's card, then each contact.

    ``deal_ids``: the deal through which the client was chosen and its other current service deals. A contact
    carries its own answer; a client that is a contact without a company carries that same answer.
    """
    given = latest(answers)
    result = account_result(given, rule, weights)
    if result is None:
        return []
    cards = [CardKey("deal", deal) for deal in dict.fromkeys(deal_ids)]
    if client.kind == "company":
        cards.append(CardKey("company", client.id))
    values = [_value(card, result.score, result.by, wave, result.respondents) for card in cards]
    return values + [_value(CardKey("contact", one.contact_id), one.score, one, wave, 1) for one in given]


def _value(card: CardKey, score: int, by: PersonAnswer, wave: str, respondents: int) -> WriteScore:
    return WriteScore(card, score, group(score), by.day, by.comment, wave, by.channel, respondents)


def disagreement(answers: Iterable[PersonAnswer], least_spread: int) -> bool:
    """Whether people of one client differ so much, and in group, that it is a case of its own (F1)."""
    scores = [answer.score for answer in latest(answers)]
    if len(scores) < 2:
        return False
    return max(scores) - min(scores) >= least_spread and group(max(scores)) != group(min(scores))
