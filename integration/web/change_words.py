"""A survey beside the one before it, in words: how the index moved, and by which channel (product.md N4, N5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration.nps.headline import Moved
from integration.nps.statistics import Counts
from integration.services.wave_accounts import counts_of
from integration.web import figure_words
from integration.web.card_words import CHANNELS
from integration.web.pages import number_text, say, share_text
from integration.web.report_tables import signed

GROUPS = ("detractors", "passives", "promoters")


def change(found: Mapping[str, Any], shown: Mapping[str, Any], least: int) -> dict[str, Any]:
    """The one plain sentence, and what it rests on; empty without an earlier survey."""
    if not found:
        return {}
    since = str(found["since"])
    told: dict[str, Any] = {"since": since, "rows": [], "table": None, "tone": ""}
    moved = _moved(found, least)
    if moved is None:
        return {
            **told,
            "sentence": say("There are too few answers to say how the NPS moved since {wave}.", wave=since),
        }
    return {
        **told,
        "sentence": figure_words.moved(moved, since),
        "tone": figure_words.direction(moved),
        "before": number_text(moved.before),
        "after": number_text(moved.after),
        "rows": [row for row in (_paired(found, least), _independent(found)) if row],
        "table": _table(found) if moved.both else None,
        "basis": say("The clients who answered both times decide here.")
        if found["basis"] == "paired"
        else say("Too few clients answered both times, so the two surveys are compared as a whole."),
    }


def _moved(found: Mapping[str, Any], least: int) -> Moved | None:
    before, after = counts_of(found.get("before")), counts_of(found.get("after"))
    if not found.get("verdict") or before is None or after is None or min(before.n, after.n) < least:
        return None
    pair = found.get("paired") if found["basis"] == "paired" else None
    rose, fell, both = (int(pair[name]) for name in ("rose", "fell", "n")) if pair else (0, 0, 0)
    chance = found["verdict"] not in ("grew", "fell")
    return Moved(float(found["before"]["nps"]), float(found["after"]["nps"]), rose, fell, both, chance)


def _paired(found: Mapping[str, Any], least: int) -> dict[str, str]:
    pair = found.get("paired")
    if not pair or pair["n"] < max(1, least):
        return {}
    low, high = (signed(one, 1) for one in pair["interval"])
    test = say("exact sign test p = {p}", p=_p(pair["p"]))
    if pair["se"] is not None:
        test = f"{_error(pair)}, {test}"
    return {
        "label": say("Clients who answered both times"),
        "value": say("{points} points", points=signed(pair["difference"], 1)),
        "note": say("of {n} clients {rose} rose, {fell} fell; 95 % between {low} and {high}; {test}",
                    n=number_text(pair["n"]), rose=number_text(pair["rose"]), fell=number_text(pair["fell"]), low=low,
                    high=high, test=test),
    }  # fmt: skip


def _independent(found: Mapping[str, Any]) -> dict[str, str]:
    one = found["independent"]
    low, high = (signed(end, 1) for end in one["interval"])
    test = f"{_error(one)}, p = {_p(one['p'])}"
    before, after = (number_text(count) for count in one["n"])
    return {
        "label": say("Both surveys as a whole, as if other clients had been asked"),
        "value": say("{points} points", points=signed(one["difference"], 1)),
        "note": say("{before} and {after} answers, adjusted for their number; 95 % between {low} and {high}; {test}",
                    before=before, after=after, low=low, high=high, test=test),
    }  # fmt: skip


def _error(found: Mapping[str, Any]) -> str:
    error = say("standard error {se}", se=number_text(found["se"], 1))
    return f"{error}, z = {number_text(found['z'], 2)}" if found["z"] is not None else error


def _p(value: float) -> str:
    return number_text(value, 3) if value >= 0.001 else f"< {number_text(0.001, 3)}"


def _table(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where the clients of both surveys stood and stand, promoters first."""
    rows = found.get("table")
    if not rows:
        return None
    names = [say("Promoters"), say("Passives"), say("Detractors")]
    return {
        "names": names,
        "rows": [
            [name, *(number_text(n) for n in reversed(row))] for name, row in zip(names, reversed(rows), strict=True)
        ],
    }  # fmt: skip


# --- by channel


def channels(shown: Mapping[str, Any], least: int) -> dict[str, Any]:
    """The index by channel, of clients by the answer that decided; beside the earlier survey where its channels are
    known, with a warning when the mix has moved (product.md N5)."""
    now: Mapping[str, Any] = shown.get("channels") or {}
    before: Mapping[str, Any] = (shown.get("change") or {}).get("channels_before") or {}
    names = [
        name
        for name in (*CHANNELS, *sorted({*now, *before} - set(CHANNELS)))
        if name in now or name in before
    ]
    if not names:
        return {}
    answers: Mapping[str, Any] = shown.get("by_channel") or {}
    mix: Mapping[str, Any] = (shown.get("change") or {}).get("mix") or {}
    since = (shown.get("change") or {}).get("since", "")
    return {
        "rows": [
            {
                "name": say(CHANNELS[name]) if name in CHANNELS else name,
                "answers": int((answers.get(name) or {}).get("n", 0)),
                **_side("", now.get(name), least), **_side("before_", before.get(name), least),
            }
            for name in names
        ],
        "compared": bool(before), "since": since, **_mix(mix, since, now, before, least),
    }  # fmt: skip


def _side(prefix: str, kept: Mapping[str, Any] | None, least: int) -> dict[str, Any]:
    counts = counts_of(kept) or Counts(0, 0, 0)
    enough = counts.n >= max(1, least)
    return {
        f"{prefix}n": counts.n,
        f"{prefix}nps": number_text(float(kept["nps"])) if kept and enough else None,
    }


def _mix(
    mix: Mapping[str, Any], since: str, now: Mapping[str, Any], before: Mapping[str, Any], least: int
) -> dict[str, str]:
    if not mix or not mix["n"]:
        return {"warning": "", "line": ""}
    share = share_text(mix["mix_moved"])
    warning = ""
    if mix["warning"]:
        warning = say(
            "{share} of the clients answered by another channel than in {wave}.", share=share, wave=since
        )
    thin = [
        name
        for name, kept in before.items()
        if kept["n"] and (now.get(name) or {"n": 0})["n"] < max(1, least)
    ]
    if thin:
        names = ", ".join(say(CHANNELS[name]) if name in CHANNELS else name for name in thin)
        line = say(
            "There are too few answers {channels} this time to say what the NPS would be with the channels of {wave}.",
            channels=names, wave=since,
        )  # fmt: skip
    elif mix["standardised"] is None:
        line = ""
    else:
        line = say(
            "With the channels of {wave} the NPS would be {standardised} instead of {raw}.", wave=since,
            standardised=number_text(mix["standardised"], 1), raw=number_text(mix["raw"], 1),
        )  # fmt: skip
    return {"warning": warning, "line": line}
