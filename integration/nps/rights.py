"""Who may see what: roles of employees and the clients each of them sees (product.md P2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from .people import Team
from .policy import Policy

Role = Literal["administrator", "head", "director", "manager", "caller"]


@dataclass(frozen=True, slots=True)
class Rights:
    """What one employee may see. ``cities``: branches, in the form of ``city_key``; ``people``: account managers
    whose clients this person sees, the person itself among them. ``wave_owner``: the policy names this person.
    """

    role: Role
    user_id: int
    cities: frozenset[str] = frozenset()
    people: frozenset[int] = frozenset()
    wave_owner: bool = False

    @property
    def sees_all(self) -> bool:
        """Head and administrators see every client."""
        return self.role in ("administrator", "head")

    @property
    def sees_clients(self) -> bool:
        """Whether there is any client this person may see; callers see the desk and nothing else."""
        return self.role != "caller"

    @property
    def may_set_up(self) -> bool:
        """Settings are for administrators only."""
        return self.role == "administrator"

    @property
    def may_run_waves(self) -> bool:
        """Approving, pausing, excluding: head, administrators, and the wave's owner (product.md W2)."""
        return self.sees_all or self.wave_owner

    @property
    def may_call(self) -> bool:
        """Who may use the call desk: callers, account directors, head, administrators; a plain manager only if the
        policy names them as a caller, which is their role then (product.md P2, W8)."""
        return self.role != "manager"

    def sees(self, manager_id: int | None, city: str = "") -> bool:
        """Whether a client of this account manager and branch may be seen."""
        return self.sees_all or manager_id in self.people or city_key(city) in self.cities


def city_key(city: str) -> str:
    """A branch's city as it is compared: people write it with other capitals and stray spaces."""
    return city.strip().casefold()


def rights_of(user_id: int, administrator: bool, policy: Policy, team: Team) -> Rights:
    """The rights of an employee; of several roles the one that sees most, except that a caller named in the
    policy is not taken for a manager.

    An account director sees the branches the policy gives this person and the clients of everybody in the
    departments they head, with the departments below, dismissed people too: their clients remain.
    """
    owner = user_id == policy.wave_owner
    if administrator:
        return Rights("administrator", user_id, wave_owner=owner)
    if user_id == policy.head_user_id:
        return Rights("head", user_id, wave_owner=owner)
    me = frozenset({user_id})
    cities = frozenset(
        city_key(city) for city, director in policy.director_by_city.items() if director == user_id
    ) - {""}
    person = team.staff.get(user_id)
    headed = person.head_of if person else ()
    if cities or headed:
        return Rights("director", user_id, cities, me | members(headed, team), owner)
    if user_id in policy.callers:
        return Rights("caller", user_id, wave_owner=owner)
    return Rights("manager", user_id, people=me, wave_owner=owner)


def members(departments: Iterable[int], team: Team) -> frozenset[int]:
    """Everybody in these departments and in those below them; a circle of departments ends."""
    inside = set(departments)
    below = _children(team.parents)
    level = list(inside)
    while level:
        level = [child for parent in level for child in below.get(parent, ()) if child not in inside]
        inside.update(level)
    return frozenset(
        person.user_id for person in team.staff.values() if inside.intersection(person.department_ids)
    )


def _children(parents: Mapping[int, int | None]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for child, parent in parents.items():
        if parent is not None:
            found.setdefault(parent, []).append(child)
    return found
