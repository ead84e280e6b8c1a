"""The lists on the pages about referrals, and what people say there about thanks and rewards (product.md R5, R7, P1).

Lists are chosen and paged in the database; a page runs the same number of queries for ten referrals and for ten
thousand. What the viewer may not see by role is left out or has no name (`referral_lines`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_

from integration.services import piecewise, referral_rewards, referral_thanks, rights
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.referral_desk import Desk, Frame, conditions, frame_of, open_desk, problems
from integration.services.referral_lines import Line, lines
from integration.store import referral_lists as lists
from integration.store import referral_thanks as thanks_rows
from integration.store.referral_lists import EVERYTHING, Wanted
from integration.store.referral_rows import Referral

PAGE = 30  # rows at once: their page stays under its weight
PIECE = 500  # rows of a file read at once
MOST = 50_000  # rows of a file


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter as it was asked for. `branch`: a city in any spelling; `step` may be `lost`."""

    year: int = 0
    branch: str = ""
    step: str = ""
    reward: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: `found` rows in all, page `number` of `pages`, the counts by a code of the list."""

    frame: Frame
    lines: tuple[Line, ...]
    found: int
    number: int
    pages: int
    counts: Mapping[str, int]


def _wanted(desk: Desk, asked: Asked) -> Wanted:
    lost = asked.step == "lost"
    return Wanted(asked.year, desk.spellings(asked.branch), "" if lost else asked.step, asked.reward)


def _among(asked: Asked) -> ColumnElement[bool]:
    """Rows of the tree; a step is that of newcomers still on their way or won, `lost` of those who went."""
    if asked.step == "lost":
        return and_(lists.stands(), Referral.lost_on.is_not(None))
    return and_(lists.stands(), Referral.lost_on.is_(None)) if asked.step else lists.stands()


# --- lists of referrals


def clients(deps: Deps, who: Viewer, asked: Asked, number: int) -> Page:
    """Who came by recommendation, the latest first. Raises `LookupError` if the portal is gone."""
    with open_desk(deps, who) as desk:
        counts = lists.tally(
            desk.reader.session, desk.portal_id, desk.scope, lists.stands(), "step", Wanted(asked.year)
        )
        return _page(desk, _among(asked), _wanted(desk, asked), number, counts)


def waiting(deps: Deps, who: Viewer, number: int, *, past: bool = False) -> Page:
    """Whose recommendation went further and nobody has said thanks, the longest wait first; `past`: also what had
    happened long before Molva knew of it."""
    with open_desk(deps, who) as desk:
        condition = thanks_rows.not_thanked(past=past)
        oldest = None if past else thanks_rows.waiting_since()
        return _page(desk, condition, EVERYTHING, number, {}, oldest=oldest)


def unsettled(deps: Deps, who: Viewer, kind: str, number: int) -> Page:
    """What a person has to settle; `kind` empty: everything."""
    with open_desk(deps, who) as desk:
        return _page(desk, conditions(desk)[kind], EVERYTHING, number, problems(desk), claims=True)


def _page(
    desk: Desk, condition: ColumnElement[bool], wanted: Wanted, number: int, counts: Mapping[str, int], *,
    oldest: ColumnElement[date] | None = None, claims: bool = False,
) -> Page:  # fmt: skip
    session = desk.reader.session
    found = lists.count(session, desk.portal_id, desk.scope, condition, wanted)
    number, pages = piecewise.place(found, number, PAGE)
    chosen = lists.page(
        session, desk.portal_id, desk.scope, condition, wanted, limit=PAGE, offset=PAGE * (number - 1), oldest=oldest
    )  # fmt: skip
    shown = tuple(lines(desk.reader, chosen, claims=claims))
    return Page(frame_of(desk), shown, found, number, pages, counts)


def pieces(deps: Deps, who: Viewer, asked: Asked, what: str) -> Iterator[list[Line]]:
    """All rows of a list for a file, some hundred at once: `clients`, `thanks` or `problems`."""
    number = 0
    for _ in range(MOST // PIECE):
        with open_desk(deps, who) as desk:
            condition = {
                "clients": _among(asked), "thanks": thanks_rows.not_thanked(), "problems": conditions(desk)[""],
            }[what]  # fmt: skip
            wanted = _wanted(desk, asked) if what == "clients" else EVERYTHING
            found = lists.after(
                desk.reader.session, desk.portal_id, desk.scope, condition, wanted, number=number, limit=PIECE
            )
            told = lines(desk.reader, found)
        if told:
            yield told
            number = found[-1].id
        if len(found) < PIECE:
            return


# --- what people say


def thank(deps: Deps, who: Viewer, referral_id: int, note: str = "") -> str:
    """Somebody has thanked whoever recommended: done | same | gone | too_long | foreign (not one of the viewer's)."""
    if problem := _not_theirs(deps, who, referral_id):
        return problem
    said = rights.recorded_as(deps, who)
    return referral_thanks.thank(deps, who.portal_id, referral_id, who=said, note=note)


def reward(deps: Deps, who: Viewer, referral_id: int, code: str, note: str = "") -> str:
    """What becomes of the reward: done | same | gone | bad | too_long | foreign (not one of the viewer's)."""
    if problem := _not_theirs(deps, who, referral_id):
        return problem
    said = rights.recorded_as(deps, who)
    return referral_rewards.say(deps, who.portal_id, referral_id, code, who=said, note=note)


def _not_theirs(deps: Deps, who: Viewer, referral_id: int) -> str:
    """Why the viewer may say nothing about a row; whoever does not see all is not told whether there is one."""
    with open_desk(deps, who) as desk:
        session = desk.reader.session
        if lists.count(session, desk.portal_id, desk.scope, Referral.id == referral_id):
            return ""
        return "gone" if desk.reader.rights.sees_all else "foreign"
