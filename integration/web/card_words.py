"""The words of a card's tab: codes and facts of `services.card_types` as sentences (product.md E4, W15)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from integration.i18n import mark
from integration.nps.people import ClientKey
from integration.nps.standing import NextStep, Standing
from integration.services.card_texts import name_said
from integration.services.card_types import CardView
from integration.services.questions import ExtraSaid, Field
from integration.services.survey_types import Extra
from integration.web import exclusion_words, extra_words
from integration.web.pages import day_text, say

ROLES = {"decides": mark("decides"), "daily": mark("works with us daily"), "other": mark("other role")}
CHANNELS = {
    "phone": mark("by phone"), "email": mark("by e-mail"), "link": mark("by personal link"),
    "messenger": mark("by messenger"), "import": mark("imported"), "in_person": mark("in person"),
}  # fmt: skip
SINCE = {
    "since_field": mark("as the card says"), "won": mark("the first deal won"),
    "service": mark("the first day in service"), "begin": mark("the deal’s begin date"),
}  # fmt: skip
HELD = {
    "no_script": mark("sent without a script, not confirmed yet"),
    "replay": mark("sent a second time by a machine"),
    "too_fast": mark("sent faster than a person can"),
    "scanner": mark("sent by a mail scanner"),
    "after_human": mark("came after the person’s own answer"),
}
REASONS = {
    "not_current": mark("no work going on"), "too_new": mark("a client for too short a time"),
    "asked_recently": mark("asked not long ago"), "opted_out": mark("wants no questions"),
    "on_hold": mark("on hold"), "no_respondent": mark("nobody to ask"), "no_channel": mark("no e-mail"),
    "excluded_by_hand": mark("taken out by hand"),
}  # fmt: skip
LETTERS = {
    "announcement": mark("announcement"), "invitation": mark("the question"), "reminder": mark("reminder"),
    "last_reminder": mark("last reminder"),
    "project_invitation": mark("the question about the project"),
    "project_reminder": mark("reminder about the project"),
    "thanks_detractor": mark("thanks"), "thanks_passive": mark("thanks"),
    "thanks_promoter": mark("thanks"), "thanks_phone": mark("thanks for the talk"),
}  # fmt: skip
LETTER_STATES = {
    "sent": mark("sent"), "waiting": mark("about to leave"), "failed": mark("did not arrive"),
    "unknown": mark("may not have arrived"), "cancelled": mark("taken back"),
}  # fmt: skip
OUTCOMES = {
    "answered": mark("answered"), "refused": mark("did not want to answer"),
    "opted_out": mark("wants no questions"), "excluded": mark("taken out by hand"),
    "postponed": mark("postponed to the next survey"), "unreachable": mark("could not be reached"),
    "no_answer": mark("did not answer"), "closed_early": mark("the survey was ended early"),
}  # fmt: skip
TASKS = {
    "detractor_meeting": mark("Meeting with the client"), "passive_call": mark("Call to the client"),
    "promoter_thanks": mark("Personal thanks"), "silent_check": mark("How is the work going?"),
    "disagreement": mark("Hear both sides"), "direct_line": mark("Answer to the client"),
}  # fmt: skip
TASK_STATES = {
    "open": (mark("in work"), "brand"), "task_done": (mark("done"), "good"), "closed": (mark("settled"), "good"),
    "cancelled": (mark("called off"), "neutral"), "overdue": (mark("overdue"), "danger"),
}  # fmt: skip
SOURCES = {
    "client": mark("a client recommended us"), "former_client": mark("a former client recommended us"),
    "partner": mark("a partner recommended us"), "employee": mark("one of our people recommended us"),
    "rating": mark("a rating or publication"), "event": mark("an event"), "other": mark("another source"),
    "unknown": mark("the source is not known"),
}  # fmt: skip
STANDINGS = {
    "answered": (mark("Answered"), "good"), "asked": (mark("Being asked"), "brand"),
    "finished": (mark("Asked, no answer"), "neutral"), "out": (mark("Not asked"), "warn"),
    "not_listed": (mark("Not on the list"), "neutral"), "would": (mark("Will be asked"), "good"),
    "would_not": (mark("Not asked for now"), "warn"),
}  # fmt: skip
DENIALS = {
    "own_client": mark(
        "This is your own client, so somebody else writes down and corrects its scores: a colleague, "
        "the account director or the head."
    ),
    "directors_only": mark("Scores are corrected by the account director, the head or an administrator."),
    "administrators_only": mark("Only an administrator can let us ask somebody again who said never."),
    "not_yours": mark("This is done by the client’s own manager, the account director or the head."),
    "callers": mark("This is not part of the call desk."),
    "no_client": mark("There is no client behind this card."),
}
SAID = {
    "hold": (mark("Saved. The client is not asked before that day."), "good"),
    "lift": (mark("Saved. The client may be asked again."), "good"),
    "opt_out": (mark("Saved. This person is never asked again."), "good"),
    "opt_back": (mark("Saved. This person may be asked again, from the next survey on."), "good"),
    "record": (mark("The answer is written down. It is on its way to the cards."), "good"),
    "correct": (mark("The answer is corrected. It is on its way to the cards."), "good"),
    "confirm": (mark("The answer counts now. It is on its way to the cards."), "good"),
    "reject": (mark("The answer does not count. The person can still answer."), "good"),
    "restore": (mark("Our score is on its way to the card."), "good"),
    "revoke_link": (mark("The link is ended. Whoever opens it reads that it was withdrawn."), "good"),
    "renew_link": (mark("There is a new link. The old one is ended; letters that wait are written with the new one."),
                   "good"),
    "renew_direct": (mark("There is a new address. The old one is ended; the next letter names the new one."), "good"),
    "closed": (mark("This answer cannot be written down any more: the person has answered, or the survey is over."),
               "warn"),
    "changed": (mark("Somebody has changed this answer meanwhile. Look at it again before you go on."), "warn"),
    "unknown": (mark("This is not there any more. Nothing has been changed."), "warn"),
    "gone": (mark("The client’s card is gone. Nothing has been changed."), "warn"),
    "denied": (mark("You cannot do this here"), "danger"),
}  # fmt: skip
PROBLEMS = {
    "missing": mark("Choose a day."), "past": mark("Choose a day after today."),
    "too_far": mark("At most a year ahead. Whoever wants no questions at all is marked among the people below."),
    "no_reason": mark("Say in a few words why."), "reason_too_long": mark("Please keep it under 500 characters."),
    "bad_score": mark("Choose a score from 0 to 10."), "missing_score": mark("Choose a score from 0 to 10."),
    "too_long": mark("Please keep it under 4,000 characters."),
}  # fmt: skip


def known(client: ClientKey | None) -> ClientKey:
    """The client of a subject that was checked to have one."""
    if client is None:
        raise LookupError("a card without a client")
    return client


def of(table: Mapping[str, str], code: str) -> str:
    """A word of one of the tables above; the code itself if it is none of ours."""
    return say(table[code]) if code in table else code


def who(author: str) -> str:
    """A name as people say it, without the portal's number; the client is "the client"."""
    return say("the client") if author == "client" else name_said(author)


def said(code: str, status: int = 200) -> dict[str, Any]:
    """The notice after an act."""
    text, tone = SAID.get(code, SAID["unknown"])
    return {"status": status, "notice": {"tone": tone, "heading": say(text)}}


def denied(code: str) -> dict[str, Any]:
    """The notice for somebody who may not do this."""
    line = say(DENIALS.get(code, DENIALS["not_yours"]))
    return {"notice": {"tone": "danger", "heading": say(SAID["denied"][0]), "line": line}}


def hold_problem(code: str | None) -> dict[str, Any]:
    """What is wrong with a hold, at its field."""
    field = "reason" if code in ("no_reason", "reason_too_long") else "until"
    return field_problem(field, code or "missing")


def field_problem(field: str, code: str) -> dict[str, Any]:
    """One field that has to be filled otherwise."""
    text = PROBLEMS["bad_score"] if field == "score" else PROBLEMS.get(code, PROBLEMS["no_reason"])
    heading = {"tone": "danger", "heading": say("Nothing has been saved yet."), "line": say(text)}
    return {"problems": {field: say(text)}, "notice": heading}


def why(stands: Standing, view: CardView) -> str:
    """The one reason in a sentence, with its facts (product.md E4)."""
    facts = {name: readable(value) for name, value in stands.facts.items()}
    reason = stands.reason or ""
    if reason == "on_hold":
        return _on_hold(str(stands.facts.get("why", "")), facts, view)
    if reason == "too_new" and "since" in facts and "from" in facts:
        return say("With us since {since}. Clients this new are asked from {day} on.",
                   since=facts["since"], day=facts["from"])  # fmt: skip
    if reason == "asked_recently" and "asked_on" in facts:
        if "again_on" in facts:
            return say("Was asked on {asked}; the next time is {again} at the earliest.",
                       asked=facts["asked_on"], again=facts["again_on"])  # fmt: skip
        return say("Was asked on {asked}, and that is not long ago.", asked=facts["asked_on"])
    if reason == "excluded_by_hand":
        if by_itself := exclusion_words.by_itself(str(facts.get("who", "")), str(facts.get("why", ""))):
            return by_itself
        return say("{who} has taken the client out of this survey: {why}",
                   who=who(str(facts.get("who", ""))), why=facts.get("why", ""))  # fmt: skip
    if reason == "opted_out" and facts.get("by_person"):
        return say("Everybody who could be asked has said that they want no more questions.")
    return of(_WHY, reason) if reason else ""


_WHY = {
    "not_current": mark("There is no work going on: no open deal in service, and none that ended lately."),
    "too_new": mark("Nothing on the cards says since when this client has been with us."),
    "asked_recently": mark("Was asked not long ago, also counting other cards of the same person."),
    "opted_out": mark("The client’s card says: never ask again."),
    "on_hold": mark("The client is on hold for now."),
    "no_respondent": mark("The company has no contact whom we could ask. Add one to its card."),
    "no_channel": mark("None of the contacts has an e-mail we can write to. Add one to a contact’s card."),
}


def _on_hold(code: str, facts: Mapping[str, Any], view: CardView) -> str:
    until = facts.get("until")
    if code == "open_follow_up":
        return say("A task from an earlier answer is still open. First it is settled, then we ask again.")
    if code == "critical_task":
        return say(
            "A task of high priority for this client is overdue. First it is settled, then we ask again."
        )
    if code == "trouble_stage":
        return say("A deal is in a stage marked as trouble. We ask when it has left it.")
    if until and view.hold is not None and view.hold.by is not None:
        return say("Not to be asked before {day}: {why} ({who}).",
                   day=until, why=view.hold.by.reason, who=who(view.hold.by.who))  # fmt: skip
    return say("Not to be asked before {day}.", day=until) if until else say(_WHY["on_hold"])


def line(stands: Standing, view: CardView) -> str:
    """The sentence under the standing, beside the reason."""
    if stands.code == "would":
        if stands.next_ask:
            return say("Everything fits for the survey that begins with a letter on {day}. Whether the contacts "
                       "have an e-mail is checked when the list is drawn.",
                       day=day_text(stands.next_ask))  # fmt: skip
        return say("Everything fits. When a survey is planned, this client will be on its list, as long as one of "
                   "the contacts has an e-mail.")  # fmt: skip
    if stands.code == "not_listed":
        drawn = day_text(stands.as_of)
        return say(
            "The list was drawn on {day} without this client. It comes into the next survey.", day=drawn
        )
    if stands.code == "would_not" and stands.clears_on is not None and stands.next_ask is not None:
        if stands.in_time:
            return say("This will be over before the next survey, which begins on {day}.",
                       day=day_text(stands.next_ask))  # fmt: skip
        return say(
            "This will still be so when the next survey begins on {day}.", day=day_text(stands.next_ask)
        )
    if stands.code == "out" and stands.as_of is not None:
        return say("So it stood when the list was drawn on {day}.", day=day_text(stands.as_of))
    return ""


def coming(step: NextStep) -> str:
    """What comes next for a respondent."""
    at = day_text(step.on) if step.on else ""
    if not step.step:
        return ""
    if step.why == "paused":
        return say("The survey is paused; nothing is sent.")
    if step.why == "approval":
        return say("Announcement on {day}, once the survey is approved", day=at)
    if step.why == "hold" and step.step == "closing":
        return say("On hold until after the end of this survey; asked in the next one")
    if step.why == "hold":
        return say("Nothing is sent before {day}: on hold", day=at)
    if step.why == "snoozed":
        return say("Asked for another time; once more on {day}", day=at)
    texts = {
        "announcement": mark("Next: announcement on {day}"), "invitation": mark("Next: the question on {day}"),
        "closing": mark("Every letter has gone; the survey ends on {day}"),
    }  # fmt: skip
    return say(texts.get(step.step, mark("Next: reminder on {day}")), day=at)


def readable(value: Any) -> Any:
    """Days in words; everything else as it is."""
    if isinstance(value, date | datetime):
        return day_text(value)
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        try:
            return day_text(date.fromisoformat(value))
        except ValueError:
            return value
    return value


def extra_fields(asked: Extra) -> tuple[Field, ...]:
    """The extra questions of today, in the language of the request (product.md W13)."""
    return extra_words.fields(asked)


def extra_stands(said: Iterable[ExtraSaid]) -> dict[str, str]:
    """What counts of them beside an answer, by key."""
    return {one.question.key: one.value for one in said if not one.held}
