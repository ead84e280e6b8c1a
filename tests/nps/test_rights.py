"""Who may see which client (product.md P2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integration.nps.people import Staff, Team
from integration.nps.policy import Policy
from integration.nps.rights import Rights, members, rights_of

HEAD, BRANCH, CHIEF, MANAGER, JUNIOR, CALLER, LEFT, OWNER = 1, 2, 3, 4, 5, 6, 7, 8
POLICY = Policy(
    head_user_id=HEAD,
    director_by_city={"Киев": BRANCH, " ": MANAGER, "Lviv": BRANCH},
    callers=(CALLER, CHIEF),
    wave_owner=OWNER,
)
TEAM = Team.of(
    [
        Staff(HEAD, head_of=(1,)),
        Staff(CHIEF, department_ids=(20,), head_of=(20,)),
        Staff(MANAGER, department_ids=(20,)),
        Staff(JUNIOR, department_ids=(21, 40)),
        Staff(LEFT, department_ids=(22,), active=False),
        Staff(CALLER, department_ids=(30,)),
        Staff(OWNER, department_ids=(30,)),
    ],
    {1: None, 20: 1, 21: 20, 22: 21, 30: 1, 40: 1},
)


def rights(user_id: int, administrator: bool = False) -> Rights:
    return rights_of(user_id, administrator, POLICY, TEAM)


@pytest.mark.parametrize(
    ("user_id", "administrator", "role"),
    [
        (HEAD, False, "head"),
        (HEAD, True, "administrator"),
        (CALLER, True, "administrator"),
        (BRANCH, False, "director"),
        (CHIEF, False, "director"),  # named as a caller too: what sees most counts
        (MANAGER, False, "manager"),  # a branch without a name makes nobody a director
        (CALLER, False, "caller"),
        (OWNER, False, "manager"),
        (999, False, "manager"),  # not among the portal's people yet
    ],
)
def test_everybody_has_one_role(user_id: int, administrator: bool, role: str) -> None:
    assert rights(user_id, administrator).role == role


@pytest.mark.parametrize("who", [rights(HEAD), rights(MANAGER, administrator=True)])
def test_head_and_administrators_see_every_client(who: Rights) -> None:
    assert who.sees_all
    assert who.sees(JUNIOR, "Odessa")
    assert who.sees(None, "")


def test_the_director_of_a_branch_sees_its_clients_however_the_city_is_written() -> None:
    who = rights(BRANCH)
    assert not who.sees_all
    assert who.sees(JUNIOR, " КИЕВ ")
    assert who.sees(None, "lviv")
    assert who.sees(BRANCH, "Odessa")  # an own client elsewhere
    assert not who.sees(JUNIOR, "Odessa")
    assert not who.sees(JUNIOR, "")
    assert not who.sees(None, "")


def test_the_head_of_a_department_sees_the_clients_of_everybody_below() -> None:
    who = rights(CHIEF)
    assert who.people == {CHIEF, MANAGER, JUNIOR, LEFT}
    assert who.sees(LEFT, "")  # dismissed; the clients remain
    assert not who.sees(OWNER, "")


def test_a_manager_sees_own_clients_only() -> None:
    who = rights(MANAGER)
    assert who.sees(MANAGER, "Киев")
    assert not who.sees(JUNIOR, "Киев")
    assert not who.sees(None, "")


def test_a_caller_sees_no_client() -> None:
    who = rights(CALLER)
    assert not who.sees_clients
    assert not who.sees(CALLER, "Киев")


def test_whoever_is_no_plain_manager_may_call() -> None:
    """Callers, directors, the head, administrators; the plain manager only once named as a caller (W8)."""
    assert [rights(user).may_call for user in (HEAD, BRANCH, CHIEF, CALLER)] == [True] * 4
    assert rights(MANAGER, administrator=True).may_call
    assert not rights(MANAGER).may_call
    assert not rights(OWNER).may_call


def test_settings_are_for_administrators_and_waves_for_head_administrators_and_their_owner() -> None:
    everybody = [rights(user) for user in (HEAD, BRANCH, CHIEF, MANAGER, CALLER, OWNER)]
    everybody.append(rights(JUNIOR, administrator=True))
    assert [who.user_id for who in everybody if who.may_set_up] == [JUNIOR]
    assert [who.user_id for who in everybody if who.may_run_waves] == [HEAD, OWNER, JUNIOR]


def test_a_circle_of_departments_ends() -> None:
    assert members((20,), replace(TEAM, parents={20: 21, 21: 20})) == {CHIEF, MANAGER, JUNIOR}


def test_without_an_owner_nobody_is_one() -> None:
    assert not rights_of(MANAGER, False, Policy(), Team()).may_run_waves
