"""What the tab says about who recommended a client, in every state and language (product.md R3, R4, R7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from flask.testing import FlaskClient

from integration.nps.people import CardKey
from integration.services import referral_claims, referrals
from integration.services.calls_queue import Cause
from integration.store.base import make_engine, make_sessions, transaction
from integration.store.clients import Company, Deal
from integration.store.portals import Portal
from integration.store.referral_rows import Referral, ReferralThanks
from tests.conftest import HandClock
from tests.services.survey_world import HEAD, MANAGER, World
from tests.services.tab_world import OUTSIDER, history, sealed, tab_world, viewer
from tests.web.conftest import make_app
from tests.web.referral_world import company, referral

SOURCE, REFERRER, DATE = "UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER", "UF_CRM_MOLVA_REFERRAL_DATE"
PATH = "/app/card/company/12/referrer"


@pytest.fixture
def world(sqlite_url: str, clock: HandClock) -> Iterator[World]:
    """Company 12, recommended by 57 as its card says."""
    engine = make_engine(sqlite_url)
    made = tab_world(make_sessions(engine), clock)
    history(made)
    heard(made, "company", 12)
    yield made
    engine.dispose()


@pytest.fixture
def client(world: World) -> FlaskClient:
    return make_app(world.deps).test_client()


def heard(world: World, kind: str, number: int) -> None:
    with transaction(world.deps.sessions) as session:
        portal = session.get_one(Portal, world.portal.id)
        referrals.on_card_changed(world.deps, session, portal, kind, number)


def says(world: World, table: type, number: int, source: str = "", referrer: str = "", day: str = "") -> None:
    """What a person has entered on a card."""
    kind = "deal" if table is Deal else "company"
    items = world.portal.fields[kind][SOURCE]["items"]
    said = {SOURCE: items[source] if source else "", REFERRER: referrer, DATE: day}
    world.set(table, (world.portal.id, number), referral=said)
    heard(world, kind, number)


def shown(
    client: FlaskClient, world: World, user: int = HEAD, language: str = "en", path: str = PATH, **fields: str
) -> tuple[int, str]:
    """Status and words of the page."""
    who = viewer(world, user, language=language)
    answer = client.post(path, data={"session": sealed(world, who), **fields})
    words = re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    return answer.status_code, " ".join(unescape(words).split())


def test_who_it_was_is_said_with_the_source_and_the_day(client: FlaskClient, world: World) -> None:
    status, page = shown(client, world)
    assert status == 200
    assert "Who brought this client: Old Friends · Client · 20 April 2024" in page
    assert "Name somebody else" in page


def test_a_circle_is_shown_with_its_chain_in_every_language(client: FlaskClient, world: World) -> None:
    """Names only for those who may read them: others see numbers."""
    says(world, Company, 57, "client", "CO_58", "2024-01-01")
    says(world, Company, 58, "client", "CO_12", "2024-01-02")
    status, page = shown(client, world)
    assert "Old Friends ← New Shop ← ACME" in page
    for language, words in (("ru", "Получился бы круг"), ("uk", "Вийшло б коло"), ("en", "close a circle")):
        assert words in shown(client, world, language=language)[1]
    assert status == 200


def test_two_claims_stand_side_by_side_and_a_ruling_is_shown_with_its_reason(
    client: FlaskClient, world: World
) -> None:
    says(world, Deal, 351, "partner", "CO_58", "2024-03-01")
    world.set(Deal, (world.portal.id, 352), deleted_at=world.clock.now())
    _, page = shown(client, world)
    assert "New Shop counts in the deal" in page
    assert "Old Friends on the company’s card" in page
    assert "the first claim by date counts" in page
    status, page = shown(client, world, do="clear", note="He found us himself <b>")
    assert (status, "Saved: nobody recommended this client." in page) == (200, True)
    assert "Nobody recommended this client. Ada Head: He found us himself <b>" in page
    status, page = shown(client, world, do="rule")
    assert (status, "The first claim counts again." in page) == (200, True)
    assert "Who brought this client: New Shop" in page


def test_what_is_missing_or_wrong_is_said_and_nothing_is_changed(client: FlaskClient, world: World) -> None:
    before = len(world.outbox("referral"))
    for fields, status, words in (
        ({"do": "clear"}, 422, "Say in a few words why."),
        ({"do": "clear", "note": "n" * 501}, 422, "under 500 characters"),
        ({"do": "choose"}, 422, "Choose a company or a contact"),
        ({"do": "choose", "pick": "deal:1"}, 422, "Choose a company or a contact"),
        ({"do": "choose", "pick": "company:58"}, 409, "Open the card again"),
        ({"do": "search", "query": "old"}, 200, "Open the card again"),
        ({"do": "source", "source": "no such"}, 422, "Choose how the client found us."),
        ({"do": "rule"}, 409, "not there any more"),
    ):
        assert shown(client, world, **fields) == (status, AnyWith(words)), fields
    assert len(world.outbox("referral")) == before
    status, page = shown(client, world, OUTSIDER, do="clear", note="n")
    assert (status, "Reason" in page.partition("Recommendations")[2]) == (403, False)
    assert shown(client, world, MANAGER, do="source", source="event", note="It was the fair")[0] == 200
    assert len(world.outbox("referral")) > before


class AnyWith(str):
    """Equal to any text that holds these words."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str.__str__(self) in other

    __hash__ = str.__hash__


def test_past_referrals_are_claimed_by_the_same_rules(world: World) -> None:
    """With the day it was, in the name of whoever brings the list."""
    with transaction(world.deps.sessions) as session:
        portal = session.get_one(Portal, world.portal.id)
        work = referrals.Work.of(world.deps, session, portal, Cause("import", 0))
        new, friend = CardKey("company", 59), referral_claims.ClientKey("company", 57)
        assert (
            referral_claims.claim(work, new, friend, "client", who="Ann (1)", careful=True).status
            == "no_note"
        )
        circle = referral_claims.claim(work, CardKey("company", 57), friend, "client", who="Ann (1)")
        assert circle.flag is not None
        assert circle.flag.code == "self_referral"
        assert (
            referral_claims.claim(work, CardKey("company", 999), friend, "client", who="Ann (1)").status
            == "gone"
        )


@pytest.fixture
def family(world: World) -> World:
    """Company 12 brought 61 (bought for 390,000), who brought 62, who brought 63; and 59, who is not the manager's."""
    company(world, 61, "North Build", {"2024-06-01": 250_000, "2025-02-03": 140_000})
    company(world, 62, "Rainbow", {"2025-06-01": 90_000})
    company(world, 63, "<b>Third</b>")
    for newcomer, by, step, thanks in (
        (61, 12, "year", "thanked"), (62, 61, "paid", ""), (63, 62, "in_talks", ""), (58, 12, "won", "open"),
        (59, 12, "named", ""),
    ):  # fmt: skip
        referral(world, f"company:{newcomer}", f"company:{by}", step=step, thanks=thanks)
    return world


def test_whom_a_client_brought_stands_as_a_tree_with_money_steps_and_score(
    client: FlaskClient, family: World
) -> None:
    """Directly and further down; what was said beside what was done; names and money for those who see the client."""
    _, page = shown(client, family)
    assert "Whom they brought 3" in page
    assert "Their score is no promise, and yet they recommend you: 3 brought directly" in page
    assert "5 with everybody further down" in page
    for said in ("North Build", "A year with us", "Whom they brought in turn: 2", "Rainbow", "<b>Third</b>", "In talks",
                 "thanked", "Mark as thanked"):  # fmt: skip
        assert said in page, said
    assert "Secret Client" in page
    _, page = shown(client, family, MANAGER)
    assert ("Secret Client" in page, "Company no. 59" in page) == (False, True)
    _, page = shown(client, family, OUTSIDER)
    assert ("North Build" in page, "Mark as thanked" in page) == (False, False)


def test_thanks_and_rewards_are_said_in_the_tab_about_its_own_referrals_only(
    client: FlaskClient, family: World
) -> None:
    rows = {row.newcomer_id: row for row in family.rows(Referral)}
    due = rows[58].id
    for fields, status, words in (
        ({"say": f"thank:{due}"}, 200, "Noted: they have been thanked."),
        ({"say": f"thank:{due}"}, 200, "That was noted already."),
        ({"say": f"reward:{due}:promised", f"note-{due}": "Dinner"}, 200, "Promised"),
        ({"say": f"reward:{due}:promised", f"note-{due}": "n" * 501}, 422, "under 500 characters"),
        ({"say": f"reward:{rows[62].id}:given"}, 409, "not there any more"),  # 61 brought that one
        ({"say": "reward:999:given"}, 409, "not there any more"), ({"say": "<b>"}, 409, "not there any more"),
        ({"say": f"reward:{rows[12].id}:given"}, 200, "Given"),  # its own
    ):  # fmt: skip
        assert shown(client, family, do="say", **fields) == (status, AnyWith(words)), fields
    assert shown(client, family, OUTSIDER, do="say", say=f"thank:{due}")[0] == 403
    found = {row.newcomer_id: row for row in family.rows(Referral)}
    assert (found[58].reward, found[58].reward_note, found[58].reward_who) == (
        "promised",
        "Dinner",
        "Ada Head (1)",
    )
    assert (found[62].reward, found[12].reward) == ("", "given")
    assert [row.status for row in family.rows(ReferralThanks) if row.referral_id == due] == ["thanked"]
