"""The words and the way out of everything that has to be settled, by kind (`services.decisions`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.web.pages import language, say


@dataclass(frozen=True, slots=True)
class Words:
    """How one kind is said: a heading (empty: it is counted, see `_counted`), a line, and the button."""

    heading: str
    line: str
    glyph: str = "warn"
    label: str = ""
    path: str = ""


def told(kind: str, count: int, values: Mapping[str, Any]) -> tuple[Words, str, str]:
    """The words of a kind with heading and line in the language of this request."""
    words = WORDS[kind]
    heading = say(words.heading, **values) if words.heading else _counted(kind, count)
    return words, heading, say(words.line, **values)


def _counted(kind: str, count: int) -> str:
    code = language()
    match kind:
        case "letters_unknown":
            return i18n.plural(
                code, "{n} letter may have left, or may not", "{n} letters may have left, or may not", count
            )
        case "letters_buried":
            return i18n.plural(code, "{n} letter could not be sent", "{n} letters could not be sent", count)
        case "calls_buried":
            return i18n.plural(
                code, "{n} entry has not reached Bitrix24", "{n} entries have not reached Bitrix24", count
            )
        case "rehearsal_errors":
            return i18n.plural(
                code, "The rehearsal found {n} mistake", "The rehearsal found {n} mistakes", count
            )
        case "replies":
            return i18n.plural(
                code, "{n} reply to a letter waits for you", "{n} replies to letters wait for you", count
            )
        case "thanks":
            return i18n.plural(
                code, "{n} recommendation to thank for", "{n} recommendations to thank for", count
            )
        case "colleague":
            return i18n.plural(
                code,
                "{n} client named a colleague to be asked instead",
                "{n} clients named a colleague to be asked instead",
                count,
            )
        case "project_many":
            return i18n.plural(
                code, "{n} deal was moved at once with others", "{n} deals were moved at once", count
            )
        case "project_held":
            return i18n.plural(
                code, "{n} answer about a project to confirm", "{n} answers about projects to confirm", count
            )
        case "nobody_signs":
            return i18n.plural(
                code, "Nobody signs letters to {n} client", "Nobody signs letters to {n} clients", count
            )
        case "direct":
            return i18n.plural(code, "{n} message to the head waits", "{n} messages to the head wait", count)
        case _:
            return i18n.plural(
                code, "{n} answer waits for confirmation", "{n} answers wait for confirmation", count
            )


WAVE = "/app/wave/{wave}"
OUTBOX = "/app/settings/outbox"
LOOK = mark("Look at it")

WORDS: dict[str, Words] = {
    "worker": Words(
        mark("Nothing is sent or read at the moment"),
        mark("The background process of Molva is not running. Whoever runs this Molva has to start it."),
    ),
    "setup": Words(
        mark("Not everything is set up in Bitrix24"),
        mark("Bitrix24 refused a part of it: {problem}."),
        label=mark("See what is missing"), path="/app/settings/setup",
    ),
    "letters_unknown": Words(
        "", mark("The connection broke while they were handed over. Somebody decides whether they go again."),
        "letter", label=LOOK, path=OUTBOX,
    ),
    "letters_buried": Words(
        "", mark("Mostly the address is wrong or the mailbox is gone. These letters have not arrived."),
        "letter", label=LOOK, path=OUTBOX,
    ),
    "calls_buried": Words(
        "", mark("Scores, comments or tasks are missing in the portal until it has been sent again."),
        label=LOOK, path=OUTBOX,
    ),
    "rehearsal_errors": Words(
        "", mark("The survey {wave} cannot be approved before they are settled. It is to be announced on {announce}."),
        label=mark("See the mistakes"), path=WAVE,
    ),
    "held": Words(
        "", mark("We are not sure that a person gave it. It counts once somebody who knows confirms it."),
        "shield", label=mark("Look and confirm"), path=WAVE,
    ),
    "replies": Words(
        "", mark("Clients have answered a letter by e-mail. A score counts once somebody writes it down."), "letter",
        label=mark("Read"), path="/app/replies",
    ),
    "colleague": Words(
        "", mark("Choose the contact whom we ask in the survey {wave}, or leave it."), "person",
        label=mark("Look and decide"), path="/app/wave/{wave}/colleagues",
    ),
    "project_many": Words(
        "", mark("So many at once are mostly a mass move or an import. Nobody is asked about them before you say so."),
        "shield", label=mark("Look and decide"), path="/app/projects",
    ),
    "project_held": Words(
        "", mark("We are not sure that a person gave it. It counts once somebody who knows confirms it."),
        "shield", label=mark("Look and confirm"), path="/app/projects",
    ),
    "direct": Words(
        "", mark("We are not sure that a person wrote it, or nobody could be given the task."), "letter",
        label=mark("Read"), path="/app/direct",
    ),
    "thanks": Words(
        "", mark("Somebody brought you a client who has come further, and nobody has said thanks yet."), "heart",
        label=mark("Whom to thank"), path="/app/referrals/thanks",
    ),
    "no_sender": Words(
        mark("Nobody signs the letters yet"),
        mark("Name the person who signs them. Until then the survey cannot be announced."),
        "person", label=mark("Choose who signs"), path="/app/settings/senders",
    ),
    "signer_left": Words(
        mark("{name} does not work here any more"),
        mark(
            "Letters of the survey {wave} that wait in this name do not leave: somebody else whom you have named "
            "signs them. Choose who does."
        ),
        "person", label=mark("Choose who signs"), path="/app/settings/senders",
    ),
    "nobody_signs": Words(
        "",
        mark("Letters of the survey {wave} to them wait until somebody signs who works here and does not serve them."),
        "person", label=mark("Choose who signs"), path="/app/settings/senders",
    ),
    "no_mail": Words(
        mark("There is no mail server"),
        mark("Letters wait until whoever runs this Molva names one."), "letter",
    ),
    "mailbox": Words(
        mark("Letters of {name} do not leave"),
        mark("Their own mail server cannot be reached or does not let us in. The letters wait."),
        "letter", label=mark("Way and pace"), path="/app/settings/senders",
    ),
    "making_failed": Words(
        mark("The list of the survey {wave} could not be made"),
        mark("Bitrix24 did not give the addresses of the people. Try again."),
        label=mark("Open the survey"), path=WAVE,
    ),
    "rehearse": Words(
        mark("Look through the survey {wave}"),
        mark("Who would be asked, who signs, how the letters read. The announcement is planned for {announce}."),
        "list", label=mark("Rehearse"), path=WAVE,
    ),
    "approve": Words(
        mark("Approve the survey {wave}"),
        mark("The list is ready. With your approval the announcement leaves on {announce}, without it nothing does."),
        "check", label=mark("Look and approve"), path=WAVE,
    ),
    "plan_is_past": Words(
        mark("The survey {wave} has missed its day"),
        mark("It was to begin on {start} and nobody approved it. Cancel it, and the next one is planned by itself."),
        "calendar", label=mark("Open the survey"), path=WAVE,
    ),
    "paused": Words(
        mark("The survey {wave} is paused"),
        mark("Nothing is sent until somebody resumes it. What was still to come moves by as long."),
        "pause", label=mark("Open the survey"), path=WAVE,
    ),
}  # fmt: skip
