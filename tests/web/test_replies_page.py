"""The page of what clients wrote back: who sees what, what its buttons do, what cannot be done (W10, W18)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from integration.services import reply_acts
from integration.services.frames import Viewer
from integration.store.base import reading
from integration.store.clients import OptOut
from integration.store.replies import Reply
from integration.store.responses import Response
from integration.store.waves import Wave
from tests.services.report_world import LONG, MARKUP, viewer
from tests.services.wave_world import DIRECTOR, MANAGER, World
from tests.web import reply_world
from tests.web.conftest import make_app
from tests.web.main_states import form, year
from tests.web.test_main_page import words

__all__ = ["year"]


def post(world: World, who: Viewer, number: int | None = None, **fields: Any) -> TestResponse:
    """What a form of the pages posts."""
    path = "/app/replies" if number is None else f"/app/replies/{number}"
    return make_app(world.deps).test_client().post(path, data={**form(world, who), **fields})


def shown(world: World, who: Viewer, number: int | None = None, **fields: Any) -> str:
    answer = post(world, who, number, **fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def status(world: World, number: int) -> str:
    with reading(world.deps.sessions) as session:
        return session.get_one(Reply, number).status


@pytest.mark.parametrize("language", ["ru", "uk", "en"])
def test_every_state_is_a_whole_page_in_every_language(year: World, language: str) -> None:
    """Nothing runs over, no word is missing, client's words are never markup; an empty list says what to do."""
    empty = shown(year, replace(viewer(year, administrator=True), language=language))
    who = replace(reply_world.replied(year), language=language)
    pages = [empty, shown(year, who), shown(year, who, show="all"), shown(year, who, 2), shown(year, who, 6)]
    for page in pages:
        assert f'<html lang="{language}"' in page
        assert page.count("<h1") == 1
        assert not re.search(r"\{[a-z_]+\}|None|Undefined", words(page))
        assert MARKUP not in page
    assert {"ru": "Сейчас опрос не идёт", "uk": "Зараз опитування не йде", "en": "No survey is under way"}[
        language
    ] in empty
    assert LONG in words(pages[1])
    assert pages[1].count('<article class="reply"') == 6
    assert pages[2].count('<article class="reply"') == 9


def test_a_score_is_written_down_by_a_person_and_the_reply_is_settled(year: World) -> None:
    who = replace(reply_world.replied(year), language="en")
    assert re.search(r'<option value="9" selected>', shown(year, who))
    wrong = post(year, who, 1, do="record", score="", comment="Девять")
    assert (wrong.status_code, "Choose the score" in wrong.text) == (422, True)
    page = shown(year, who, 1, do="record", score="9", comment="Девять, спасибо!")
    assert "The score is written down." in words(page)
    (row,) = [one for one in year.rows(Response) if one.score == 9 and one.comment]
    assert (row.channel, row.recorded_by, row.status) == ("email", "Пётр Сом (1)", "counted")
    with reading(year.deps.sessions) as session:
        reply = session.get_one(Reply, 1)
        assert (reply.status, reply.settled_by, reply.response_id) == ("recorded", "Пётр Сом (1)", row.id)


def test_a_notice_that_anybody_may_have_written_is_decided_by_a_person(year: World) -> None:
    """The page says why it waits and offers nothing that only a person's words can mean."""
    who = replace(reply_world.replied(year), language="en")
    page = shown(year, who, 8)
    assert "The notice does not quote the letter" in words(page)
    assert re.findall(r'name="do" value="(\w+)"', page.partition('<article class="reply"')[2]) == [
        "dead",
        "dismiss",
    ]
    assert "Noted: the address does not work." in words(shown(year, who, 8, do="dead"))
    assert status(year, 8) == "returned"
    assert "Noted by Пётр Сом" in words(shown(year, who, 8))
    assert post(year, who, 8, do="dead").status_code == 409


def test_what_was_written_just_after_the_end_can_be_written_down_until_the_result_is_final(
    year: World,
) -> None:
    who = replace(reply_world.replied(year), language="en")
    year.set(Wave, year.wave().id, stage="closed", closed_at=year.clock.now())
    assert '<option value="9" selected>' in shown(year, who)
    assert "The score is written down." in words(shown(year, who, 1, do="record", score="9"))
    year.set(Wave, year.wave().id, result_frozen_at=year.clock.now())
    assert '<option value="9"' not in shown(year, who)
    assert post(year, who, 5, do="record", score="0").status_code == 409
    again = post(year, who, 1, do="record", score="2", comment="")
    assert again.status_code == 409
    assert "Somebody has settled this reply already." in words(again.text)
    taken = post(year, who, 3, do="record", score="3", comment="")  # answered before
    assert (taken.status_code, status(year, 3)) == (409, "new")


def test_a_worker_that_dies_between_the_answer_and_its_reply_leaves_nothing_to_repair(
    year: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer stands, the reply still waits: the same click settles it and counts nothing twice."""
    who = replace(reply_world.replied(year), language="en")
    with monkeypatch.context() as broken:
        broken.setattr(reply_acts._Case, "settled", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        for number, verb in ((1, "record"), (2, "refuse"), (4, "never")):
            with pytest.raises(KeyboardInterrupt):
                reply_acts.act(year.deps, who, number, verb, {"score": "9", "comment": "x"})
    for number, verb in ((1, "record"), (2, "refuse"), (4, "never")):
        reply_acts.act(year.deps, who, number, verb, {"score": "9", "comment": "x"})
    assert [status(year, number) for number in (1, 2, 4)] == ["recorded", "refused", "opted_out"]
    assert len([one for one in year.rows(Response) if one.comment == "x"]) == 1
    with reading(year.deps.sessions) as session:
        assert session.get(OptOut, (year.portal_id, "contact:400")) is not None


def test_refusing_never_again_putting_aside_and_taking_back(year: World) -> None:
    who = replace(reply_world.replied(year), language="en")
    assert "does not want to answer" in words(shown(year, who, 2, do="refuse"))
    assert year.invitations()[200].outcome == "refused"
    assert "never asked again" in words(shown(year, who, 5, do="never"))
    assert year.invitations()[500].outcome == "opted_out"
    page = shown(year, who, 4, do="dismiss")
    assert 'action="/app/replies/4"' in page  # can be taken back at once
    assert year.invitations()[400].outcome == ""
    assert "waits again" in words(shown(year, who, 4, do="restore"))
    assert [status(year, number) for number in (2, 4, 5)] == ["refused", "new", "opted_out"]


def test_each_sees_the_replies_of_their_own_clients_and_nobody_decides_about_their_own(year: World) -> None:
    reply_world.replied(year)
    mine = replace(viewer(year, MANAGER), language="en")
    page = shown(year, mine)
    assert page.count('<article class="reply"') == 6
    assert 'value="dismiss"' not in page
    assert post(year, mine, 1, do="record", score="10", comment="").status_code == 403
    assert status(year, 1) == "new"
    stranger = replace(viewer(year, 404), language="en")
    assert '<article class="reply"' not in shown(year, stranger)
    assert post(year, stranger, 1).status_code == post(year, stranger, 1, do="dismiss").status_code == 403
    assert shown(year, replace(viewer(year, DIRECTOR), language="en"), 1, do="dismiss")
    assert post(year, mine, 999).status_code == post(year, mine, 999, do="dismiss").status_code == 404


def test_many_replies_come_in_pages_and_the_main_page_counts_them(year: World) -> None:
    who = replace(reply_world.many(year), language="en")
    last = shown(year, who, page="3")
    assert last.count('<article class="reply"') == 5
    assert shown(year, who, page="99") == last
    main = make_app(year.deps).test_client().post("/app/main", data=form(year, who))
    assert "45 replies to letters wait for you" in words(main.text)
