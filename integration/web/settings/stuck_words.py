"""What was to be written or sent, why it was not, and what was decided, in words (product.md B4)."""

from __future__ import annotations

from integration.i18n import mark
from integration.services.field_labels import FIELDS
from integration.services.stuck_work import Decided, Entry
from integration.web.pages import moment_text, say

CALLS = {
    "score": mark("Score on the card"),
    "comment": mark("Comment in the timeline"),
    "task": mark("Task"),
    "checklist": mark("Checklist of a task"),
    "wave_task": mark("Task about the survey"),
    "task_change": mark("Task brought up to date after a correction"),
    "wave_task_done": mark("Task about the survey ticked off"),
    "field": mark("Field on the card"),
    "referral": mark("Who recommended"),
    "reminder": mark("Reminder to name who recommended"),
    "ladder": mark("Note on how a recommendation goes"),
    "tally": mark("Number of clients brought"),
    "thanks": mark("Task to say thank you for a recommendation"),
    "thanks_done": mark("Thank-you task ticked off"),
    "todo": mark("Reminder ticked off"),
    "trigger": mark("Trigger of the automation"),
    "robot": mark("Answer to a waiting rule of the automation"),
}
LETTERS = {
    "announcement": mark("Announcement"),
    "invitation": mark("Question"),
    "reminder": mark("Reminder"),
    "last_reminder": mark("Last reminder"),
    "project_invitation": mark("Question about a project"),
    "project_reminder": mark("Reminder about a project"),
    "thanks_promoter": mark("Thanks"),
    "thanks_passive": mark("Thanks"),
    "thanks_detractor": mark("Thanks"),
    "thanks_phone": mark("Thanks for the call"),
    "test": mark("Test letter"),
}
CARDS = {"lead": mark("lead"), "deal": mark("deal"), "company": mark("company"), "contact": mark("contact")}
REASONS = {
    "": mark("It goes as soon as its turn comes."),
    "fields_missing": mark(
        "This field is missing in Bitrix24: {detail}. Repair the set-up, then it goes by itself."
    ),
    "field_ignored": mark(
        "Bitrix24 accepts the value and does not keep it: {detail}. Look whether the field is ours."
    ),
    "unreadable": mark("This entry is damaged and cannot be sent."),
    "unknown_outcome": mark(
        "The connection broke while Bitrix24 was working, and nobody can look it up from here. Look into the card: "
        "if it is not there, send it again."
    ),
    "not_recorded": mark(
        "Bitrix24 has done it, but Molva could not note it down. Send it again to put this right."
    ),
    "failed": mark(
        "Molva could not prepare this. Send it again; if it fails once more, tell whoever runs Molva."
    ),
    "gone": mark("The card does not exist in Bitrix24 any more."),
    "rights": mark("Bitrix24 does not let the application do this. An administrator has to open Molva once."),
    "breaks": mark(
        "Bitrix24 breaks off whenever this is sent, while everything else goes through. Look at the automation of this "
        "card, then send it again."
    ),
    "busy": mark("Bitrix24 has too much to do at the moment; Molva waits until it takes more."),
    "away": mark("Bitrix24 did not answer."),
    "refused": mark("Bitrix24 has refused it."),
    "in_doubt": mark(
        "The connection broke at the very moment the letter was handed over: it may have gone. Look into the "
        "mailbox under “Sent” and decide."
    ),
    "address_refused": mark("The mail server of the client does not know this address."),
    "letter_refused": mark("The mail server does not take this letter."),
    "mail_gave_up": mark("The mail server has not taken the letter for days."),
    "hours": mark("It waits for the hours in which letters may be sent."),
    "hold": mark("It waits: this client is not to be asked for now."),
    "pace": mark("It waits so that the mailbox does not send too many letters at once."),
    "wave_paused": mark("The survey is paused."),
    "server_down": mark("The mail server does not answer."),
    "no_server": mark("No mail server is set up, so letters wait."),
    "connection": mark("The mail server does not answer."),
    "no_sender": mark("Whoever signs it has left, and nobody else may sign it: choose who signs instead."),
    "portal": mark("Bitrix24 does not answer applications at the moment."),
    "portal_unsent": mark(
        "Bitrix24 has put the e-mail into the contact’s card and could not send it. Mostly the sender’s mailbox is not "
        "connected to Bitrix24: connect it, then send the letter again."
    ),
    "portal_doubt": mark(
        "Bitrix24 broke off while it was sending. Before anything goes again, Molva looks into the contact’s card."
    ),
    "portal_refused": mark(
        "Bitrix24 does not send this letter. Look whether the contact’s card still exists, or choose another way for "
        "this sender."
    ),
    "portal_no_employee": mark(
        "The sender is no employee in Bitrix24, so it cannot send in this name. Choose another way for this sender."
    ),
    "portal_dismissed": mark(
        "The sender has left, so Bitrix24 does not send in this name. Choose somebody else who signs."
    ),
    "portal_no_card": mark(
        "Bitrix24 sends letters to contacts with a card only. A test letter goes when the sender has another way."
    ),
    "later": mark("The mail server asks to try again later."),
}
TRIGGER_IN_DOUBT = mark(
    "The connection broke while Bitrix24 was working, so the automation of this deal may have started or not. Look at "
    "the deal: if nothing has happened and something should have, send it again; otherwise leave it as it is."
)
SPOKEN = (
    "refused",
    "address_refused",
    "letter_refused",
    "mail_gave_up",
    "later",
)  # whose detail is somebody's words
DONE = {
    ("resend", "call"): mark("sent again"),
    ("leave", "call"): mark("left as it is"),
    ("resend", "letter"): mark("letter sent again"),
    ("leave", "letter"): mark("letter left as it is"),
    ("was_sent", "letter"): mark("letter noted as sent"),
    ("revive", "address"): mark("address noted as working again"),
}


def kind_name(kind: str, what: str) -> str:
    """What a call writes, or which letter it is."""
    known = LETTERS if what == "letter" else CALLS
    return say(known[kind]) if kind in known else kind


def card_name(entry: Entry) -> str:
    """The card's own name, else its kind and number."""
    if entry.card is None:
        return ""
    return entry.name or f"{say(CARDS[entry.card[0]])} {entry.card[1]}"


def why(entry: Entry) -> str:
    """Why it has not gone."""
    if entry.overtaken:
        return say("A newer value stands in the card by now, so this one is not sent again.")
    if (entry.kind, entry.reason) == ("trigger", "unknown_outcome"):
        return say(TRIGGER_IN_DOUBT)
    text = REASONS.get(entry.reason, REASONS["refused"])
    return say(text, detail=_fields(entry.detail)) if "{detail}" in text else say(text)


def said(entry: Entry) -> str:
    """The portal's or the server's own words, where there are any."""
    return entry.detail if entry.reason in SPOKEN else ""


def decided(one: Decided) -> str:
    """A decision in one line."""
    words = say(DONE.get((one.verb, one.what), one.verb))
    kind, _, lane = one.subject.partition(" ")
    subject = kind_name(kind, one.what) if kind in CALLS or kind in LETTERS else ""
    parts = [moment_text(one.at), one.who, words, " ".join(filter(None, (subject, lane)))]
    return " · ".join(part for part in parts if part)


def _fields(detail: str) -> str:
    """Codes of fields, `UF_X=value` among them, by the names people know."""
    codes = [part.strip().partition("=")[0] for part in detail.split(",")]
    return ", ".join(dict.fromkeys(say(FIELDS[code]) if code in FIELDS else code for code in codes))
