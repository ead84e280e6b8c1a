"""The rights Molva asks a portal for: these and no other, each with its reason (bitrix24.md 15.3, 15.4).

The one list behind the local application's form, the version card of the Market, the privacy policy and the
sandbox. A test compares it with the methods that are called: nothing is missing, nothing is there for later.
"""

from __future__ import annotations

from dataclasses import dataclass

from integration.i18n import mark


@dataclass(frozen=True, slots=True)
class Scope:
    """One right by its code, and what Molva does with it: a message for a catalogue. `optional`: a local application
    may be added without it, and only what the reason names is missing then."""

    code: str
    reason: str
    optional: bool = False


SCOPES: tuple[Scope, ...] = (
    Scope(
        "crm",
        mark(
            "To know who is a client, to whom letters may go and who recommended whom; to write scores, words and "
            "referrals to the cards."
        ),
    ),
    Scope("task", mark("To give somebody a task after an answer and to see when it is done.")),
    Scope(
        "user_basic",
        mark(
            "Letters go in the name of the client’s account manager: with their name, position, e-mail and phone. "
            "The smaller right to users has no e-mail and no phone."
        ),
    ),
    Scope(
        "department",
        mark("To show directors the clients of their people and to know who stands in for whom."),
    ),
    Scope("placement", mark("For the Molva tab in the cards of leads, deals, companies and contacts.")),
    Scope("calendar", mark("To ask nobody on your holidays and outside your working hours.")),
    Scope(
        "bizproc",
        mark("For the rule “Ask the client (Molva)” in the automation of your deals."),
        optional=True,
    ),
)
CODES: tuple[str, ...] = tuple(scope.code for scope in SCOPES)
