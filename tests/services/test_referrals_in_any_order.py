"""However cards appear, are linked and are heard of, the referral ends the same (product.md R2, R4, B5)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from integration.bitrix.calls import ENTITY_TYPES
from integration.services import changes, mirror, outbox
from integration.store import referrals as rows
from integration.store.base import Sessions, reading, transaction
from integration.store.referral_rows import Referral
from tests.services.portal_world import World
from tests.services.ready_world import ready_world

SOURCE, REFERRER, DATE = "UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER", "UF_CRM_MOLVA_REFERRAL_DATE"
OFTEN = {
    "sqlite": (0.3, 1.0),
    "postgresql": (0.5,),
}  # how often a card is heard of between two acts; a telling each


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    with ready_world(sessions) as made:
        made.box.control("/settings", {"events": {"paused": True}}, verb="PUT")
        yield made


@dataclass
class Story:
    """One telling: what happens in the portal, and now and then one of its cards is heard of."""

    place: World
    chance: random.Random
    names: dict[str, tuple[str, int]] = field(default_factory=dict)
    often: float = 0.4

    def make(self, card: str, kind: str, **fields: Any) -> int:
        """A new card, by a manager."""
        made = self.place.act(
            6,
            "crm.item.add",
            entityTypeId=ENTITY_TYPES[kind],
            fields=self.said(kind, fields),
            useOriginalUfNames="Y",
        )
        number = int(made["item"]["id"])
        self.names[card] = (kind, number)
        self.perhaps()
        return number

    def convert(self, lead: int) -> None:
        """What the portal makes of a lead: a deal, a contact and a company."""
        made = self.place.act(6, "ui.lead.convert", id=lead)
        self.names |= {
            "deal": ("deal", made["dealId"]),
            "person": ("contact", made["contactIds"][0]),
            "firm": ("company", made["companyId"]),
        }
        self.perhaps()

    def change(self, name: str, **fields: Any) -> None:
        """A card is edited by a manager."""
        kind, number = self.names[name]
        self.place.act(
            6,
            "crm.item.update",
            entityTypeId=ENTITY_TYPES[kind],
            id=number,
            fields=self.said(kind, fields),
            useOriginalUfNames="Y",
        )
        self.perhaps()

    def said(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Sources by the numbers this kind of card has for them."""
        found = dict(fields)
        if "source" in found:
            items = self.place.row().fields[kind][SOURCE]["items"]
            found[SOURCE] = items[found.pop("source")]
        for name, code in (("referrer", REFERRER), ("day", DATE)):
            if name in found:
                found[code] = found.pop(name)
        return found

    def perhaps(self) -> None:
        for name in list(self.names):
            if self.chance.random() < self.often:
                self.hear(name)
                if self.chance.random() < 0.5:
                    outbox.drain(self.place.deps)

    def hear(self, name: str) -> None:
        """The portal's event about a card, as the inbox works it off."""
        deps, portal_id = self.place.deps, self.place.portal_id
        kind, number = self.names[name]
        self.place.clock.advance(1)  # the portal's limits
        found = mirror.refresh(deps, portal_id, kind, [number])
        with transaction(deps.sessions) as session:
            follow = changes.gone if number in found.gone.get(kind, ()) else changes.changed
            follow(deps, session, portal_id, kind, number)

    def end(self) -> dict[str, Any]:
        """Everything was heard of, our writes arrived and came back; then how the cards and the rows stand."""
        for _ in range(2):
            for name in self.chance.sample(sorted(self.names), len(self.names)):
                self.hear(name)
            while outbox.drain(self.place.deps):
                pass
        names = {card: name for name, card in self.names.items()}
        return {name: self.shown(*card) for name, card in sorted(self.names.items())} | {
            f"row of {names[kind, number]}": row
            for kind, number in self.names.values()
            if (row := self.row(kind, number)) is not None
        }

    def shown(self, kind: str, number: int) -> Any:
        """What the portal shows on a card; nothing for one that is gone."""
        items = self.place.row().fields[kind][SOURCE]["items"]
        known = {str(item): code for code, item in items.items()}
        got = self.place.act(
            1, "crm.item.list", entityTypeId=ENTITY_TYPES[kind], filter={"id": number}, select=["*", "UF_*"],
            useOriginalUfNames="Y",
        )["items"]  # fmt: skip
        if not got:
            return None
        item = got[0]
        return (
            known.get(str(item.get(SOURCE) or ""), ""), str(item.get(REFERRER) or ""), str(item.get(DATE) or "")[:10],
            str(item.get("sourceId") or "") if kind in ("lead", "deal") else "",
        )  # fmt: skip

    def row(self, kind: str, number: int) -> Any:
        with reading(self.place.deps.sessions) as session:
            row = rows.of_newcomer(session, self.place.portal_id, rows.key_of(kind, number))
            if row is None:
                return None
            return (
                row.source,
                f"{row.referrer_kind}:{row.referrer_id}",
                str(row.claimed_on),
                row.problem,
                row.rivals,
            )


CLAIM = {"source": "client", "referrer": "CO_1", "day": "2026-03-05"}
EARLIER = {"source": "partner", "referrer": "C_2", "day": "2026-03-01"}
SAID = ("client", "CO_1", "2026-03-05")


def converted(story: Story) -> None:
    """A lead is converted to a deal, a company and a contact."""
    story.convert(story.make("lead", "lead", title="New", name="Ann", companyTitle="Newcomer", **CLAIM))


def converted_first(story: Story) -> None:
    """It is converted before anybody says how it came."""
    story.convert(story.make("lead", "lead", title="New", name="Ann", companyTitle="Newcomer"))
    story.change("lead", **CLAIM)


def deal_first(story: Story) -> None:
    """A deal, then its contact, then the company, and what was said comes in between."""
    story.make("deal", "deal", title="First")
    person = story.make("person", "contact", name="Ann")
    story.change("deal", contactIds=[person])
    story.change("deal", **CLAIM)
    firm = story.make("firm", "company", title="Newcomer")
    story.change("deal", companyId=firm)


def by_the_person(story: Story) -> None:
    """A deal of a person alone, who turns out to stand in a company, and later in a second one."""
    person = story.make("person", "contact", name="Ann")
    story.make("deal", "deal", title="First", contactIds=[person], **CLAIM)
    firm = story.make("firm", "company", title="Newcomer")
    story.change("person", companyIds=[firm])
    second = story.make("second", "company", title="Another")
    story.change("person", companyIds=[firm, second])


def two_claims(story: Story) -> None:
    """Two sales at a time, each with its own story: the first dated one counts."""
    firm = story.make("firm", "company", title="Newcomer")
    story.make("deal", "deal", title="One", companyId=firm, **CLAIM)
    story.make("other", "deal", title="Two", companyId=firm, **EARLIER)


def moved(story: Story) -> None:
    """A deal turns out to be another company's."""
    wrong = story.make("wrong", "company", title="Mistake")
    right = story.make("right", "company", title="Newcomer")
    story.make("deal", "deal", title="First", companyId=wrong, **CLAIM)
    story.change("deal", companyId=right)


def learned(story: Story) -> None:
    """At first only that it was a recommendation; who it was is entered on the company."""
    lead = story.make(
        "lead", "lead", title="New", name="Ann", companyTitle="Newcomer", sourceId="RECOMMENDATION"
    )
    story.convert(lead)
    story.change("firm", **CLAIM)


def merged(story: Story) -> None:
    """The company was a double of another one, and is merged into it."""
    loser = story.make("loser", "company", title="Newcomer Ltd")
    story.make("deal", "deal", title="First", companyId=loser, **CLAIM)
    winner = story.make("winner", "company", title="Newcomer")
    story.place.act(1, "crm.entity.mergebatch", entityTypeId=4, entityIds=[winner, loser])
    story.perhaps()


FULL = (*SAID, "RECOMMENDATION")
PLAIN = (*SAID, "")
ROW = ("client", "company:1", "2026-03-05", "", 0)
STORIES: dict[Callable[[Story], None], dict[str, Any]] = {
    converted: {"lead": FULL, "deal": FULL, "firm": PLAIN, "person": PLAIN, "row of firm": ROW},
    converted_first: {"lead": FULL, "deal": FULL, "firm": PLAIN, "person": PLAIN, "row of firm": ROW},
    deal_first: {"deal": FULL, "firm": PLAIN, "person": PLAIN, "row of firm": ROW},
    by_the_person: {"deal": FULL, "firm": PLAIN, "person": PLAIN, "second": ("", "", "", ""), "row of firm": ROW},
    two_claims: {
        "deal": FULL, "other": ("partner", "C_2", "2026-03-01", "RECOMMENDATION"),
        "firm": ("partner", "C_2", "2026-03-01", ""),
        "row of firm": ("partner", "contact:2", "2026-03-01", "", 1),
    },
    moved: {"deal": FULL, "right": PLAIN, "wrong": ("", "", "", ""), "row of right": ROW},
    learned: {"lead": FULL, "deal": FULL, "firm": PLAIN, "person": PLAIN, "row of firm": ROW},
    merged: {"deal": FULL, "winner": PLAIN, "loser": None, "row of winner": ROW},
}  # fmt: skip


@pytest.mark.timeout(300)
def test_every_story_ends_the_same_in_whatever_order_it_is_heard(place: World) -> None:
    """Cards are made and edited in the portal; what is heard of them, when and how often is left to chance."""
    tellings = OFTEN[place.deps.sessions.kw["bind"].dialect.name]
    for tell, expected in STORIES.items():
        for number, often in enumerate(tellings):
            story = Story(place, random.Random(f"{tell.__name__}{number}"), often=often)
            tell(story)
            assert story.end() == expected, (tell.__name__, number)
    with reading(place.deps.sessions) as session:
        found = session.query(Referral).filter_by(portal_id=place.portal_id).count()
    assert found == len(STORIES) * len(tellings)
