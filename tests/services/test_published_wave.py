"""The check against a published wave: every number of the report is the story's own count (issue 6, product.md N, W14).

Two years of an agency with 500 clients in a sandbox portal, lived through the product's own use cases. What is right is
worked out here, from the story, by plain arithmetic; nothing of it uses the product's reports or statistics.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from math import comb, erfc, sqrt
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine

from integration.demo import quota
from integration.demo.quota import Year
from integration.services import frames, wave_report
from integration.store.base import make_sessions, reading
from integration.store.waves import Wave
from tests.services.quota_world import QuotaWorld, quota_world
from tests.web.conftest import make_app

pytestmark = pytest.mark.slow
Z = 1.959963984540054
Groups = tuple[int, int, int]
FIRST, SECOND = quota.year(quota.FIRST, 20270315), quota.year(quota.SECOND, 20280313)


@pytest.fixture
def lived(one_engine: Engine) -> Iterator[QuotaWorld]:
    with quota_world(make_sessions(one_engine)) as world:
        yield world


# --- arithmetic of our own


def nps(groups: Groups) -> float:
    d, _, p = groups
    return 100 * (p - d) / sum(groups)


def adjusted(groups: Groups) -> tuple[float, float, float]:
    """Answers, mean and variance with ¾ detractor, 1½ passive and ¾ promoter added."""
    d, _, p = groups
    n = sum(groups) + 3
    above, below = (p + 0.75) / n, (d + 0.75) / n
    return n, above - below, above + below - (above - below) ** 2


def finite(groups: Groups, clients: int) -> tuple[float, float]:
    """The interval of product.md N2 for exactly so many clients."""
    d, _, p = groups
    n, mean, spread = adjusted(groups)
    silent = clients - sum(groups)
    centre = ((p - d) + silent * mean) / clients
    error = silent / clients * sqrt(spread * (1 / n + 1 / silent))
    return 100 * (centre - Z * error), 100 * (centre + Z * error)


def as_kept(groups: Groups) -> dict[str, Any]:
    return {"n": sum(groups), "detractors": groups[0], "passives": groups[1], "promoters": groups[2]}


def counts(kept: dict[str, Any]) -> dict[str, Any]:
    return {name: kept[name] for name in ("n", "detractors", "passives", "promoters")}


def check_year(result: dict[str, Any], story: Year, *, called: bool = False) -> None:
    """Every number of one year but the comparison. `called`: from the desk, so a person who asked for a letter has been
    reached, too."""
    groups, answers = story.groups(), len(story.answers)
    clients = result["clients"]
    assert counts(clients) == counts(result["answers"]) == as_kept(groups)
    assert (clients["base"], clients["scores"]) == (500, story.scores())
    assert clients["nps"] == pytest.approx(nps(groups))
    assert clients["interval"] == pytest.approx(finite(groups, 500))
    silent = 500 - answers
    assert clients["limits"] == pytest.approx([
        100 * (groups[2] - groups[0] - silent) / 500, 100 * (groups[2] - groups[0] + silent) / 500,
    ])  # fmt: skip
    by_channel = story.by_channel()
    for part in ("channels", "by_channel"):
        assert {name: counts(kept) for name, kept in result[part].items()} == {
            name: as_kept(of) for name, of in by_channel.items()
        }
        assert all(result[part][name]["nps"] == pytest.approx(nps(of)) for name, of in by_channel.items())
    refused = len(story.of("refuse"))
    quiet = len(story.of("silent"))
    assert result["outcomes"] == {"answered": answers, "refused": refused, "no_answer": quiet}
    reached = 500 - len(story.unreached) if called else answers + refused
    assert result["rates"] == pytest.approx({
        "rr1": answers / 500, "coop1": answers / reached, "ref1": refused / 500, "con1": reached / 500,
    })  # fmt: skip
    check_funnel(result["funnel"], story, called=called)
    if called:
        check_calls(result["calls"], story)
    check_places(result, story)


def check_calls(calls: dict[str, Any], story: Year) -> None:
    """What each attempt brought, and what came of all calls."""
    steps = [(step["tried"], step["reached"], step["answered"]) for step in calls["yield"]]
    assert steps == story.yields()
    assert steps[-1] == (20, 0, 0)
    assert calls["calls"] == sum(tried for tried, _, _ in steps)
    assert (calls["people"], calls["reached"], calls["answered"]) == (500, 480, 190)
    asked = 500 - 90 - 190 - 20
    missed = calls["calls"] - 480
    assert calls["outcomes"] == {"answered": 190, "refused": 90, "asks_email": asked, "no_answer": missed}


def check_funnel(funnel: dict[str, Any], story: Year, *, called: bool) -> None:
    by_desk = {"called": 500, "reached": 480, "declined": 90, "unreached": 0}  # everybody has an address, too
    early, late = story.of("early", "phone"), story.of("late")
    assert funnel == {
        "listed": 500, "eligible": 500, "people": 500, "announced": 500, "asked": 220 if called else 500,
        "answered": len(early) + len(late), "refused": len(story.of("refuse")), "opted_out": 0,
        "answered_by": {"email": len(story.of("early", "late")), "phone": len(story.of("phone"))},
        "reminded": len(story.of("late", "silent")), "after_reminder": len(late),
        **(by_desk if called else dict.fromkeys(by_desk, 0)),
    }  # fmt: skip


def check_places(result: dict[str, Any], story: Year) -> None:
    for part, places in (("branches", quota.cities()), ("managers", quota.managers())):
        asked = {place: list(places.values()).count(place) for place in set(places.values())}
        expected = {place: (asked[place], *of) for place, of in story.by(places).items()}
        shown = ("asked", "detractors", "passives", "promoters")
        assert {row["key"]: tuple(row[name] for name in shown) for row in result[part]} == expected
    rests = result["coverage"]
    assert (rests["clients"], rests["eligible"], rests["contacts"], rests["excluded"]) == (500, 500, 500, 0)
    assert result["inside"] == {"several": 0, "split": 0}


def check_change(change: dict[str, Any], before: Year, after: Year) -> None:
    """Independent, paired, by channel."""
    then, now = before.groups(), after.groups()
    assert (change["since"], counts(change["before"]), counts(change["after"])) == (
        "2027",
        as_kept(then),
        as_kept(now),
    )
    assert change["difference"] == pytest.approx(nps(now) - nps(then))
    (n1, mean1, spread1), (n2, mean2, spread2) = adjusted(then), adjusted(now)
    error = sqrt(spread1 / n1 + spread2 / n2)
    z = (mean2 - mean1) / error
    assert {name: change["independent"][name] for name in ("difference", "se", "z", "p")} == pytest.approx(
        {"difference": 100 * (mean2 - mean1), "se": 100 * error, "z": z, "p": erfc(abs(z) / sqrt(2))}
    )
    rank = {"detractor": 0, "passive": 1, "promoter": 2}
    moves = [rank[b.group] - rank[a.group] for a, b in quota.pairs(before, after)]
    table = [[0] * 3 for _ in range(3)]
    for a, b in quota.pairs(before, after):
        table[rank[a.group]][rank[b.group]] += 1
    rose, fell = sum(move > 0 for move in moves), sum(move < 0 for move in moves)
    mean = sum(moves) / len(moves)
    error = sqrt(sum((move - mean) ** 2 for move in moves) / (len(moves) - 1) / len(moves))
    tail = sum(comb(rose + fell, k) for k in range(min(rose, fell) + 1)) / 2 ** (rose + fell)
    assert change["table"] == table
    expected = {
        "n": len(moves), "rose": rose, "fell": fell, "difference": 100 * mean, "se": 100 * error, "z": mean / error,
        "p": min(1, 2 * tail),
    }  # fmt: skip
    assert {name: change["paired"][name] for name in expected} == pytest.approx(expected)
    certain = 2 * tail <= 0.05 and abs(mean) > Z * error and mean * (nps(now) - nps(then)) > 0
    assert change["basis"] == "paired"
    assert change["verdict"] == (("grew" if mean > 0 else "fell") if certain else "unclear")
    check_mix(change, before, after)


def check_mix(change: dict[str, Any], before: Year, after: Year) -> None:
    old, new = before.by_channel(), after.by_channel()
    n_old, n_new = len(before.answers), len(after.answers)
    standardised = sum(nps(new[name]) * sum(old[name]) / n_old for name in old)
    moved = sum(abs(sum(new[name]) / n_new - sum(old[name]) / n_old) for name in old) / 2
    assert {name: counts(kept) for name, kept in change["channels_before"].items()} == {
        name: as_kept(of) for name, of in old.items()
    }
    assert moved > 0.1
    mix = change["mix"]
    assert (mix["n"], mix["lacking"], mix["warning"]) == (n_new, [], True)
    assert (mix["raw"], mix["standardised"], mix["mix_moved"]) == pytest.approx(
        (nps(after.groups()), standardised, moved)
    )


# --- the test


def kept(world: QuotaWorld, wave_id: int) -> dict[str, Any]:
    """The result as it was frozen."""
    with reading(world.deps.sessions) as session:
        wave = session.get_one(Wave, wave_id)
        assert wave.stage == "closed"
        assert wave.result_frozen_at is not None
        return dict(wave.result)


def check_file(world: QuotaWorld, wave_id: int, story: Year) -> None:
    """The workbook holds the same clients, people and letters, and no text of a client is worked out."""
    app = make_app(world.deps)
    session = frames.seal(world.deps, world.viewer())
    given = app.test_client().post(f"/app/wave/{wave_id}/export", data={"session": session, "format": "xlsx"})
    book = openpyxl.load_workbook(io.BytesIO(given.data))
    sheets = {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}
    by_name = {row[0]: row for row in sheets["Клиенты"][1:]}
    assert len(by_name) == 500
    answered = {one.client: one.score for one in story.answers}
    titles = {company["id"]: company["title"] for company in quota.agency().companies}
    assert {number: by_name[title][11] for number, title in titles.items()} == {
        number: answered.get(number) for number in titles
    }
    assert len(sheets["Люди"]) == 501
    assert len(sheets["Письма"]) - 1 == 500 + 500 + len(story.of("late", "silent"))
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)


def check_page(world: QuotaWorld, wave_id: int, *said: str) -> None:
    """The page says it in words, to the head; a manager sees the numbers of their own clients only."""
    app = make_app(world.deps)
    texts = []
    for user in (quota.HEAD, quota.MANAGERS[0]):
        session = frames.seal(world.deps, world.viewer(user, "en"))
        given = app.test_client().post(f"/app/wave/{wave_id}/report", data={"session": session})
        assert given.status_code == 200
        texts.append(given.get_data(as_text=True))
    for words in said:
        assert words in texts[0]
    assert "500 clients" not in texts[1]


def test_every_number_of_two_published_years_is_the_story_s_own_count(lived: QuotaWorld) -> None:
    assert FIRST.groups() == (56, 78, 82)
    first = lived.lived(date(2027, 3, 15), FIRST, calling=True)
    check_year(kept(lived, first), FIRST, called=True)
    assert kept(lived, first)["change"] == {}
    assert lived.mail.letters == 500 + 220 + 220
    check_page(
        lived, first, "of 500 · 43\u00a0%", "500 clients", "220 people", "26 people", "216 ÷ (216 + 90 + 174)"
    )
    lived.year_later(date(2028, 3, 13))
    second = lived.lived(date(2028, 3, 13), SECOND)
    check_year(kept(lived, second), SECOND)
    check_change(kept(lived, second)["change"], FIRST, SECOND)
    check_file(lived, second, SECOND)
    live = wave_report.read(lived.deps, lived.viewer(), second)
    assert live is not None
    assert live.live == kept(lived, second)
    mine = wave_report.read(lived.deps, lived.viewer(quota.MANAGERS[1]), second)
    assert mine is not None
    own = SECOND.by(quota.managers())[quota.MANAGERS[1]]
    assert counts(mine.shown["clients"]) == as_kept(own)
    check_page(lived, second, "204 answers", "than in 2027")
