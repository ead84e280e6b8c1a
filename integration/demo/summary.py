"""What ``molva demo --once --json`` prints: the keys of interface.md 2, and what else is worth knowing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from .actual import Actual
from .expect import Expected, net

if TYPE_CHECKING:
    from .runner import Play


def summarise(
    play: Play, expected: Expected, actual: Actual, problems: list[str], seconds: float
) -> dict[str, Any]:
    """Counts of what really is in the portal and in the mail room; reasons come from the demo's own rules."""
    asked = {one.address for verdict in expected.eligible for one in verdict.asked if one.address}
    letters = [letter for letter in play.year.letters if letter.recipient in asked]
    counters = play.world.control.get("counters")
    scored = [card for card in expected.clients if card in actual.scores]
    return {
        "clients": len(expected.verdicts),
        "eligible": len(expected.eligible),
        "not_asked": dict(sorted(Counter(v.reason for v in expected.verdicts if v.reason).items())),
        "announced": len({letter.recipient for letter in letters if letter.kind == "announcement"}),
        "calls": len(play.callers.calls) if play.callers else 0,
        "mailed": len({letter.recipient for letter in letters if letter.asks}),
        "responses": sum(1 for card in actual.scores if card[0] == "contact"),
        "nps": net(actual.scores[card].score for card in scored),
        "cards_updated": len(actual.scores),
        "timeline_comments": sum(map(len, actual.comments.values())),
        "tasks": sum(1 for task in actual.tasks if task.links),
        "portal_requests": int(counters["http"]) - play.world.reader.requests,
        "seconds": round(seconds, 1),
        "seed": play.story.seed,
        "wave": play.wave,
        "respondents": sum(len(verdict.asked) for verdict in expected.eligible),
        "thanked": len({letter.recipient for letter in letters if letter.kind.startswith("thanks")}),
        "letters": len(letters),
        "opted_out": len(actual.opted_out & expected.opted_out),
        "kills": list(play.killer.done),
        "unknown_letters": list(play.unknown),
        "reopened": play.reopened,
        "portal_errors": counters.get("by_error", {}),
        "mismatches": problems,
    }
