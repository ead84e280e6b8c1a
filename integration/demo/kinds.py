"""What the story meant each client to be beside what the demo's own rules made of its cards.

The one guards the other: a slip in ``eligible`` would otherwise hide the same slip in the product.
"""

from __future__ import annotations

from .expect import Expected

#: Kinds of the story that stand for a reason of another name; "" means asked.
REASONS = {
    "eligible": "", "eligible_roles": "", "eligible_shared": "", "hold_over": "", "returning": "", "growing": "",
    "by_phone": "",
    "held": "on_hold", "company_opted_out": "opted_out", "leaving": "not_current", "vanishing": None,
}  # fmt: skip


def meant(kinds: dict[str, str], known: dict[str, int], expected: Expected) -> list[str]:
    """One line for each client that turned out otherwise; ``known``: ids of those born in the year."""
    found = {verdict.key: verdict.reason for verdict in expected.verdicts}
    wrong = []
    for key, kind in kinds.items():
        sort, _, name = key.partition(":")
        card = f"{sort}:{known.get(name[1:], 0)}" if name.startswith("@") else key
        reason = REASONS.get(kind, kind)
        got = found.pop(card, None)
        if got != reason:
            wrong.append(f"{card}: the story meant {reason!r}, the demo's rules say {got!r}")
    return wrong + [f"{card}: not in the story, yet {reason or 'asked'!r}" for card, reason in found.items()]
