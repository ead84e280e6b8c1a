"""One line of words for everything that happened with a client (product.md W15)."""

from __future__ import annotations

from datetime import datetime

from integration.i18n import mark
from integration.services.card_types import Event
from integration.web import call_words
from integration.web.card_words import HELD, LETTERS, OUTCOMES, REASONS, TASKS, of, readable, who
from integration.web.pages import moment_text, say


def line(one: Event) -> str:
    """One line of what happened."""
    facts = {name: readable(value) for name, value in one.facts.items()}
    facts["person"] = facts.get("person") or say("unknown person")
    for name in ("who", "author", "sender"):
        if name in facts:
            facts[name] = who(str(facts[name]))
    for name, table in (("letter", LETTERS), ("outcome", OUTCOMES), ("reason", REASONS), ("kind", TASKS)):
        if name in facts and (name != "reason" or one.code == "left_out"):
            facts[name] = of(table, str(facts[name]))
    if "call" in facts:
        facts["call"] = call_words.outcome(str(facts["call"]))
    if isinstance(one.facts.get("back"), datetime):
        facts["back"] = moment_text(one.facts["back"])
    if "flag" in facts:
        facts["flag"] = of(HELD, str(facts["flag"]))
    return say(EVENTS[_event_code(one)], **facts)


def _event_code(one: Event) -> str:
    by_client = one.facts.get("author") == "client"
    if one.code == "answer":
        return "answer" if by_client else "answer_by_staff"
    if one.code == "correction":
        same = one.facts.get("before") == one.facts.get("score")
        return ("words" if same else "change") + ("" if by_client else "_by_staff")
    if one.code in ("opt_out", "opt_back", "hold") and not one.facts.get("reason"):
        return f"{one.code}_bare"
    if one.code == "call":
        back = "_back" if one.facts.get("call") == "call_back" and one.facts.get("back") else ""
        return f"call{back}" + ("_note" if one.facts.get("note") else "")
    return one.code if one.code in EVENTS else "other"


EVENTS = {
    "listed": mark("On the list of survey {wave}"),
    "left_out": mark("Not on the list of survey {wave}: {reason}"),
    "letter": mark("Letter to {person}: {letter}"),
    "letter_unknown": mark("Letter to {person}: {letter}. Whether it arrived is not known"),
    "letter_buried": mark("Letter to {person}: {letter}. It did not arrive"),
    "answer": mark("{person}: score {score}"),
    "answer_by_staff": mark("{person}: score {score}, written down by {author}"),
    "change": mark("{person}: score changed from {before} to {score}"),
    "change_by_staff": mark("{person}: score corrected from {before} to {score}. {author}: {reason}"),
    "words": mark("{person}: comment changed"),
    "words_by_staff": mark("{person}: comment corrected. {author}: {reason}"),
    "held": mark("{person}: score {score} is held: {flag}"),
    "rejected": mark("{person}: the held answer does not count ({author})"),
    "confirmed": mark("{person}: score {score} confirmed ({author})"),
    "outcome": mark("{person}: {outcome}"),
    "hold": mark("Not to be asked before {until}: {reason} ({who})"),
    "hold_bare": mark("Not to be asked before {until} ({who})"),
    "hold_lifted": mark("May be asked again ({who})"),
    "opt_out": mark("{person} is never to be asked again: {reason} ({who})"),
    "opt_out_bare": mark("{person} is never to be asked again ({who})"),
    "opt_back": mark("{person} may be asked again: {reason} ({who})"),
    "opt_back_bare": mark("{person} may be asked again ({who})"),
    "revoke_link": mark("Personal link of {person} ended ({who})"),
    "renew_link": mark("{person} got a new personal link ({who})"),
    "renew_direct": mark("New address of the direct line ({who})"),
    "opted_out": mark("{person} asked for no more questions"),
    "replied_reply": mark("{person} wrote back to the letter"),
    "replied_absence": mark("{person} is away: an automatic answer came"),
    "replied_refusal": mark("{person} wrote that they do not want to answer"),
    "replied_complaint": mark("{person} complained about the letter"),
    "returned": mark("The letter to {person} came back: the address does not work"),
    "call": mark("Call {number} to {person}: {call} ({who})"),
    "call_note": mark("Call {number} to {person}: {call}. “{note}” ({who})"),
    "call_back": mark("Call {number} to {person}: to be called back on {back} ({who})"),
    "call_back_note": mark("Call {number} to {person}: to be called back on {back}. “{note}” ({who})"),
    "call_undone": mark("Call {number} to {person} was taken back ({who})"),
    "phone": mark("New number of {person} ({who})"),
    "restore": mark("The score on the card was restored ({who})"),
    "task_opened": mark("Task: {kind} ({owner})"),
    "task_closed": mark("Task settled: {kind}"),
    "task_cancelled": mark("Task called off: {kind}"),
    "other": mark("Something happened"),
}
