"""One line for everything that happened with a client, the youngest first (product.md W15)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from integration.services import returned_letters
from integration.services.card_read import Read
from integration.services.card_types import Event

MOST = 200  # lines; what is older stands in the survey's own pages


def events(read: Read) -> tuple[Event, ...]:
    """All events, at most two hundred; codes with facts, no words."""
    found = [
        *_acts(read), *_answers(read), *_outcomes(read), *_tasks(read), *_letters(read), *_lists(read),
        *_replies(read), *_calls(read),
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda event: event.at, reverse=True)[:MOST])


def _lists(read: Read) -> Iterator[Event]:
    for one in read.lines:
        if one.wave.frozen_at is not None and one.wave.origin != "import":
            code = "listed" if one.line.eligible else "left_out"
            yield Event(one.wave.frozen_at, code, {"wave": one.wave.name, "reason": one.line.reason})


def _letters(read: Read) -> Iterator[Event]:
    names = {one.invitation.id: one.invitation.name for one in read.asked}
    for row in read.letters:
        facts = {"letter": row.kind, "person": names.get(row.invitation_id or 0, ""), "sender": row.sender}
        if row.status == "done":
            yield Event(row.sent_at or row.handed_at or row.due_at, "letter", facts)
        elif row.status in ("unknown", "buried"):
            yield Event(row.handed_at or row.due_at, f"letter_{row.status}", facts)


def _replies(read: Read) -> Iterator[Event]:
    """What came back to the letters: words of people, and letters that returned (product.md W18)."""
    names = {one.invitation.id: one.invitation.name for one in read.asked}
    for row in read.replies:
        facts = {"person": names.get(row.invitation_id or 0, "")}
        if row.kind != returned_letters.KIND:
            yield Event(row.received_at, f"replied_{row.kind}", facts)
        elif row.status in ("noted", returned_letters.CONFIRMED):  # any other one is not proven
            yield Event(row.received_at, "returned", facts)


def _calls(read: Read) -> Iterator[Event]:
    """Every call with who made it; one that was taken back stays, and says so (product.md W7, W15)."""
    names = {one.invitation.id: one.invitation.name for one in read.asked}
    for row in read.attempts:
        facts: dict[str, Any] = {
            "person": names.get(row.invitation_id, ""), "number": row.number, "call": row.outcome,
            "who": row.caller_name or row.caller, "note": row.note, "back": row.call_back_at,
        }  # fmt: skip
        yield Event(row.ended_at, "call", facts)
        if row.undone_at is not None:
            yield Event(row.undone_at, "call_undone", {**facts, "who": row.undone_by})


def _answers(read: Read) -> Iterator[Event]:
    for one in read.asked:
        if one.response is None:
            continue
        facts: dict[str, Any] = {"person": one.invitation.name, "channel": one.response.channel}
        versions = read.versions.get(one.response.id, [])
        if not versions:  # imported
            yield Event(
                one.response.answered_at, "answer", {**facts, "score": one.response.score, "author": "client"}
            )
        before: int | None = None
        for version in versions:
            told = {
                **facts, "score": version.score, "before": before, "author": version.author,
                "reason": version.reason, "flag": version.flag,
            }  # fmt: skip
            if version.status != "counted":
                yield Event(version.at, version.status, told)
                continue
            first = before is None
            code = "answer" if first and version.reason == "" else "confirmed" if first else "correction"
            yield Event(version.at, code, told)
            before = version.score


def _outcomes(read: Read) -> Iterator[Event]:
    for one in read.asked:
        invitation = one.invitation
        if invitation.outcome and invitation.outcome != "answered" and invitation.outcome_at:
            yield Event(
                invitation.outcome_at, "outcome", {"outcome": invitation.outcome, "person": invitation.name}
            )


def _tasks(read: Read) -> Iterator[Event]:
    for row in read.tasks:
        facts = {"kind": row.kind, "owner": read.names.get(row.owner_id, "")}
        yield Event(row.opened_at, "task_opened", facts)
        if row.closed_at is not None:
            yield Event(row.closed_at, f"task_{row.status}", facts)


def _acts(read: Read) -> Iterator[Event]:
    names = {person.contact_id: person.full_name for person in read.people}
    for hold in read.holds:
        yield Event(hold.set_at, "hold", {"until": hold.until, "who": hold.who, "reason": hold.reason})
        replaced = any(other.set_at == hold.lifted_at for other in read.holds)
        if hold.lifted_at is not None and not replaced:
            yield Event(hold.lifted_at, "hold_lifted", {"who": hold.lifted_by})
    for act in read.acts:
        facts = {"who": act.who, "reason": act.reason, "person": names.get(act.contact_id, "")}
        yield Event(act.at, act.what, facts)
    words = [said for said in read.opt_outs.values() if said.source != "staff"]
    # One word stands under the address and under the number.
    for at, contact_id in dict.fromkeys((said.said_at, said.contact_id) for said in words):
        yield Event(at, "opted_out", {"person": names.get(contact_id or 0, "")})
