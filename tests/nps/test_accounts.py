"""Several respondents, one client (product.md B2, N1)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.accounts import PersonAnswer, account_result, card_values, disagreement
from integration.nps.people import CardKey, ClientKey, Role
from integration.nps.policy import AccountRule, Policy
from integration.nps.scoring import group

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
WEIGHTS = Policy().role_weights


def said(
    contact: int, score: int, role: Role | None = None, minute: int = 0, comment: str = ""
) -> PersonAnswer:
    at = NOON + timedelta(minutes=minute)
    return PersonAnswer(contact, score, at, at.date(), role, comment)


@pytest.mark.parametrize(
    ("rule", "answers", "score"),
    [
        ("worst_decision_maker", [said(1, 9, "decides"), said(2, 3, "daily")], 9),
        ("worst_decision_maker", [said(1, 9, "decides"), said(2, 7, "decides"), said(3, 0, "other")], 7),
        ("worst_decision_maker", [said(1, 9, "daily"), said(2, 4)], 4),
        ("weighted", [said(1, 10, "decides"), said(2, 5, "daily")], 8),
        ("weighted", [said(1, 10, "decides"), said(2, 0, "other")], 7),  # 7.5, down
        ("equal", [said(1, 10, "decides"), said(2, 5, "daily")], 7),  # 7.5, down
        ("equal", [said(1, 10), said(2, 9), said(3, 9)], 9),
        ("equal", [said(1, 0)], 0),
    ],
)
def test_the_account_rule(rule: AccountRule, answers: list[PersonAnswer], score: int) -> None:
    """Worst decision maker, else the worst of all; weighted by role; all equal (N1)."""
    found = account_result(answers, rule, WEIGHTS)
    assert found is not None
    assert found.score == score
    assert found.group == group(score)
    assert found.respondents == len(answers)


def test_nobody_answered() -> None:
    """No value, no cards."""
    assert account_result([], "equal") is None
    assert card_values(ClientKey("company", 1), [], [5], "2026", "equal") == []


def test_the_latest_answer_of_a_person_counts() -> None:
    """A correction replaces, it does not add a respondent (S3)."""
    found = account_result([said(1, 2), said(1, 9, minute=5)], "worst_decision_maker")
    assert found is not None
    assert (found.score, found.respondents, found.spread) == (9, 1, 0)


def test_of_equally_bad_answers_the_youngest_gives_the_words() -> None:
    """What was said last is what the account director reads first."""
    answers = [said(1, 3, minute=1, comment="old"), said(2, 3, minute=9, comment="new"), said(3, 3, minute=5)]
    found = account_result(answers, "worst_decision_maker")
    assert found is not None
    assert found.by.comment == "new"


def test_what_stands_on_which_card() -> None:
    """Deals and company: the account's value and words; each contact its own (B2)."""
    answers = [said(11, 9, "decides", comment="fine"), said(12, 3, "daily", comment="slow")]
    values = card_values(ClientKey("company", 1), answers, [5, 6, 5], "2026", "worst_decision_maker")
    assert [(v.card, v.score, v.group, v.comment, v.respondents) for v in values] == [
        (CardKey("deal", 5), 9, "promoter", "fine", 2),
        (CardKey("deal", 6), 9, "promoter", "fine", 2),
        (CardKey("company", 1), 9, "promoter", "fine", 2),
        (CardKey("contact", 11), 9, "promoter", "fine", 1),
        (CardKey("contact", 12), 3, "detractor", "slow", 1),
    ]
    assert {(v.wave, v.day, v.channel) for v in values} == {("2026", date(2026, 11, 10), "email")}


def test_a_contact_without_a_company_has_no_company_card() -> None:
    """Its deals and its own card, each once."""
    values = card_values(ClientKey("contact", 11), [said(11, 8)], [5], "2026", "equal")
    assert [value.card for value in values] == [CardKey("deal", 5), CardKey("contact", 11)]


@pytest.mark.parametrize(
    ("scores", "split"), [([9, 3], True), ([10, 7], False), ([6, 2], False), ([5], False), ([10, 6], True)]
)
def test_disagreement_inside_a_client(scores: list[int], split: bool) -> None:
    """Four points or more apart, and not in the same group (F1, N1)."""
    assert disagreement([said(n, score) for n, score in enumerate(scores)], 4) is split


ANSWERS = st.lists(
    st.builds(
        said,
        st.integers(1, 5),
        st.integers(0, 10),
        st.sampled_from(["decides", "daily", "other", None]),
        st.integers(0, 100),
    ),
    min_size=1,
)


@given(ANSWERS, st.sampled_from(["worst_decision_maker", "weighted", "equal"]))
def test_an_account_lies_between_its_people(answers: list[PersonAnswer], rule: AccountRule) -> None:
    """Never outside what was said, whatever the order of arrival in the list."""
    found = account_result(answers, rule, WEIGHTS)
    assert found is not None
    assert min(a.score for a in answers) <= found.score <= max(a.score for a in answers)
    moments = [(a.contact_id, a.at) for a in answers]
    if len(set(moments)) == len(moments):
        assert account_result(answers[::-1], rule, WEIGHTS) == found
