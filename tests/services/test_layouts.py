"""Our fields in the cards: shown first, put in once, taken out exactly (product.md B1; bitrix24.md 8.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration.bitrix import layouts as pure
from integration.services import layouts
from integration.services.layouts import LayoutRefused, apply, preview, remove, undo
from integration.store.base import Sessions, reading
from integration.store.chores import ChoreRow
from integration.store.layouts import CardLayout
from tests.conftest import a_portal
from tests.services.portal_world import World
from tests.services.ready_world import ready_world

SCORE = "UF_CRM_MOLVA_NPS_SCORE"
MAIN = [
    {"name": "main", "title": "О сделке", "type": "section",
     "elements": [{"name": "TITLE", "optionFlags": "1"}, {"name": "UF_CRM_777", "optionFlags": "0"}]},
    {"name": "own", "title": "Наше <i>поле</i>", "type": "section", "elements": [{"name": SCORE, "optionFlags": "1"}]},
]  # fmt: skip


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    with ready_world(sessions) as made:
        shown(made, "deal", 2, MAIN)
        yield made


def key(kind: str, part: int) -> tuple[Any, ...]:
    return ({"lead": 1, "deal": 2, "contact": 3, "company": 4}[kind], "C", 0, part)


def shown(place: World, kind: str, part: int, sections: list[dict[str, Any]]) -> None:
    """An administrator arranges the card."""
    place.box.portal.state.layouts[key(kind, part)] = [dict(one) for one in sections]


def now(place: World, kind: str = "deal", part: int = 2) -> list[dict[str, Any]]:
    """The card as the portal shows it."""
    found: list[dict[str, Any]] = place.box.portal.state.layouts.get(key(kind, part), [])
    return found


def put_in(place: World) -> layouts.Done:
    seen = preview(place.deps, place.portal_id, "deal", 2)
    return apply(place.deps, place.portal_id, "deal", 2, seen.digest, "Ada (1)")


def the_only(place: World) -> CardLayout:
    (row,) = place.all(CardLayout)
    return row


def test_a_preview_shows_the_card_and_changes_nothing(place: World) -> None:
    """Only fields that exist here are added; one that people placed already is named and left there."""
    place.fresh_counters()
    seen = preview(place.deps, place.portal_id, "deal", 2)
    assert place.counters()["http"] == 1
    assert pure.same(seen.before, MAIN)
    assert seen.elsewhere == (SCORE,)
    assert SCORE not in seen.added
    assert set(seen.added) < set(place.row().fields["deal"])
    assert "UF_CRM_MOLVA_ROLE" not in seen.added, "contacts only"
    assert pure.same(now(place), MAIN)
    assert place.all(CardLayout) == []


def test_the_fields_are_put_in_and_taken_out_exactly(place: World) -> None:
    """The common view of this pipeline alone, in one write; undoing gives the very card of before."""
    place.fresh_counters()
    done = put_in(place)
    assert done.status == "applied"
    assert place.counters()["by_method"]["crm.item.details.configuration.set"] == 1
    assert pure.same(now(place)[:2], MAIN)
    assert now(place)[2]["name"] == pure.NAME
    assert now(place, part=0) == []
    row = the_only(place)
    assert (row.author, row.kind, row.part, row.status) == ("Ada (1)", "deal", 2, "applied")
    assert pure.same(row.before, MAIN)
    back = undo(place.deps, place.portal_id, done.change_id, "Bob (2)")
    assert back.status == "applied"
    assert pure.same(now(place), MAIN)
    first, second = place.all(CardLayout)
    assert (first.status, first.undone_by, second.undoes) == ("undone", "Bob (2)", first.id)
    assert first.undone_at is not None


def test_the_card_before_is_committed_before_the_portal_is_asked(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a kill would lose what there was."""
    seen: list[str] = []
    real = layouts.widgets.layout_set

    def watched(*given: Any) -> Any:
        seen.append(the_only(place).status)
        return real(*given)

    monkeypatch.setattr(layouts.widgets, "layout_set", watched)
    put_in(place)
    assert seen == ["asked"]


def test_a_card_that_was_never_arranged_is_not_written(place: World) -> None:
    """The portal would lose its built-in arrangement."""
    with pytest.raises(LayoutRefused, match="not_stored"):
        preview(place.deps, place.portal_id, "company", 0)
    with pytest.raises(LayoutRefused, match="not_stored"):
        apply(place.deps, place.portal_id, "company", 0, "x", "a")
    assert place.all(CardLayout) == []
    assert now(place, "company", 0) == []


def test_a_card_that_cannot_be_read_is_not_written(place: World) -> None:
    """No answer is not an empty answer."""
    place.fault("500", method="crm.item.details.configuration.get")
    with pytest.raises(LayoutRefused, match="unreadable"):
        preview(place.deps, place.portal_id, "deal", 2)


@pytest.mark.parametrize(("kind", "part"), [("deal", 77), ("lead", 0), ("invoice", 0), ("company", 3)])
def test_there_are_only_the_cards_there_are(place: World, kind: str, part: int) -> None:
    with pytest.raises(LayoutRefused, match="no_such_card"):
        preview(place.deps, place.portal_id, kind, part)


def test_what_was_not_seen_is_not_changed(place: World) -> None:
    """Between looking and confirming somebody else has arranged the card."""
    seen = preview(place.deps, place.portal_id, "deal", 2)
    shown(place, "deal", 2, [MAIN[0]])
    with pytest.raises(LayoutRefused, match="changed"):
        apply(place.deps, place.portal_id, "deal", 2, seen.digest, "a")
    assert pure.same(now(place), [MAIN[0]])
    assert place.all(CardLayout) == []


@pytest.mark.parametrize("where", ["layout_get", "layout_set", "_settle"])
def test_a_change_survives_a_kill_at_every_line(
    place: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A worker ends it; what is in the card already is not written once more."""
    seen = preview(place.deps, place.portal_id, "deal", 2)

    def killed(*_given: Any, **_named: Any) -> None:
        raise Killed

    real = layouts.carry_out

    def carry_out(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(layouts if where == "_settle" else layouts.widgets, where, killed)
        return real(*given, **named)

    monkeypatch.setattr(layouts, "carry_out", carry_out)
    with pytest.raises(Killed):
        apply(place.deps, place.portal_id, "deal", 2, seen.digest, "a")
    monkeypatch.undo()
    assert the_only(place).status == "asked"
    place.fresh_counters()
    place.clock.advance(layouts.HEAD_START.total_seconds() + 1)
    place.work()
    assert the_only(place).status == "applied"
    assert [one["name"] for one in now(place)] == ["main", "own", pure.NAME]
    writes = place.counters()["by_method"].get("crm.item.details.configuration.set", 0)
    assert writes == (0 if where == "_settle" else 1)
    assert undo(place.deps, place.portal_id, the_only(place).id, "a").status == "applied"
    assert pure.same(now(place), MAIN)


def test_a_change_that_waits_never_goes_over_somebody_elses(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The portal was away; meanwhile an administrator has arranged the card: theirs stands."""
    seen = preview(place.deps, place.portal_id, "deal", 2)
    with monkeypatch.context() as patched:
        patched.setattr(layouts, "carry_out", lambda *_a, **_n: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            apply(place.deps, place.portal_id, "deal", 2, seen.digest, "a")
    theirs = [{**MAIN[0], "title": "Новое"}]
    shown(place, "deal", 2, theirs)
    place.clock.advance(layouts.HEAD_START.total_seconds() + 1)
    place.work()
    assert (the_only(place).status, the_only(place).problem) == ("refused", "changed")
    assert pure.same(now(place), theirs)


def test_a_portal_that_is_away_gets_the_change_later(place: World) -> None:
    """It is on its way, once; nobody has to press anything again."""
    seen = preview(place.deps, place.portal_id, "deal", 2)
    place.fault("drop_before", method="crm.item.details.configuration.set")
    done = apply(place.deps, place.portal_id, "deal", 2, seen.digest, "a")
    assert done.status == "asked"
    with pytest.raises(LayoutRefused, match="busy"):
        apply(place.deps, place.portal_id, "deal", 2, seen.digest, "b")
    for _ in range(3):
        place.clock.advance(700)
        place.work()
    assert the_only(place).status == "applied"
    assert len(now(place)) == 3


def test_an_answer_that_was_lost_is_not_written_twice(place: World) -> None:
    """The write took effect and its answer did not come: the card itself tells."""
    seen = preview(place.deps, place.portal_id, "deal", 2)
    place.fault("drop_after", method="crm.item.details.configuration.set")
    assert apply(place.deps, place.portal_id, "deal", 2, seen.digest, "a").status == "asked"
    place.fresh_counters()
    place.clock.advance(700)
    place.work()
    assert the_only(place).status == "applied"
    assert "crm.item.details.configuration.set" not in place.counters()["by_method"]


def test_undoing_over_somebody_elses_work_is_refused(place: World) -> None:
    """The difference is shown, and only our own section can be taken out."""
    done = put_in(place)
    changed = [*now(place)[:1], {**now(place)[2], "title": "Лояльность"}]
    shown(place, "deal", 2, changed)
    with pytest.raises(LayoutRefused, match="changed_since") as refused:
        undo(place.deps, place.portal_id, done.change_id, "a")
    assert refused.value.difference is not None
    assert refused.value.difference.sections_removed == (MAIN[1]["title"],)
    assert refused.value.difference.removed == (SCORE,)
    assert pure.same(now(place), changed)
    assert remove(place.deps, place.portal_id, done.change_id, refused.value.digest, "b").status == "applied"
    assert pure.same(now(place), [MAIN[0]])
    assert place.all(CardLayout)[0].status == "undone"


def test_taking_our_section_out_needs_the_card_that_was_seen(place: World) -> None:
    """Somebody is still at work on the card."""
    done = put_in(place)
    shown(place, "deal", 2, [now(place)[2]])
    with pytest.raises(LayoutRefused, match="changed_since"):
        remove(place.deps, place.portal_id, done.change_id, "old", "a")
    with pytest.raises(LayoutRefused, match="nothing_left"):
        remove(place.deps, place.portal_id, done.change_id, pure.digest(now(place)), "a")


def test_only_the_last_change_can_be_undone_and_only_once(place: World) -> None:
    done = put_in(place)
    undo(place.deps, place.portal_id, done.change_id, "a")
    with pytest.raises(LayoutRefused, match="no_change"):
        undo(place.deps, place.portal_id, done.change_id, "a")
    again = put_in(place)
    assert again.change_id != done.change_id
    with pytest.raises(LayoutRefused, match="no_change"):
        undo(place.deps, place.portal_id, done.change_id, "a")
    assert undo(place.deps, place.portal_id, again.change_id, "a").status == "applied"


def test_where_everything_is_shown_nothing_is_written(place: World) -> None:
    put_in(place)
    assert preview(place.deps, place.portal_id, "deal", 2).added == ()
    with pytest.raises(LayoutRefused, match="nothing_to_add"):
        put_in(place)


def test_a_refusal_of_the_portal_is_kept_with_its_code(place: World) -> None:
    """Its token belongs to somebody who is no administrator any more."""
    seen = preview(place.deps, place.portal_id, "deal", 2)
    for user in place.box.portal.state.users.values():
        user["ADMIN"] = False
    done = apply(place.deps, place.portal_id, "deal", 2, seen.digest, "a")
    assert done.status == "refused"
    assert the_only(place).problem == done.problem != ""
    assert pure.same(now(place), MAIN)


def test_another_portal_sees_and_undoes_nothing(place: World, sessions: Sessions) -> None:
    """Changes belong to the portal they were made in."""
    from integration.store.base import transaction

    done = put_in(place)
    with transaction(sessions) as session:
        other = a_portal(member_id="other")
        session.add(other)
        session.flush()
        number = other.id
    with pytest.raises(LayoutRefused, match="no_change"):
        undo(place.deps, number, done.change_id, "a")
    assert layouts.carry_out(place.deps, number, done.change_id).status == "refused"
    with reading(sessions) as session:
        assert layouts.rows.latest(session, number) == []


def test_the_chore_of_a_change_ends(place: World) -> None:
    """Nothing is asked for ever."""
    put_in(place)
    place.clock.advance(60)
    place.work()
    chores = [row for row in place.all(ChoreRow) if row.name.startswith("layout:")]
    assert [row.status for row in chores] == ["done"]
