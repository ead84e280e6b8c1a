"""The report of a survey in words a director understands; formulas and tests stand behind folds (product.md N, W14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps.reporting import Dispositions, dispositions
from integration.nps.statistics import Counts
from integration.services.report_types import Coverage
from integration.services.wave_accounts import counts_of, interval_of
from integration.services.wave_report import Report
from integration.web import call_words, change_words, exclusion_words, figure_words, question_report
from integration.web.card_words import CHANNELS, REASONS
from integration.web.pages import day_text, language, number_text, say, share_text
from integration.web.report_tables import breakdown, signed

STANDINGS = {
    "planned": mark("This survey has not begun yet. Its report fills as soon as the first answers are in."),
    "running": mark("The survey is under way. These are the answers so far, and the numbers still move."),
    "cancelled": mark("The survey was cancelled. These are the answers that had come in by then."),
    "imported": mark("These answers come from an earlier survey. Whom it asked is not known here."),
}
RULES = {
    "worst_decision_maker": mark(
        "One score for each client: the lowest of those who decide, else the lowest of all."
    ),
    "weighted": mark("One score for each client: the mean of its people, weighted by their roles."),
    "equal": mark("One score for each client: the mean of its people."),
}
RATES = {
    "rr1": (mark("answered, of everybody we asked"), mark("Response rate, RR1")),
    "coop1": (mark("answered, of those we reached"), mark("Cooperation rate, COOP1")),
    "ref1": (mark("did not want to answer"), mark("Refusal rate, REF1")),
    "con1": (mark("reached: they answered, declined, put it off or spoke to us"), mark("Contact rate, CON1")),
}
PARTS = {
    "channels": mark("by channel"), "funnel": mark("the way to the answers"), "inside": mark("disagreement"),
    "branches": mark("by branch"), "managers": mark("by account manager"), "change": mark("the comparison"),
    "calls": mark("the calls"), "questions": mark("the extra questions"),
}  # fmt: skip


def told(found: Report) -> dict[str, Any]:
    """Everything the page says, by its sections; a section that has nothing to say is empty."""
    shown = found.shown
    return {
        "standing": _standing(found),
        "badge": figure_words.badge(found.wave),
        "anew": _anew(found),
        "hero": _hero(found),
        "coverage": figure_words.coverage(_coverage(found)),
        "rule": say(RULES[shown["rule"]]) if shown.get("rule") in RULES else "",
        "funnel": _funnel(shown.get("funnel") or {}),
        "calls": call_words.told(shown.get("calls") or {}, found.rights.may_run_waves),
        "rates": _rates(found),
        "change": change_words.change(shown.get("change") or {}, shown, found.min_group),
        "channels": change_words.channels(shown, found.min_group),
        "questions": question_report.told(found),
        "branches": breakdown(shown.get("branches") or [], found.min_group, str),
        "managers": breakdown(shown.get("managers") or [], found.min_group, _manager(found.names)),
        "inside": _inside(found),
        "corrected": _corrected(found),
        "out": _out(found),
    }


def _standing(found: Report) -> str:
    if found.sees_none:
        return say("None of your clients is on the list of this survey.")
    if found.standing == "frozen":
        said = say("Final since {day}.", day=day_text(found.frozen_at))
        if not found.everyone:
            return say(
                "The survey is over. These are the answers of the clients you see, as they stand today."
            )
        return f"{said} " + say("Corrections made afterwards stand beside it and do not change it.")
    if found.standing == "preliminary":
        said = say("The survey is over, and answers may still be corrected.")
        if found.wave.frozen_on:
            said += " " + say("The result becomes final on {day}.", day=day_text(found.wave.frozen_on))
        return said
    return say(STANDINGS[found.standing])


def _anew(found: Report) -> str:
    if not found.anew:
        return ""
    parts = ", ".join(say(PARTS[name]) for name in found.anew)
    return say("Counted today, since it was not kept with the result: {parts}.", parts=parts)


def _hero(found: Report) -> dict[str, Any]:
    kept: Mapping[str, Any] = found.shown["clients"]
    counts = counts_of(kept) or Counts(0, 0, 0)
    known = found.standing != "imported"
    told: dict[str, Any] = {
        "n": counts.n, "scores": kept.get("scores"), "value": None,
        "groups": [
            {"label": say("Promoters"), "value": counts.p, "tone": "promoter"},
            {"label": say("Passives"), "value": counts.a, "tone": "passive"},
            {"label": say("Detractors"), "value": counts.d, "tone": "detractor"},
        ],
    }  # fmt: skip
    if counts.n < max(1, found.min_group):
        return {**told, "few": figure_words.few(counts.n, found.min_group)}
    interval = interval_of(kept, "interval" if known else "interval_large")
    value, limits = float(kept["nps"]), interval_of(kept, "limits") if known else None
    if interval is None:
        return {**told, "few": ""}
    return {
        **told, "value": round(value), "exact": number_text(value, 1),
        "interval": (interval.low, value, interval.high, limits),
        "range": figure_words.lies(interval, limits, counts.n, int(kept.get("base") or counts.n)),
    }  # fmt: skip


def _coverage(found: Report) -> Coverage:
    rests: Mapping[str, Any] = found.shown["coverage"]
    kept: Mapping[str, Any] = found.shown["clients"]
    asked = int(kept.get("base") or rests["eligible"])
    total, answered = float(rests.get("eligible_revenue") or 0), rests.get("answered_revenue")
    usual = (
        2 * int(rests.get("priced") or 0) >= asked > 0
    )  # a share of a few known revenues would say nothing
    return Coverage(
        listed=int(rests["clients"]), asked=asked, answered=int(kept["n"]), excluded=int(rests["excluded"]),
        people=int(rests["contacts"]), people_answered=int(found.shown["outcomes"].get("answered", 0)),
        revenue_share=float(answered) / total if answered is not None and total > 0 and usual else None,
        known=found.standing != "imported", off_list=int(rests.get("answered_off_list") or 0),
    )  # fmt: skip


def _funnel(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """From the list to the answers after a reminder: clients first, then people (product.md N6)."""
    if not found or not found["listed"]:
        return []
    listed, people = found["listed"], found["people"]
    rows = [
        _step(say("On the list"), _clients(listed), listed, listed),
        _step(say("To be asked"), _clients(found["eligible"]), found["eligible"], listed),
        _step(say("Whom we write to"), _people(people), people, people),
    ]
    if found["announced"]:
        rows.append(_step(say("Told in advance"), _people(found["announced"]), found["announced"], people))
    rows += call_words.way(found)
    if found["asked"]:
        rows.append(_step(say("Got the question"), _people(found["asked"]), found["asked"], people))
    if found["refused"] or found["opted_out"]:
        said = found["refused"] + found["opted_out"]
        never = say("{n} never want to be asked again", n=number_text(found["opted_out"]))
        note = never if found["opted_out"] else ""
        rows.append(_step(say("Did not want to answer"), _people(said), said, people, note))
    if found["reminded"]:
        rows.append(
            _step(
                say("Were silent and got a reminder"), _people(found["reminded"]), found["reminded"], people
            )
        )
        late = found["after_reminder"]
        note = say("{share} of those reminded", share=share_text(late / found["reminded"]))
        rows.append(_step(say("Answered after a reminder"), _people(late), late, people, note))
    by = " · ".join(f"{_channel(name)} {number_text(n)}" for name, n in found["answered_by"].items())
    rows.append(_step(say("Answered, in all"), _people(found["answered"]), found["answered"], people, by))
    return rows


def _step(label: str, value: str, count: int, whole: int, note: str = "") -> dict[str, Any]:
    return {"label": label, "value": value, "share": count / whole if whole else 0.0, "note": note}


def _clients(count: int) -> str:
    return i18n.plural(language(), "{n} client", "{n} clients", count)


def _people(count: int) -> str:
    return i18n.plural(language(), "{n} person", "{n} people", count)


def _channel(name: str) -> str:
    return say(CHANNELS[name]) if name in CHANNELS else name


def _rates(found: Report) -> dict[str, Any]:
    """The four rates once everybody has an outcome, with how each is worked out."""
    rates: Mapping[str, Any] = found.shown.get("rates") or {}
    ends = dispositions(found.shown.get("outcomes") or {}, (found.shown.get("calls") or {}).get("silent"))
    if found.standing not in ("preliminary", "frozen", "cancelled") or rates.get("rr1") is None:
        return {}
    return {
        "rows": [
            {"label": say(words), "value": share_text(rates[name]), "name": say(title), "formula": _formula(name, ends)}
            for name, (words, title) in RATES.items()
            if rates.get(name) is not None
        ],
        "parts": _ends(ends),
    }  # fmt: skip


def _formula(name: str, ends: Dispositions) -> str:
    reached = [say("answered"), say("declined"), say("put off")]
    everybody = [*reached, say("silent"), say("not known")]
    above = {"rr1": reached[:1], "coop1": reached[:1], "ref1": [reached[1]], "con1": reached}[name]
    below = reached if name == "coop1" else everybody
    values = dict(zip(everybody, _numbers(ends), strict=True))
    words = f"{_sum(above)} ÷ {_sum(below)}"
    numbers = [_sum([number_text(values[one]) for one in part]) for part in (above, below)]
    return f"{words} = {numbers[0]} ÷ {numbers[1]}"


def _sum(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"


def _numbers(ends: Dispositions) -> tuple[int, ...]:
    return ends.complete + ends.partial, ends.refusal, ends.other, ends.non_contact, ends.unknown


def _ends(ends: Dispositions) -> list[list[str]]:
    """What each part of the formulas counts."""
    words = (
        say("answered"), say("declined: by themselves, or wanted no questions at all"),
        say("put off to the next survey, or spoke to us on the phone and never answered"),
        say("silent, with every letter and call planned for them"),
        say("not known: the survey ended before their letters had all left"),
    )  # fmt: skip
    return [[one, number_text(count)] for one, count in zip(words, _numbers(ends), strict=True)]


def _manager(names: Mapping[int, str]) -> Any:
    return lambda key: names.get(int(key), "") or (say("Employee {id}", id=key) if key else "")


def _inside(found: Report) -> dict[str, Any]:
    """Clients several of whose people answered, and those whose people disagree (product.md N1)."""
    kept: Mapping[str, Any] = found.shown.get("inside") or {}
    if not kept.get("several"):
        return {}
    return {
        "several": i18n.plural(
            language(), "Of {n} client more than one person answered.", "Of {n} clients more than one person answered.",
            kept["several"],
        ),
        "split": i18n.plural(
            language(), "In {n} of them people disagree so much that it is a case of its own.",
            "In {n} of them people disagree so much that it is a case of its own.", kept["split"],
        ) if kept["split"] else say("They agree by and large."),
        "rows": [
            {"kind": one.key.kind, "card": one.key.id, "client": one.name, "people": one.people,
             "low": min(score for _, score in one.people), "high": max(score for _, score in one.people)}
            for one in found.split
        ],
    }  # fmt: skip


def _corrected(found: Report) -> dict[str, Any]:
    """What has become of answers since the result was frozen, beside it (product.md W14)."""
    if found.standing != "frozen" or not found.corrections:
        return {}
    now, was = found.live["clients"], found.shown["clients"]
    moved = ""
    if found.everyone and found.corrected:
        change = signed(float(now["nps"]) - float(was["nps"]), 1)
        moved = say(
            "With these corrections the NPS would be {value}: {change} points.", value=number_text(now["nps"], 1),
            change=change,
        )  # fmt: skip
    elif found.everyone:
        moved = say("They do not move the NPS.")
    return {"moved": moved, "rows": found.corrections}


def _out(found: Report) -> list[dict[str, Any]]:
    """Who was not asked, by reason, the most frequent first, with some names (product.md E4)."""
    named: dict[str, list[str]] = {}
    for one in found.left_out:
        by_hand = (
            exclusion_words.detail(one.detail) if one.reason == "excluded_by_hand" and one.detail else ""
        )
        name = one.client or say("Client {id}", id=one.client_id)
        named.setdefault(one.reason, []).append(f"{name} ({by_hand})" if by_hand else name)
    counts = sorted(
        ((code, n) for code, n in found.reasons.items() if code in REASONS), key=lambda item: -item[1]
    )
    return [
        {"reason": say(REASONS[code]), "count": number_text(n), "names": named.get(code, []),
         "more": n > len(named.get(code, []))}
        for code, n in counts
    ]  # fmt: skip
