"""The figures about recommendations as the pages draw them (product.md R6, P5)."""

from __future__ import annotations

from typing import Any

from integration.i18n import mark
from integration.nps.ladder import STEPS
from integration.nps.referral_numbers import Growth, Period, Promised
from integration.nps.shares import Share
from integration.services.referral_pictures import Deals, Grown, Overview, key_of
from integration.web import referral_words as words
from integration.web.pages import day_text, number_text, say, share_text

HIGH = 100  # of the chart by year, in its own units
WIDE = 60  # of one year there


BEHIND = {
    "all": mark("All clients"), "referred": mark("Clients by recommendation"), "others": mark("All other clients"),
    "returning": mark("Last year’s clients"), "new": mark("New clients by recommendation"),
    "rest": mark("All the rest"), "client": mark("One client"), "direct": mark("Clients brought directly"),
    "below": mark("All who came through one client"),
}  # fmt: skip


def overview(found: Overview) -> dict[str, Any]:
    """What the page of the numbers shows besides its tables."""
    numbers = found.numbers
    period = next((one for one in numbers.years if one.year == numbers.year), numbers.years[0])
    lively = [one for one in reversed(numbers.years) if one.clients.n or one.revenue.whole.deals]
    return {
        "found": found, "numbers": numbers, "period": period, "chart": _chart(lively) if len(lively) > 1 else [],
        "periods": list(reversed(lively)), "steps": _steps(found), "growth": _growth(numbers.growth),
        "promised": _promised(numbers.promised), "sides": list(numbers.value),
        "branches": list(numbers.branches) if len(numbers.branches) > 1 else [],
        "years": [[str(one.year), str(one.year)] for one in numbers.years], "wide": WIDE, "high": HIGH,
    }  # fmt: skip


def rests(share: Share, of: str) -> str:
    """What a share rests on: so many of so many, in words; `of` is a message with {part} and {whole}."""
    return say(of, part=number_text(share.part), whole=number_text(share.whole))


def range_text(share: Share) -> str:
    """Where a share lies with 95 % certainty; empty where nobody can say."""
    if share.interval is None:
        return ""
    return say(
        "with 95 % certainty between {low} and {high}", low=share_text(share.interval.low),
        high=share_text(share.interval.high),
    )  # fmt: skip


def _chart(periods: list[Period]) -> list[dict[str, Any]]:
    """Columns of the years, the oldest first: shares of clients and of revenue, and where the first one lies."""
    columns = []
    for place, one in enumerate(periods):
        interval = one.clients.interval
        columns.append(
            {
                "x": WIDE * place, "year": one.year, "period": one, "clients": _height(one.clients),
                "revenue": _height(one.revenue.share),
                "low": HIGH - HIGH * interval.low if interval else None,
                "high": HIGH - HIGH * interval.high if interval else None,
            }
        )  # fmt: skip
    return columns


def _height(share: Share) -> float | None:
    return None if share.value is None else round(HIGH * share.value, 1)


def _steps(found: Overview) -> list[dict[str, Any]]:
    """How many of the year's newcomers got at least so far."""
    counts = [found.steps.get(step, 0) for step in STEPS]
    reached = [sum(counts[place:]) for place in range(len(STEPS))]
    if not reached[0]:
        return []
    return [
        {"label": say(words.STEPS[step]), "value": many, "share": many / reached[0], "note": ""}
        for step, many in zip(STEPS, reached, strict=True)
    ]


def _growth(growth: Growth) -> dict[str, Any]:
    """Earned growth: the rate with its sign, and the parts it is made of."""
    if growth.earned is None:
        return {"rate": None, "of": growth}
    rate = growth.earned.rate
    sign = "+" if rate > 0 else ""
    return {
        "rate": f"{sign}{share_text(rate, 1)}".replace("-", "−"),
        "tone": "good" if rate > 0 else "danger" if rate < 0 else "", "of": growth,
        "nrr": share_text(growth.earned.nrr, 1), "new": share_text(growth.earned.new, 1),
    }  # fmt: skip


def _promised(found: Promised) -> dict[str, Any]:
    """What was said beside what was done, as a table of two by two."""
    table = found.table
    return {
        "n": found.n,
        "rows": [
            {"label": say("Promoters (9–10)"), "did": table["promoter", True], "not": table["promoter", False],
             "share": found.promoters, "group": "promoter", "path": "/app/referrals/ask"},
            {"label": say("All others (0–8)"), "did": table["other", True], "not": table["other", False],
             "share": found.others, "group": "neutral", "path": ""},
        ],
    }  # fmt: skip


def trees(found: Grown) -> list[dict[str, Any]]:
    """The trees of a forest, each with who stands at its top."""
    split: list[list[Any]] = []
    for leaf in found.leaves:
        if leaf.node.depth == 1 and (not split or split[-1][0].node.referrer != leaf.node.referrer):
            split.append([])
        if split:
            split[-1].append(leaf)
    tops = [
        {"who": found.roots[key_of(many[0].node.referrer)], "leaves": many, "many": len(many)}
        for many in split
    ]
    return sorted(tops, key=lambda one: -one["many"])


def deals(found: Deals) -> dict[str, Any]:
    """The deals behind a figure, and what the figure is."""
    cell = found.cell
    window = cell.window
    what = say(BEHIND[cell.who])
    since = day_text(window.start, "medium") if window.start else say("the beginning")
    return {
        "rows": found.page.lines, "after": found.page.behind or "",
        "what": f"{what}: {since} – {day_text(window.until, 'medium')}" + (f", {cell.city}" if cell.city else ""),
    }  # fmt: skip
