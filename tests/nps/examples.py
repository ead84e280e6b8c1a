"""One ordinary client, to be changed by the tests of eligibility."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from integration.nps.people import ClientFacts, ClientKey, DealFacts, Person
from integration.nps.policy import Policy

TODAY = date(2026, 11, 10)
POLICY = Policy(service_pipelines=(2,), trouble_stages=("C2:TROUBLE",))
OPEN = DealFacts(
    id=1, category_id=2, stage_id="C2:WORK", begin=date(2025, 1, 10), service_on=date(2025, 1, 12)
)
ANNA = Person(contact_id=11, name="Anna", emails=("anna@example.com",), primary=True)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def client(**changes: object) -> ClientFacts:
    base = ClientFacts(ClientKey("company", 1), name="Firm", assigned_by=5, deals=(OPEN,), people=(ANNA,))
    return replace(base, **changes)  # type: ignore[arg-type]


def won(**changes: object) -> DealFacts:
    base = DealFacts(id=2, semantics="S", won_on=date(2026, 1, 1), close=date(2026, 2, 1), assigned_by=7)
    return replace(base, **changes)  # type: ignore[arg-type]
