"""Ways of letters in words: what each means, how the last log-in ended, and what to do about it (product.md W19)."""

from __future__ import annotations

from integration.i18n import mark
from integration.services.mailboxes import Shown
from integration.web.pages import moment_text, say

SCHEMES = {
    "smtps": mark("SSL/TLS from the start (usually port 465)"),
    "smtp+starttls": mark("STARTTLS (usually port 587)"),
    "smtp": mark("without encryption (port 25)"),
}
REFUSALS = {
    "auth": mark(
        "The server does not accept this login and password. Many providers want a password made for applications."
    ),
    "host_unknown": mark("There is no server of this name. Please check how it is written."),
    "host_forbidden": mark("This server stands in an internal network, which Molva does not enter."),
    "port_forbidden": mark("Mail servers are reached by the ports 25, 465, 587 and 2525 only."),
    "timeout": mark("The server does not answer. Please check its name and port."),
    "refused": mark("Nothing listens at this port. Please check the port."),
    "certificate": mark(
        "The server’s certificate is not valid for this name. Please take the name your provider gives."
    ),
    "tls": mark("The encryption does not fit. Port 465 goes with SSL/TLS, port 587 with STARTTLS."),
    "no_tls": mark("This server offers no STARTTLS. Please choose another encryption."),
    "no_login": mark("This server takes no login over this connection. Please choose an encryption."),
    "broken": mark(
        "The server broke the connection off. Port 465 goes with SSL/TLS, port 587 with STARTTLS."
    ),
    "needed": mark("Please fill this in."),
    "bad_host": mark("Please give the name of a server, such as smtp.example.com."),
    "bad_port": mark("Please give a number from 1 to 65535."),
    "bad_number": mark("This number is too large."),
    "bad_selector": mark("A selector has Latin letters, digits, points and hyphens only."),
    "no_sender": mark("This person does not sign any more."),
}
UNFIT = {
    "no_employee": mark(
        "Bitrix24 knows no employee of this person’s address, so it cannot send in this name."
    ),
    "dismissed": mark("This employee has left, so Bitrix24 does not send in this name."),
    "other_address": mark(
        "The address on the employee’s card in Bitrix24 is another one than the reply address here."
    ),
}


def refusal(code: str) -> str:
    """Why a server did not let us in, or what is wrong in the form; a reply code of the server as it is."""
    known = REFUSALS.get(code)
    return say(known) if known else say("The server refused with the code {code}.", code=code)


def choices(box: Shown) -> list[tuple[str, str, str]]:
    """The three ways: value, name and what it means."""
    operator = say(
        "The mail server of this installation sends them, with {name} as the sender.", name=box.sender.name
    )
    if not box.operator_ready:
        operator = say("There is no mail server in this installation now: letters would wait.")
    portal = say(
        "Bitrix24 sends them from the mailbox that is connected there, and keeps each in the contact’s card. The "
        "unsubscribe button of mail programs is missing then; the link in the letter stays."
    )
    if box.portal_unfit:
        portal = f"{say(UNFIT[box.portal_unfit])} {portal}"
    own = say("Your own mail server sends them: they come from where your letters always come from.")
    return [
        ("operator", say("through Molva’s mail server"), operator),
        ("own", say("through the mailbox of {address}", address=box.sender.email), own),
        ("portal", say("through Bitrix24’s mail"), portal),
    ]


def brief(box: Shown) -> str:
    """The way in a few words, for the list of those who sign."""
    names = {
        "operator": say("through Molva’s mail server"),
        "own": say(
            "through the own server {server}", server=box.address.rpartition("@")[2].rpartition("/")[2]
        ),
        "portal": say("through Bitrix24’s mail"),
    }
    return names[box.way]


def state(box: Shown) -> tuple[str, str]:
    """How the way stands: a tone and a sentence."""
    if box.lacks == "no_way":
        return "warn", say("There is no mail server in this installation now: letters would wait.")
    if box.way == "own" and box.check_code:
        return "danger", say(
            "The last log-in, {time}, failed. {why}",
            time=moment_text(box.checked_at, "short") if box.checked_at else "", why=refusal(box.check_code),
        )  # fmt: skip
    if box.way == "own" and box.checked_at is not None:
        return "good", say("The last log-in, {time}, worked.", time=moment_text(box.checked_at, "short"))
    if box.way == "portal" and box.portal_unfit:
        return "warn", say(UNFIT[box.portal_unfit])
    return "good", ""
