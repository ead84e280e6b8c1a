"""The pages about who came by recommendation: what they say, to whom, and what can be said there (product.md R5-R7)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from html.parser import HTMLParser

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event
from werkzeug.test import TestResponse

from integration.services import frames, main_page
from integration.services.frames import Viewer
from integration.store.base import Sessions, make_engine, make_sessions, transaction
from integration.store.clients import Company, Deal
from integration.store.referral_rows import Referral, ReferralThanks
from tests.conftest import HandClock, a_portal
from tests.services import report_world
from tests.services.report_world import LONG, MARKUP
from tests.services.wave_world import World, make_world
from tests.web import referral_world
from tests.web.conftest import make_app
from tests.web.referral_world import MANAGER, OTHER, agency, chain, company, crowd, portal_of, referral

VIEWS = ("", "/clients", "/tree", "/leaders", "/ask", "/thanks", "/problems")
CALLER = 77
CLIENTS: dict[int, tuple[World, FlaskClient]] = {}  # templates are compiled once a world


@pytest.fixture
def everywhere(sessions: Sessions, clock: HandClock) -> World:
    """Two years of recommendations, on both databases."""
    return agency(make_world(sessions, clock))


@pytest.fixture
def engine_here(sqlite_url: str) -> Iterator[Engine]:
    engine = make_engine(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def world(engine_here: Engine, clock: HandClock) -> World:
    """The same on one of them, for the details."""
    return agency(make_world(make_sessions(engine_here), clock))


@pytest.fixture
def bare(engine_here: Engine, clock: HandClock) -> World:
    """An agency without any referral, on one database."""
    made = make_world(make_sessions(engine_here), clock)
    report_world.beat(made)
    return made


def boss(world: World, **more: object) -> Viewer:
    return report_world.viewer(world, 1, administrator=True, **more)


def post(world: World, path: str, who: Viewer | None = None, **fields: str) -> TestResponse:
    known = CLIENTS.get(id(world))
    if known is None or known[0] is not world:
        known = CLIENTS[id(world)] = (world, make_app(world.deps).test_client())
    client = known[1]
    session = frames.seal(world.deps, who or boss(world, language="en"))
    return client.post(f"/app/referrals{path}", data={"session": session, **fields})


def words(answer: TestResponse) -> str:
    """What people read on a page."""
    text = re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    return " ".join(unescape(text).replace("\u00a0", " ").split())


def test_the_pages_say_who_came_from_whom_and_what_is_to_be_done(everywhere: World) -> None:
    """One walk over all of them: names, days, steps, money, what waits, what is wrong; a choice, a word, a file."""
    world = everywhere
    found = {view: words(post(world, view)) for view in VIEWS}
    assert "3 recommendations to thank for. 4 cases to sort out." in found[""]
    assert "By recommendation in 2025" in found[""]  # January: the year that is over says more
    assert "5 of 5 new clients" in found[""]
    came = found["/clients"]
    assert "12 referrals" in came
    assert "Дом книги Иван Петров · Казань Юнион Групп Client · 5 Mar 2024 Won 4 May 2024 90,000 RUB" in came
    assert "Came to nothing" in came
    assert (LONG in came, MARKUP in came) == (True, True)
    assert "4 trees" in found["/tree"]
    assert "Фабрика вкуса brought 5" in found["/tree"]
    leaders = found["/leaders"]
    assert leaders.index("Фабрика вкуса") < leaders.index("Медиа Плюс")
    assert found["/ask"].count("9 of 10") + found["/ask"].count("10 of 10") == 31
    due = found["/thanks"]
    assert "3 recommendations to thank for" in due
    assert due.index("628 days") < due.index("618 days") < due.index("107 days")
    wrong = found["/problems"]
    for said in (
        "Nobody named 1", "Cards disagree 1", "Circle 1", "Card removed 1",
        "Company no. 999 not in the portal any more", "Клиника «Радуга» ← Логос ← Медиа Плюс",
        "Came as “Client”, but nobody is named.",
    ):  # fmt: skip
        assert said in wrong, said
    for view in VIEWS:
        assert "<script>alert" not in post(world, view).text
    assert "1 referral" in words(post(world, "/clients", branch="Пермь", year="2025", reward="unsaid"))
    waiting = next(one for one in world.rows(ReferralThanks) if one.status == "open")
    assert "Noted" in words(post(world, "/thanks", do="say", say=f"thank:{waiting.referral_id}"))
    assert len(post(world, "/export", file="problems").text.splitlines()) == 5


def test_what_is_chosen_is_found_and_stays_in_the_address(world: World) -> None:
    """By the form or by the address; the form's word counts; what nobody can choose is refused."""
    for query, fields, many in (
        ("", {"year": "2025"}, 8), ("?year=2024", {}, 3), ("?year=2024", {"year": "2025"}, 8),
        ("", {"step": "won"}, 1), ("", {"step": "lost"}, 1), ("", {"reward": "promised"}, 2),
        ("", {"reward": "unsaid"}, 7), ("", {"branch": "КАЗАНЬ"}, 6), ("", {"branch": "Пермь", "year": "2025"}, 2),
        ("", {"branch": "Nowhere"}, 0), ("", {"year": "1999"}, 0),
    ):  # fmt: skip
        answer = post(world, f"/clients{query}", **fields)
        assert f"{many} referral" in words(answer), (query, fields)
    page = post(world, "/clients", year="2025", step="paid").text
    assert 'formaction="/app/referrals/export?year=2025&amp;step=paid"' in page
    assert 'id="say" method="post" action="/app/referrals/clients?year=2025&amp;step=paid"' in page
    for wrong in ({"step": "nonsense"}, {"year": "20256"}, {"reward": "x"}, {"show": "all"}):
        assert post(world, "/clients", **wrong).status_code == 400
    assert post(world, "/tree", root="lead:1").status_code == 404
    assert post(world, "/deals", cell="nonsense").status_code == 404
    assert "Nobody came who fits" in words(post(world, "/clients", year="1999"))


def test_nobody_is_missed_for_staff_and_somebody_is_for_the_portals_own_source(bare: World) -> None:
    """An employee has no card to be named; "by recommendation" alone asks who, a source nobody knows does not."""
    pid = portal_of(bare)
    with transaction(bare.deps.sessions) as session:
        for number, source_id in ((1, "RECOMMENDATION"), (2, "WEB")):
            session.add(Deal(portal_id=pid, id=9100 + number, title=f"Asked {number}", source_id=source_id,
                             assigned_by=MANAGER))  # fmt: skip
            referral(bare, f"deal:{9100 + number}", source="unknown")
    for number, source in ((801, "employee"), (802, "partner")):
        company(bare, number, f"Came {number}")
        referral(bare, f"company:{number}", source=source)
    wrong = words(post(bare, "/problems"))
    assert "2 cases" in wrong
    assert "Asked 1 Nobody named This client came by recommendation, but nobody is named yet." in wrong
    assert "Came 802" in wrong
    assert ("Asked 2" in wrong, "Came 801" in wrong) == (False, False)


def test_an_amount_leads_to_the_deals_it_is_made_of(world: World) -> None:
    """Every amount on the page of figures is a button; the deals behind it add up to it."""
    page = post(world, "", year="2025").text
    cells = re.findall(r'formaction="/app/referrals/deals\?cell=([^"]+)"', page)
    assert len(set(cells)) >= 8
    for cell, shown in re.findall(
        r'formaction="/app/referrals/deals\?cell=([^"]+)"><span>([^<]+)</span>', page
    ):
        rows = list(
            csv.reader(io.StringIO(post(world, f"/export?cell={cell}", file="deals", format="csv").text[1:]))
        )
        total = sum(round(float(row[7] or 0)) for row in rows[1:])
        assert f"{total:,} RUB" == unescape(shown).replace("\u00a0", " "), cell
    assert "Сайт и реклама" in words(post(world, f"/deals?cell={cells[0]}"))


def test_everybody_sees_their_own_clients_and_names_of_no_others(world: World) -> None:
    """A manager sees rows with one of theirs at either end; the other end has a number and no money."""
    manager = report_world.viewer(world, OTHER, language="en")
    came = words(post(world, "/clients", manager))
    assert "4 referrals" in came  # 505, 510, 503's and 511's ends are not all theirs
    assert "Company no. 504" in came
    assert "Дом книги" not in came
    assert "Эко Ферма" not in words(post(world, "/tree", manager))
    assert post(world, "/tree", manager, root="company:501").status_code == 403
    nobody = report_world.viewer(world, 404, language="en")
    for view in VIEWS:
        answer = post(world, view, nobody)
        assert answer.status_code == 200
        assert not any(name in answer.text for name in referral_world.NAMES), view
    report_world.hire(world, CALLER)
    world.policy(callers=[CALLER])
    for view in (*VIEWS, "/deals", "/export"):
        assert post(world, view, report_world.viewer(world, CALLER)).status_code == 403


def test_whoever_has_the_task_reads_for_whom_to_say_thanks(bare: World) -> None:
    """The task in the portal names the newcomer, who is a colleague's client; their money stays with the colleague."""
    company(bare, 801, "Old Friend")
    for number, thanks in ((802, "open"), (803, "")):
        company(bare, number, f"Newcomer {number}", {"2025-05-02": 77_000}, assigned_by=OTHER)
        referral(bare, f"company:{number}", "company:801", step="won", thanks=thanks)
    mine = report_world.viewer(bare, MANAGER, language="en")
    due, came = (words(post(bare, view, mine)) for view in ("/thanks", "/clients"))
    assert "Newcomer 802" in due
    assert ("Newcomer 802" in came, "Newcomer 803" in came, "Company no. 803" in came) == (True, False, True)
    assert "77,000" not in due + came


def test_the_main_page_says_how_many_wait_for_thanks(world: World) -> None:
    """Of the viewer's own clients; the way leads to the list."""
    for who, many in ((boss(world), [3]), (report_world.viewer(world, 404), [])):
        todo = main_page.read(world.deps, who).todo.decisions
        assert [one.count for one in todo if one.kind == "thanks"] == many
    session = frames.seal(world.deps, boss(world, language="en"))
    page = make_app(world.deps).test_client().post("/app/main", data={"session": session})
    assert "3 recommendations to thank for" in words(page)
    assert 'formaction="/app/referrals/thanks"' in page.text


def test_another_portal_sees_and_changes_nothing(world: World) -> None:
    with world.deps.sessions() as session, session.begin():
        other = a_portal(member_id="m-2", domain="other.example")
        session.add(other)
        session.flush()
        number = other.id
    mine = boss(world, language="en")
    values = {name: getattr(mine, name) for name in Viewer.__dataclass_fields__}
    outsider = Viewer(**{**values, "portal_id": number, "origin": "https://other.example"})
    row = world.rows(ReferralThanks)[1].referral_id
    for view in VIEWS:
        answer = post(world, view, outsider, do="say", say=f"thank:{row}")
        assert answer.status_code == 409
        assert not any(name in answer.text for name in referral_world.NAMES), view
    assert post(world, "/export", outsider).text.count("\n") == 1
    assert [one.status for one in world.rows(ReferralThanks) if one.referral_id == row] == ["open"]


def test_thanks_and_rewards_are_said_in_one_click_by_whoever_sees_the_row(world: World) -> None:
    """With a name and a moment; a row of others is refused, a long note is told, nothing is said twice."""
    waiting = next(one for one in world.rows(ReferralThanks) if one.status == "open")
    said = f"thank:{waiting.referral_id}"
    stranger = report_world.viewer(world, 404)
    assert post(world, "/thanks", stranger, do="say", say=said).status_code == 403
    assert "2 recommendations to thank for" in words(post(world, "/thanks", do="say", say=said))
    row = next(one for one in world.rows(ReferralThanks) if one.id == waiting.id)
    assert (row.status, row.thanked_by, row.thanked_at) == ("thanked", "Пётр Сом (1)", world.clock.now())
    number = str(waiting.referral_id)
    answer = post(
        world, "/clients?year=2024", do="say", say=f"reward:{number}:given", **{f"note-{number}": "Wine"}
    )
    assert (answer.status_code, "Saved." in words(answer), "3 referrals" in words(answer)) == (
        200,
        True,
        True,
    )
    found = next(one for one in world.rows(Referral) if one.id == waiting.referral_id)
    assert (found.reward, found.reward_note, found.reward_who) == ("given", "Wine", "Пётр Сом (1)")
    for fields, status in (
        ({"say": "reward:999999:given"}, 409), ({"say": "nonsense"}, 409), ({"say": f"reward:{number}:gold"}, 409),
        ({"say": f"reward:{number}:none", f"note-{number}": "n" * 501}, 422), ({"say": said}, 200),
    ):  # fmt: skip
        assert post(world, "/clients", do="say", **fields).status_code == status, fields
    assert next(one for one in world.rows(Referral) if one.id == found.id).reward == "given"


def test_the_lists_are_saved_as_files_that_no_spreadsheet_runs(world: World) -> None:
    """CSV and XLSX hold the same rows; the chosen ones; text that looks like a formula stays text."""
    world.set(Company, (world.portal_id, 504), title="=cmd|'/c calc'!A1")
    answer = post(world, "/export", file="clients", format="csv", year="2024")
    assert answer.mimetype == "text/csv"
    assert 'filename="referrals-clients-2026-01-12.csv"' in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [len(row) for row in rows] == [len(rows[0])] * 4
    names = [row[0] for row in rows[1:]]
    assert "'=cmd|'/c calc'!A1" in names
    book = openpyxl.load_workbook(
        io.BytesIO(post(world, "/export", file="clients", format="xlsx", year="2024").data)
    )
    cells = [[cell.value for cell in row] for row in book.active.iter_rows()]
    assert [row[0] for row in cells[1:]] == names
    for file, many in (("thanks", 3), ("problems", 4), ("leaders", 8), ("ask", 31), ("others", 1)):
        lines = post(world, "/export", file=file).text.splitlines()
        assert len(lines) == many + 1, file
    assert post(world, "/export", file="nothing").status_code == 400
    assert post(world, "/export", file="deals", cell="x").status_code == 404


class Balanced(HTMLParser):
    """Whether lists and details are closed in the order they were opened, and how deep they go."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.deepest = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("ul", "li", "details"):
            self.open.append(tag)
            self.deepest = max(self.deepest, self.open.count("details"))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("ul", "li", "details"):
            assert self.open.pop() == tag


def test_a_chain_of_fifty_stays_one_tree_and_a_longer_one_goes_on_from_its_end(bare: World) -> None:
    chain(bare, 75)
    for root, steps in (("company:700", 60), ("company:760", 15)):
        answer = post(bare, "/tree", root=root)
        tree = Balanced()
        tree.feed(answer.text)
        assert (tree.open, tree.deepest) == ([], steps - 1)
        assert ("15 more from here" in words(answer)) is (steps == 60)
    assert "Came through: Звено 0 → Звено 1 →" in words(post(bare, "/tree", root="company:703"))
    assert "Звено 50" in words(post(bare, "/tree"))


def test_nothing_yet_says_what_to_do(bare: World) -> None:
    assert "Nobody is named yet who recommended a client" in words(post(bare, ""))
    for view in ("", "/clients", "/tree", "/leaders"):
        page = words(post(bare, view))
        assert "open the Molva tab and name who it was" in page, view
    assert "Everybody has been thanked" in words(post(bare, "/thanks"))
    assert "Nothing to sort out" in words(post(bare, "/problems"))


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    said: list[str] = []

    def note(*args: object) -> None:
        said.append(str(args[2]))

    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


def test_queries_and_weight_do_not_grow_with_the_referrals(bare: World, engine_here: Engine) -> None:
    """The same number of statements for ten and for six hundred, on every page; pages are paged."""
    crowd(bare, 10)
    company(bare, 9_000, "Покупатель", {"2025-03-03": 100})
    referral(bare, "company:9000", "company:10010", thanks="open", step="won")
    for view in VIEWS:
        post(bare, view)
    few: dict[str, int] = {}
    for view in VIEWS:
        with counted(engine_here) as said:
            post(bare, view)
        few[view] = len(said)
    with bare.deps.sessions() as session, session.begin():
        session.query(Referral).filter(Referral.newcomer_id >= 10_000).delete()
        session.query(Company).filter(Company.id >= 10_000).delete()
    crowd(bare, 600)
    for view in VIEWS:
        with counted(engine_here) as said:
            answer = post(bare, view)
        assert len(said) <= few[view] + 2, view
        assert len(answer.data) < 100 * 1024, view
    page = words(post(bare, "/clients", page="21"))
    assert "Page 21 of 21" in page
    assert "601 referrals" in page
