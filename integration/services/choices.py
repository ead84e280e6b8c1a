"""What the settings page offers to choose from: people, pipelines, branches, fields of the cards (flow 4).

People, stages and branches come from the mirror. Fields of the cards are asked of the portal in one batch
with its own token; when it does not answer, the page says so and keeps what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.call import rows_at
from integration.bitrix.errors import BitrixError
from integration.logs import log
from integration.nps.people import Team
from integration.nps.policy import Policy
from integration.services import policies
from integration.services.deps import Deps
from integration.services.policies import full_name
from integration.services.policy_history import KeptRules, kept_rules
from integration.services.portals import rest_for
from integration.store import choices as rows
from integration.store import policies as policy_rows
from integration.store import portals as portal_rows
from integration.store.base import reading

CITIES = 300  # offered at most; others can be typed
SOURCE_FIELD = "UF_CRM_MOLVA_REFERRAL_SOURCE"
_DATES = ("date", "datetime")


@dataclass(frozen=True, slots=True)
class Employee:
    """Somebody of the agency. `department`: the first one's name; `complete`: may sign as the card is (W5)."""

    user_id: int
    name: str
    position: str
    email: str
    phone: str
    department: str
    active: bool
    heads: bool

    @property
    def complete(self) -> bool:
        """Whether name, position, address and phone are all on the card."""
        return all((self.name, self.position, self.email, self.phone))


@dataclass(frozen=True, slots=True)
class StageChoice:
    """A stage: `semantics` S won, F lost, else in work."""

    stage_id: str
    name: str
    semantics: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A deal pipeline with its stages in the portal's order."""

    number: int
    name: str
    stages: tuple[StageChoice, ...]

    @property
    def working(self) -> tuple[StageChoice, ...]:
        """The stages in which a deal is neither won nor lost."""
        return tuple(stage for stage in self.stages if stage.semantics not in ("S", "F"))


@dataclass(frozen=True, slots=True)
class Choices:
    """What the mirror offers. `cities`: with the number of companies; `team`: as the rules see it."""

    staff: tuple[Employee, ...]
    pipelines: tuple[Pipeline, ...]
    cities: tuple[tuple[str, int], ...]
    team: Team

    def employee(self, user_id: int | None) -> Employee | None:
        """Somebody by number."""
        return next((one for one in self.staff if one.user_id == user_id), None)

    def stage_name(self, stage_id: str) -> str:
        """A stage as people call it; its id if the portal has it no more."""
        found = (s.name for p in self.pipelines for s in p.stages if s.stage_id == stage_id)
        return next(found, stage_id)

    def pipeline_name(self, number: int) -> str:
        """A pipeline's name; its number if the portal has it no more."""
        return next((p.name for p in self.pipelines if p.number == number), f"#{number}")


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """A field of a card with its title in the portal."""

    code: str
    title: str


@dataclass(frozen=True, slots=True)
class CardFields:
    """Fields the settings may name. `answered` False: the portal could not be asked, only stored ones are here.

    `sources`: the portal's own sources of deals, STATUS_ID and name.
    """

    deal_dates: tuple[FieldChoice, ...] = ()
    company_dates: tuple[FieldChoice, ...] = ()
    company_texts: tuple[FieldChoice, ...] = ()
    company_people: tuple[FieldChoice, ...] = ()
    company_numbers: tuple[FieldChoice, ...] = ()
    contact_texts: tuple[FieldChoice, ...] = ()
    sources: tuple[FieldChoice, ...] = ()
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Desk:
    """What a section of the settings starts from: what counts, what can be chosen, surveys with their own rules."""

    policy: Policy
    version: int
    choices: Choices
    kept: tuple[KeptRules, ...]


def desk(deps: Deps, portal_id: int) -> Desk:
    """All of it in one transaction; raises `LookupError` for an unknown portal."""
    with reading(deps.sessions) as session:
        policy, version = policies.load(session, portal_id)
        return Desk(policy, version, offered(session, portal_id), tuple(kept_rules(session, portal_id)))


def offered(session: Session, portal_id: int) -> Choices:
    """Everything the mirror offers."""
    team = policies.team(session, portal_id)
    divisions = {row.department_id: row.name for row in policy_rows.departments(session, portal_id)}
    staff = [
        Employee(
            row.user_id, full_name(row) or row.email or f"#{row.user_id}", row.position, row.email, row.phone,
            next((divisions[one] for one in row.departments if one in divisions), ""), row.active,
            bool(team.staff[row.user_id].head_of),
        )
        for row in policy_rows.staff(session, portal_id).values()
    ]  # fmt: skip
    return Choices(
        staff=tuple(sorted(staff, key=lambda one: (not one.active, one.name.casefold(), one.user_id))),
        pipelines=_pipelines(session, portal_id),
        cities=tuple(rows.cities(session, portal_id, CITIES)),
        team=team,
    )


def _pipelines(session: Session, portal_id: int) -> tuple[Pipeline, ...]:
    found: dict[int, tuple[str, list[StageChoice]]] = {}
    for row in rows.stages(session, portal_id):
        _, many = found.setdefault(row.category_id, (row.category_name, []))
        many.append(StageChoice(row.stage_id, row.name or row.stage_id, row.semantics))
    return tuple(
        Pipeline(number, name or f"#{number}", tuple(many)) for number, (name, many) in found.items()
    )


def card_fields(deps: Deps, portal_id: int, policy: Policy) -> CardFields:
    """The portal's fields that settings may name and its sources, with whatever the policy names already.

    One request, with the patience of a person who waits; never raises for a portal that does not answer.
    """
    wanted = {
        "deal": calls.item_fields("deal"),
        "company": calls.item_fields("company"),
        "contact": calls.item_fields("contact"),
        "sources": calls.status_list("SOURCE"),
    }
    try:
        answers = rest_for(deps, portal_id, interactive=True).batch(wanted).answers
    except BitrixError as error:
        log(__name__).warning("choices.no_answer", portal=portal_id, code=error.code)
        answers = {}
    results = {key: answer.result for key, answer in answers.items()}
    deal, company, contact = (_fields(results.get(kind)) for kind in ("deal", "company", "contact"))
    on_deal = policy.since_field_on == "deal"
    sources = [
        (str(row.get("STATUS_ID") or ""), str(row.get("NAME") or ""))
        for row in rows_at(results.get("sources"))
    ]
    return CardFields(
        deal_dates=_of(deal, _DATES, policy.since_field if on_deal else "", policy.end_field),
        company_dates=_of(company, _DATES, "" if on_deal else policy.since_field),
        company_texts=_of(company, ("string",), policy.city_field),
        company_people=_of(company, ("employee",), policy.manager_field, policy.sales_field),
        company_numbers=_of(company, ("money", "double", "integer"), policy.revenue_field),
        contact_texts=_of(contact, ("string",), policy.zone_field),
        sources=_with([FieldChoice(c, n or c) for c, n in sources if c], policy.recommendation_id),
        answered={"deal", "company", "contact"} <= results.keys(),
    )


def _fields(result: Any) -> dict[str, Mapping[str, Any]]:
    """Fields the agency added to a kind of card, ours left out; single values only."""
    found = result.get("fields") if isinstance(result, dict) else None
    return {
        code: about
        for code, about in (found.items() if isinstance(found, dict) else ())
        if isinstance(about, dict)
        and code.startswith("UF_CRM_")
        and not code.startswith("UF_CRM_MOLVA_")
        and not about.get("isMultiple")
    }


def _of(
    fields: Mapping[str, Mapping[str, Any]], types: tuple[str, ...], *stored: str
) -> tuple[FieldChoice, ...]:
    found = [
        FieldChoice(code, str(about.get("title") or code))
        for code, about in fields.items()
        if about.get("type") in types
    ]
    return _with(found, *stored)


def _with(found: list[FieldChoice], *stored: str) -> tuple[FieldChoice, ...]:
    """The choices by title, with those that are stored but not among them."""
    known = {choice.code for choice in found}
    found = found + [FieldChoice(code, code) for code in dict.fromkeys(stored) if code and code not in known]
    return tuple(sorted(found, key=lambda choice: (choice.title.casefold(), choice.code)))


def sources_in_use(deps: Deps, portal_id: int) -> dict[str, int]:
    """On how many cards each referral source stands, by its code (product.md R1)."""
    with reading(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        if portal is None:
            return {}
        counted = rows.referral_items(session, portal_id, SOURCE_FIELD)
    found: dict[str, int] = {}
    for kind, numbers in counted.items():
        items = ((portal.fields or {}).get(kind, {}).get(SOURCE_FIELD) or {}).get("items") or {}
        for code, number in items.items():
            if numbers[str(number)]:
                found[code] = found.get(code, 0) + numbers[str(number)]
    return found
