"""Who signs the letters of a survey under way (product.md W5, W6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integration.nps.letters import pick_sender, sender_problems
from integration.nps.people import Staff, Team
from integration.nps.policy import Policy, Sender
from integration.nps.signers import has_left, leaving, of_today

HEAD = Sender("head", 1, "Пётр Сом", "директор", "som@example.com", "+74950000001")
LIS = Sender("lis", 5, "Ольга Лис", "руководитель", "lis@example.com", "+74950000005")
PIKE = Sender("pike", None, "Вера Щука", "руководитель", "pike@example.com", "+74950000007")
AT_WORK = Team.of([Staff(1), Staff(5, email="lis@example.com")])
LIS_LEFT = Team.of([Staff(1), Staff(5, email="lis@example.com", active=False)])
FROZEN = Policy(
    senders=(HEAD, LIS), head_sender="head", default_sender="head", sender_by_city={"Казань": "lis"}
)
MOVED = replace(FROZEN, senders=(HEAD, LIS, PIKE), sender_by_city={"казань ": "pike"})


@pytest.mark.parametrize(
    ("today", "team", "city", "default"),
    [
        (FROZEN, AT_WORK, "lis", "head"),
        (MOVED, AT_WORK, "lis", "head"),  # other cities of today are for the next list
        (MOVED, LIS_LEFT, "pike", "head"),
        (replace(MOVED, senders=(HEAD, PIKE)), AT_WORK, "pike", "head"),
        (replace(FROZEN, senders=(HEAD,), sender_by_city={}), AT_WORK, "head", "head"),
        (FROZEN, LIS_LEFT, "lis", "head"),  # nobody else is named there: the default signs, since Лис cannot
        (Policy(senders=(PIKE,), default_sender="pike", head_sender="pike"), AT_WORK, "pike", "pike"),
    ],
)
def test_a_list_keeps_whom_it_was_made_with_unless_they_have_left(
    today: Policy, team: Team, city: str, default: str
) -> None:
    found = of_today(FROZEN, today, team)
    assert (found.sender_by_city["Казань"], found.default_sender) == (city, default)
    assert found.senders == today.senders
    assert found.head_sender == default
    assert found.min_age_months == FROZEN.min_age_months


@pytest.mark.parametrize(
    ("sender", "team", "left"),
    [
        (LIS, AT_WORK, False),
        (replace(LIS, position="директор", phone="+7"), AT_WORK, False),
        (replace(LIS, email="LIS@example.com "), AT_WORK, False),
        (LIS, LIS_LEFT, True),
        (None, AT_WORK, True),
        (replace(LIS, name="Вера Щука"), AT_WORK, True),  # a mailbox of the post, another person
        (replace(LIS, email="pike@example.com"), AT_WORK, True),
        (replace(LIS, user_id=None), LIS_LEFT, True),  # typed in: known by the address
        (replace(LIS, user_id=None), Team.of([*LIS_LEFT.staff.values(), Staff(6, email=LIS.email)]), False),
    ],
)
def test_whoever_signed_a_letter_has_left_or_not(sender: Sender | None, team: Team, left: bool) -> None:
    today = replace(FROZEN, senders=(HEAD, *([sender] if sender else [])))
    assert has_left("lis", "Ольга Лис", "lis@example.com", today, team) is left


def test_somebody_has_to_be_chosen_only_for_who_is_still_named_and_was_to_sign() -> None:
    assert leaving(FROZEN, FROZEN, LIS_LEFT) == (LIS,)
    assert leaving(FROZEN, FROZEN, AT_WORK) == ()
    assert leaving(FROZEN, replace(FROZEN, senders=(HEAD,)), LIS_LEFT) == ()
    assert leaving(replace(FROZEN, sender_by_city={}), FROZEN, LIS_LEFT) == ()


def test_nobody_is_picked_in_whose_name_the_letter_would_be_written_anew() -> None:
    """Whoever is picked by the rules of today stays by the same rules: a letter comes to rest."""
    typed = replace(LIS, user_id=None)
    assert sender_problems(typed, LIS_LEFT) == ["dismissed"]
    for senders in ((HEAD, LIS), (HEAD, typed), (HEAD, PIKE), (PIKE,)):
        for team in (AT_WORK, LIS_LEFT):
            rules = of_today(FROZEN, replace(FROZEN, senders=senders, default_sender=senders[0].key), team)
            found = pick_sender("invitation", "Казань", (), rules, team)
            assert isinstance(found, Sender)
            assert not has_left(found.key, found.name, found.email, rules, team)
