"""What stands in a call centre's sheet, and what people write into it, in each of our languages (product.md W9, P6)."""

from __future__ import annotations

from collections.abc import Mapping

from integration.i18n import LANGUAGES, mark, text
from integration.nps.attempts import CALL_OUTCOMES
from integration.nps.past_answers import fold
from integration.services.questions import YES_NO

#: Outcome -> how the list of the sheet names it, and what it means.
OUTCOMES: Mapping[str, tuple[str, str]] = {
    "answered": (mark("Gave a score"), mark("Write the score, 0 to 10, and what the client said, word for word.")),
    "call_back": (mark("Call back later"), mark("Write when, by the client’s own clock.")),
    "no_answer": (mark("No answer"), mark("We try again later by ourselves.")),
    "busy": (mark("Busy"), mark("We try again soon by ourselves.")),
    "not_now": (mark("No time now"), mark("We leave the client alone for a week.")),
    "asks_email": (mark("By e-mail, please"), mark("The letter with the question leaves; no more calls.")),
    "refused": (mark("Does not want to"), mark("The client is not asked any more in this survey.")),
    "never": (mark("Never again"), mark("The client is never asked again, in no survey.")),
    "wrong_number": (mark("Wrong number"), mark("No more calls to this number.")),
    "out_of_service": (mark("Out of service"), mark("We try once more, then there are no more calls.")),
}  # fmt: skip
_ALSO: Mapping[str, tuple[str, ...]] = {
    "answered": (mark("gave a score"), mark("Answered")), "refused": (mark("does not want to answer"), mark("Refused")),
    "not_now": (mark("no time now"),), "call_back": (mark("asked to be called back"), mark("Call back")),
    "no_answer": (mark("no answer"),), "busy": (mark("line busy"),), "wrong_number": (mark("wrong number"),),
    "out_of_service": (mark("out of service"),), "asks_email": (mark("wants it by e-mail"), mark("By e-mail")),
    "never": (mark("never wants to be asked again"), mark("Never call")),
}  # fmt: skip
ROLES: Mapping[str, str] = {
    "decides": mark("decides"), "daily": mark("works with us daily"), "other": mark("other"),
}  # fmt: skip
EXTRA = mark("Extra question {number}")  # the heading of what is asked besides, in the client's language
YES_NO_ALSO = {"yes": ("y", "1", "true", "да", "так", "д", "т"), "no": ("n", "0", "false", "нет", "ні", "н")}
PEOPLE, CALLS, LEGEND = mark("People"), mark("Calls"), mark("Outcomes")
#: The columns of the first sheet that are for reading, with their widths in characters.
SHOWN: tuple[tuple[str, str, int], ...] = (
    ("code", mark("Code"), 17), ("client", mark("Client"), 28), ("person", mark("Person"), 24),
    ("role", mark("Role"), 14), ("phone", mark("Phone"), 20), ("clock", mark("Clock there"), 24),
    ("hours", mark("Call between (client’s clock)"), 24), ("calls", mark("Calls so far"), 10),
    ("promised", mark("Promised to call (client’s clock)"), 20), ("email", mark("E-mail on the card"), 20),
    ("language", mark("Language"), 12), ("hello", mark("Greeting"), 44), ("about", mark("What it is about"), 44),
    ("question", mark("Question"), 52), ("why", mark("Then ask"), 36), ("thanks", mark("At the end"), 30),
    ("later", mark("No time now"), 30), ("mail", mark("By e-mail, please"), 30),
    ("refusal", mark("Does not want to"), 30), ("never", mark("Never again"), 30),
    ("colleague", mark("Somebody else answers the phone"), 30),
)  # fmt: skip
#: The columns that are filled in, on both sheets.
FILLED: tuple[tuple[str, str, int], ...] = (
    ("date", mark("Date"), 12), ("time", mark("Time (client’s clock)"), 14), ("outcome", mark("Outcome"), 24),
    ("score", mark("Score"), 8), ("comment", mark("Comment"), 60),
    ("call_back", mark("Call back at (client’s clock)"), 22), ("caller", mark("Who called"), 20),
)  # fmt: skip


def outcomes() -> dict[str, str]:
    """What people call outcomes, folded, in every language -> code."""
    found: dict[str, str] = {fold(code.replace("_", " ")): code for code in CALL_OUTCOMES}
    found |= {fold(code): code for code in CALL_OUTCOMES}
    for code in CALL_OUTCOMES:
        for message in (OUTCOMES[code][0], *_ALSO[code]):
            found |= {fold(text(language, message)): code for language in LANGUAGES}
    return found


def yes_no() -> dict[str, str]:
    """What people call yes and no, folded, in every language -> `yes`, `no`."""
    found = {fold(word): code for code, words in YES_NO_ALSO.items() for word in (code, *words)}
    return found | {fold(text(language, YES_NO[code])): code for language in LANGUAGES for code in YES_NO}
