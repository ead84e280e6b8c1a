"""What is said about an index wherever it stands: how final and sure it is, on what it rests, how it moved (N)."""

from __future__ import annotations

from integration import i18n
from integration.nps.headline import Moved
from integration.nps.statistics import Interval
from integration.services.report_types import Coverage, WaveView
from integration.web.pages import day_text, language, number_text, say, share_text


def badge(wave: WaveView) -> dict[str, str]:
    """Whether a result is final (product.md W14)."""
    if wave.imported:
        return {"text": say("from an earlier survey"), "tone": "neutral"}
    if wave.frozen:
        return {"text": say("final"), "tone": "good"}
    if wave.stage == "closed" and wave.frozen_on:
        day = day_text(wave.frozen_on)
        return {"text": say("preliminary until {day}", day=day), "tone": "warn"}
    return {"text": say("preliminary"), "tone": "warn"}


def few(n: int, least: int) -> str:
    """What stands in the place of an index that would rest on too few answers."""
    said = i18n.plural(language(), "{n} answer so far.", "{n} answers so far.", n)
    return f"{said} " + say(
        "The NPS is shown from {least} answers on: fewer say nothing about all clients.",
        least=number_text(least),
    )


def lies(interval: Interval, limits: Interval | None, n: int, base: int) -> str:
    """Where the index lies, in one sentence; `limits`: nothing where nobody knows how many of `base` were asked."""
    low, high = (number_text(round(one)) for one in interval)
    if limits is None:
        return say(
            "With 95 % certainty the NPS lies between {low} and {high}, if those who answered are like the rest. "
            "How many clients were asked is not known.",
            low=low, high=high,
        )  # fmt: skip
    if n >= base:
        return say("Every client asked has answered, so this is the NPS of all of them.")
    least, most = (number_text(round(one)) for one in limits)
    return say(
        "With 95 % certainty the NPS of all clients asked lies between {low} and {high}. Whatever the silent "
        "ones think, it cannot be below {least} or above {most}.",
        low=low, high=high, least=least, most=most,
    )  # fmt: skip


def direction(moved: Moved | None) -> str:
    """The tone of a change that is hardly chance; empty for any other."""
    if moved is None or moved.chance or round(moved.difference) == 0:
        return ""
    return "good" if moved.difference > 0 else "danger"


def moved(found: Moved, since: str) -> str:
    """The change in one plain sentence, and whether it may be chance (product.md N4)."""
    code, points = language(), round(abs(found.difference))
    if points == 0:
        said = say("As high as in {wave}.", wave=since)
    elif found.difference > 0:
        said = i18n.plural(
            code, "{n} point more than in {wave}.", "{n} points more than in {wave}.", points, wave=since
        )
    else:
        said = i18n.plural(
            code, "{n} point less than in {wave}.", "{n} points less than in {wave}.", points, wave=since
        )
    if found.both:
        said += " " + say(
            "Of {both} clients who answered both times, {rose} rose and {fell} fell.",
            both=number_text(found.both), rose=number_text(found.rose), fell=number_text(found.fell),
        )  # fmt: skip
    if points:
        said += " " + (say("This may be chance.") if found.chance else say("This is hardly chance."))
    return said


def coverage(found: Coverage) -> list[dict[str, str]]:
    """What the index rests on (product.md E7): rows of label, value, note."""
    if not found.known:
        note = say("how many were asked is not known")
        return [{"label": say("Clients answered"), "value": number_text(found.answered), "note": note}]
    share = found.answered / found.asked if found.asked else 0.0
    people = found.people_answered / found.people if found.people else 0.0
    rows = [
        {
            "label": say("Clients answered"), "value": number_text(found.answered),
            "note": say("of {n} · {share}", n=number_text(found.asked), share=share_text(share)),
        },
        {
            "label": say("People answered"), "value": number_text(found.people_answered),
            "note": say("of {n} · {share}", n=number_text(found.people), share=share_text(people)),
        },
        {"label": say("Taken off the list"), "value": number_text(found.excluded), "note": _taken_off(found)},
    ]  # fmt: skip
    if found.revenue_share is not None:
        note = say("of the yearly revenue of those asked")
        rows.insert(
            2, {"label": say("Their revenue"), "value": share_text(found.revenue_share), "note": note}
        )
    return rows


def _taken_off(found: Coverage) -> str:
    """Of how many, and whether answers of theirs count nevertheless (product.md N2)."""
    if found.off_list:
        said = number_text(found.off_list)
        return say("of {n} on the list; {k} had answered, and it counts", n=number_text(found.listed), k=said)
    return say("of {n} on the list", n=number_text(found.listed))
