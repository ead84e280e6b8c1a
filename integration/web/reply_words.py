"""What pages say of replies: their kind, what we read in them, what came of them."""

from __future__ import annotations

from dataclasses import dataclass

from integration.i18n import mark
from integration.nps.scoring import group
from integration.services.reply_page import Line
from integration.web import card_words
from integration.web.pages import moment_text, say

KINDS = {
    "reply": (mark("reply"), "neutral"), "absence": (mark("automatic answer"), "neutral"),
    "bounce": (mark("letter came back"), "warn"), "complaint": (mark("complaint"), "danger"),
    "refusal": (mark("does not want to answer"), "warn"),
}  # fmt: skip
STATES = {
    "recorded": mark("Score written down by {who}, {when}"),
    "refused": mark("Refusal noted by {who}, {when}"),
    "opted_out": mark("Never asked again: noted by {who}, {when}"),
    "returned": mark("Noted by {who}, {when}: the address does not work; no more letters are sent to it."),
    "dismissed": mark("Put aside by {who}, {when}"),
}
NOTED = {
    "absence": mark("Nothing to decide: the letters go on as planned."),
    "bounce": mark("The address is marked as not working; no more letters are sent to it."),
}
SCORES = [[str(number), str(number)] for number in range(10, -1, -1)]
NOTHING = mark("The letter has no words of its own.")


@dataclass(frozen=True, slots=True)
class Told:
    """A reply in words: badge, what we read, what came of it; `group` of the proposed score."""

    row: Line
    kind: str
    tone: str
    when: str
    said: str
    group: str
    end: str
    waits: bool
    returned: bool
    can_record: bool
    answered: str


def line(one: Line) -> Told:
    """One reply in words."""
    reply = one.reply
    kind, tone = KINDS.get(reply.kind, KINDS["reply"])
    return Told(
        row=one, kind=say(kind), tone=tone, when=moment_text(reply.received_at),
        said=reply.words or say(NOTHING), group="" if reply.proposed is None else group(reply.proposed),
        end=_end(one), waits=reply.status == "new", returned=reply.kind == "bounce",
        can_record=reply.status == "new" and one.recordable and not one.own and reply.kind != "bounce",
        answered="" if reply.kind == "bounce" else _answered(one),
    )  # fmt: skip


def _end(one: Line) -> str:
    reply = one.reply
    if reply.status == "noted":
        return say(NOTED.get(reply.kind, NOTED["absence"]))
    if reply.status not in STATES or reply.settled_at is None:
        return ""
    return say(STATES[reply.status], who=card_words.who(reply.settled_by), when=moment_text(reply.settled_at))


def _answered(one: Line) -> str:
    """Why no score can be written down, while the reply still waits."""
    if one.score is not None:
        return say(
            "There is an answer already: {score} of 10. A correction is made in the client’s card.",
            score=one.score,
        )
    if one.outcome in ("answered", "opted_out", "excluded"):
        outcome = card_words.of(card_words.OUTCOMES, one.outcome)
        return say("The survey has ended for this person: {outcome}.", outcome=outcome)
    if one.recordable:
        return ""
    return say("The survey {wave} is over; its answers are corrected in the client’s card.", wave=one.wave)
