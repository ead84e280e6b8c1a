"""The lists about referrals as files: CSV for programs, XLSX for people (product.md P5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from flask import Response, abort

from integration.current import deps
from integration.nps.ladder import STEPS
from integration.nps.people import CardKey
from integration.nps.referral_cells import Cell
from integration.services import referral_page, referral_pictures
from integration.services.frames import Viewer
from integration.services.referral_lines import End, Line
from integration.services.referral_page import Asked
from integration.web import referral_words as words
from integration.web import table_files
from integration.web.pages import say, zone
from integration.web.table_files import Row

Chosen = Mapping[str, Any]
AT_ONCE = 2_000
MOST = 50_000


def answer(who: Viewer, chosen: Chosen, asked: Asked) -> Response:
    """The list a page shows as a file. Ends the request with 404 for no list, or a figure that is none."""
    name = chosen["file"] or "clients"
    found = LISTS.get(name)
    kind = chosen["format"] or "csv"
    if found is None:
        abort(404)
    if name == "deals":
        _figure(chosen["cell"])
    day = deps().clock.now().astimezone(zone()).strftime("%Y-%m-%d")
    return table_files.answer(
        found(who, chosen, asked), kind, f"referrals-{name}-{day}", say("Recommendations")
    )


def _figure(cell: str) -> None:
    """End the request with 404 for what names no figure."""
    try:
        Cell.parse(cell)
    except ValueError:
        abort(404)


# --- the lists


def _referrals(who: Viewer, chosen: Chosen, asked: Asked) -> Iterator[Row]:
    """Rows of who came, who is to be thanked, or what is to be sorted out."""
    yield (
        say("Who came"), say("Card"), say("Account manager"), say("Recommended by"), say("Card"), say("Source"),
        say("Since"), say("Step"), *(say(words.STEPS[step]) for step in STEPS), say(words.LOST), say("Has brought"),
        say("Deals"), say("Reward"), say("Note"), say("Said by"), say("Thanked"), say("To sort out"),
    )  # fmt: skip
    for piece in referral_page.pieces(deps(), who, asked, chosen["file"] or "clients"):
        yield from (_referral(one) for one in piece)


def _referral(one: Line) -> Row:
    thanked = one.thanked
    problem = words.KINDS.get(one.problem, "")
    return (
        _name(one.newcomer), _card(one.newcomer.key), one.newcomer.manager, _name(one.referrer),
        _card(one.referrer.key) if one.referrer else "", words.source(one.source, ()), one.day,
        say(words.STEPS.get(one.step, one.step)), *(one.steps.get(step) for step in STEPS), one.lost_on,
        one.money.amount if one.money else None, one.money.deals if one.money else None,
        say(words.REWARDS[one.reward]), one.reward_note, one.reward_who,
        _local(thanked.at) if thanked else None, say(problem) if problem else "",
    )  # fmt: skip


def _leaders(who: Viewer, chosen: Chosen, asked: Asked) -> Iterator[Row]:
    yield (
        say("Client"), say("Card"), say("Account manager"), say("Direct"), say("Have bought"), say("Money, direct"),
        say("Downstream"), say("Money, in all"),
    )  # fmt: skip
    for page in _pages(lambda n: referral_pictures.leaders(deps(), who, n, AT_ONCE)):
        for one in page.leaders:
            top = one.top
            yield (
                _name(one.who), _card(one.who.key), one.who.manager, top.direct, top.won, top.direct_money.amount,
                top.downstream, top.money.amount,
            )  # fmt: skip


def _voices(silent: bool) -> Callable[[Viewer, Chosen, Asked], Iterator[Row]]:
    def rows(who: Viewer, chosen: Chosen, asked: Asked) -> Iterator[Row]:
        yield (
            say("Client"),
            say("Card"),
            say("Account manager"),
            say("Score"),
            say("Answered"),
            say("Brought"),
        )
        for page in _pages(lambda n: referral_pictures.voices(deps(), who, n, silent=silent, size=AT_ONCE)):
            for one in page.voices:
                yield (
                    _name(one.who), _card(one.who.key), one.who.manager, one.said.score, one.said.day,
                    one.said.brought,
                )  # fmt: skip

    return rows


def _pages(read: Callable[[int], referral_pictures.People]) -> Iterator[referral_pictures.People]:
    for number in range(1, MOST // AT_ONCE + 1):
        page = read(number)
        yield page
        if not page.more:
            return


def _deals(who: Viewer, chosen: Chosen, asked: Asked) -> Iterator[Row]:
    yield (
        say("Day won"), say("Deal"), say("Card"), say("Client"), say("Card"), say("Amount"), say("Currency"),
        say("In the portal’s currency"), say("Rate of"),
    )  # fmt: skip
    behind = 0
    for _ in range(MOST // AT_ONCE):
        page = referral_pictures.deals(deps(), who, chosen["cell"], behind, AT_ONCE).page
        for one in page.lines:
            yield (
                one.day, one.title, _card(CardKey("deal", one.deal_id)), one.client_title,
                _card(one.client), one.amount, one.currency, one.base, one.rate_day,
            )  # fmt: skip
        behind = page.behind
        if not behind:
            return


LISTS: dict[str, Callable[[Viewer, Chosen, Asked], Iterator[Row]]] = {
    "clients": _referrals, "thanks": _referrals, "problems": _referrals, "leaders": _leaders, "ask": _voices(True),
    "others": _voices(False), "deals": _deals,
}  # fmt: skip


# --- cells


def _name(end: End | None) -> str:
    return "" if end is None else words.card(end.key, end.name)


def _card(key: Any) -> str:
    return f"{key.kind}:{key.id}"


def _local(value: datetime | None) -> datetime | None:
    """A moment as the portal's clock shows it: spreadsheets know no zones."""
    return value.astimezone(zone()).replace(tzinfo=None, microsecond=0) if value else None
