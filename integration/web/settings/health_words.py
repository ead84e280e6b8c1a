"""What was found wrong, or fine, in a person's words: what it is, what it means, what to do (`nps.diagnosis`).

The health page and `molva doctor` say the same. Texts need no request: the language and the zone are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps.diagnosis import Finding
from integration.web.settings.setup_words import SCOPES

Texts = tuple[str, str, str]  # what it is, what it means, what to do; message ids

TEXTS: dict[str, Texts] = {
    "suspended": (
        mark("Bitrix24 has let no application in since {since}"),
        mark("Its plan or its Market subscription has run out. Everything is kept."),
        mark("Renew the plan or the subscription. Molva then goes on by itself, within the hour."),
    ),
    "reauthorise": (
        mark("Bitrix24 has not accepted Molva’s key since {since}"),
        mark("As a rule, the employee who installed Molva has left. Until then nothing is read and nothing is sent."),
        mark("Any administrator of the portal opens Molva once: that is all."),
    ),
    "removal_unproven": (
        mark("On {since} somebody told us that Molva was removed here and its data are to be erased"),
        mark("Bitrix24 has not confirmed it and does not accept Molva’s key either. Nothing has been erased."),
        mark("An administrator opens Molva once and says whether the data stay."),
    ),
    "own_keys": (
        mark("Bitrix24 has not accepted the application’s own keys since {since}"),
        mark("They were changed in Bitrix24 or here. Nothing is read and nothing is sent."),
        mark("Whoever runs Molva enters the right keys. It then goes on by itself, within the hour."),
    ),
    "webhook": (
        mark("Bitrix24 has not accepted Molva’s key since {since}"),
        mark("The incoming webhook was deleted, or its owner has left."),
        mark("Make a new incoming webhook in Bitrix24 and add it anew."),
    ),
    "undecided": (
        mark("Molva was installed again before its earlier data were erased"),
        mark("Nothing happens until somebody has said what becomes of them."),
        mark("An administrator opens Molva in the portal and chooses."),
    ),
    "uninstalled": (mark("Molva was removed from this portal on {since}"), "", ""),
    "not_opened": (
        mark("Nobody has opened Molva in this portal yet"),
        "",
        mark("An administrator opens the application once."),
    ),
    "no_answer": (
        mark("Bitrix24 does not answer as it should"),
        mark("It answers {code}."),
        mark("Try again in some minutes. If it stays so, look into “Requests”."),
    ),
    "scopes": (
        mark("The application lacks rights: {scopes}"),
        mark("Without them a part of the work is left undone."),
        mark("Add them to the application in Bitrix24, then open Molva from the menu once."),
    ),
    "scope_refused": (
        mark("Bitrix24 refuses something because the application lacks a right"),
        "",
        mark("Open “Set-up” and press “Check now”: it says which right is missing."),
    ),
    "sees_less": (
        mark("Molva suddenly sees far fewer cards than before"),
        mark("The employee in whose name it works has probably lost rights in the CRM. Nothing was taken for deleted."),
        mark("Give that employee the rights back, or let another administrator open Molva."),
    ),
    "access_ok": (mark("Bitrix24 lets Molva in"), "", ""),
    "set_up_begins": (mark("Molva is being set up"), mark("This takes some minutes."), ""),
    "not_set_up": (
        mark("The set-up has not been completed"),
        mark("Fields, tabs or notices of changes may be missing."),
        mark("Open “Set-up” and press “Repair”."),
    ),
    "set_up_open": (
        "",
        mark("Fields, tabs or notices of changes are missing or changed."),
        mark("Open “Set-up”: it says what is missing, and “Repair” puts most of it right."),
    ),
    "set_up_ok": (mark("The set-up is complete"), "", ""),
    "reading_given_up": (
        mark("The first reading of clients and deals was given up"),
        mark("So Molva does not know all your clients."),
        mark("Open “Set-up” and press “Repair”: it begins anew."),
    ),
    "reading_slow": (
        mark("The first reading of clients and deals has taken more than a day"),
        mark("Surveys cannot be planned before it is done."),
        mark("Look into “Requests” for what Bitrix24 refuses."),
    ),
    "reading": (
        mark("Clients and deals are being read for the first time"),
        mark("This goes on by itself."),
        "",
    ),
    "not_compared": (
        mark("Clients and deals have not been compared with Bitrix24 since {at}"),
        mark("Changes that no notice told of may be missing here."),
        mark("Look into “Requests” for what Bitrix24 refuses. It is tried again by itself."),
    ),
    "data_ok": (mark("Clients and deals are up to date"), mark("Last compared: {at}"), ""),
    "deaf": (
        mark("Bitrix24 no longer tells Molva about changes"),
        mark("The last notice came on {at}. Since then {count} cards or more were changed; Molva found them later by "
             "comparing."),
        mark("Press “Repair” in the set-up. If that does not help, Molva’s address cannot be reached from Bitrix24: "
             "tell whoever runs Molva."),
    ),
    "events_ok": (mark("Notices of changes arrive"), mark("The last one: {at}"), ""),
    "worker_never": (
        mark("The work in the background has never begun"),
        mark("Nothing is read, sent or written without it."),
        mark("Whoever runs this Molva has to start it."),
    ),
    "worker_silent": (
        mark("The work in the background has stopped"),
        mark("It was last heard of on {at}. Nothing is read, sent or written until it runs again."),
        mark("Whoever runs this Molva has to start it."),
    ),
    "worker_ok": (mark("The work in the background is running"), "", ""),
    "calls_failed": (
        "",
        mark("Scores, comments or tasks are missing on the cards."),
        mark("Open “Outbox”: it says why, and sends them again."),
    ),
    "calls_late": (
        mark("Something has been waiting for Bitrix24 since {at}"),
        mark("Scores, comments or tasks reach the cards late."),
        mark("Look into “Requests” for what Bitrix24 answers."),
    ),
    "calls_ok": (mark("Everything reaches the cards"), "", ""),
    "nobody_calls": (
        "",
        mark("The survey is in its calling days, and the last call was on {at} or none was made. Whoever is not "
             "reached gets the letter, but later."),
        mark("Name callers under “Follow-ups”, or give a call centre a link on the page of the survey."),
    ),
    "letters_undecided": (
        "",
        mark("They were refused, or nobody knows whether they arrived."),
        mark("Open “Outbox”, “Letters to decide about”."),
    ),
    "letters_late": (
        "",
        mark("The mail server does not take them."),
        mark("Check the mailbox from which they go. They leave by themselves when the server takes them."),
    ),
    "letters_ok": (mark("Letters leave"), "", ""),
    "quiet": (
        mark("Bitrix24 takes no requests until {until}"),
        mark("It does so when it is overloaded. Molva keeps quiet and then goes on by itself."),
        mark("If it happens again, write to the support of Bitrix24."),
    ),
    "exhausted": (
        mark("Bitrix24 has worked for Molva as long as it allows"),
        mark("It allows eight minutes in ten for {methods}. Something has been waiting since {since}."),
        mark("Look which automation starts when a card is changed: the slower it is, the longer everything waits."),
    ),
    "limits_ok": (mark("Molva keeps within the limits of Bitrix24"), "", ""),
    "skew": (
        mark("The clocks of Molva and Bitrix24 differ by {seconds} seconds"),
        mark("Changes may be missed, and sessions end too early."),
        mark("Whoever runs this Molva sets the clock of its machine."),
    ),
    "clock_ok": (mark("The clocks agree"), "", ""),
    "no_senders": (
        mark("Nobody signs the letters yet"),
        mark("Without a person who signs, no letter goes out."),
        mark("Open “Who signs” and name somebody."),
    ),
    "no_mail_server": (
        mark("No mail server is set up"),
        mark("Letters wait until there is one."),
        mark("Whoever runs this Molva names one."),
    ),
    "mail_fails": (
        mark("The mail server does not let Molva in"),
        mark("It says: {why}. Letters wait."),
        mark("Whoever runs this Molva checks the address, the user and the password."),
    ),
    "mail_ok": (mark("The mail server answers"), "", ""),
    "domain": (
        mark("Letters from {domain} may end among spam"),
        mark("Its DNS lacks {missing}."),
        mark("Ask whoever looks after the domain to add it."),
    ),
    "dns_silent": (mark("The DNS did not answer about {domain}"), "", mark("Check again later.")),
    "domains_ok": (mark("The domains of the senders are in order"), "{domains}", ""),
    "not_https": (
        mark("Molva’s address is not secure, so Bitrix24 cannot show its pages"),
        mark("Browsers show nothing unencrypted inside a secure page."),
        mark("Whoever runs this Molva gives it an address with https://."),
    ),
    "plain_network": (
        mark("Molva and Bitrix24 talk without encryption"),
        mark("That is all right inside a company’s own network only."),
        "",
    ),
    "address_ok": (mark("Molva’s address is secure"), "", ""),
}  # fmt: skip

COUNTED: dict[str, Callable[[str, int], str]] = {
    "set_up_open": lambda code, n: i18n.plural(
        code, "{n} point of the set-up needs attention", "{n} points of the set-up need attention", n
    ),
    "calls_failed": lambda code, n: i18n.plural(
        code, "{n} entry could not be written to Bitrix24", "{n} entries could not be written to Bitrix24", n
    ),
    "nobody_calls": lambda code, n: i18n.plural(
        code,
        "{n} person waits for a call, and nobody calls",
        "{n} people wait for a call, and nobody calls",
        n,
    ),
    "letters_undecided": lambda code, n: i18n.plural(
        code, "{n} letter needs your decision", "{n} letters need your decision", n
    ),
    "letters_late": lambda code, n: i18n.plural(
        code, "{n} letter does not leave", "{n} letters do not leave", n
    ),
}
RECORDS = {
    "spf": mark("an SPF record"),
    "spf_server": mark("an SPF record that names the mail server"),
    "spf_broken": mark("an SPF record without mistakes"),
    "dmarc": mark("a DMARC record"),
    "dmarc_broken": mark("a DMARC record without mistakes"),
    "dkim": mark("a signature (DKIM) that holds"),
    "mx": mark("a mail exchanger, so replies are lost"),
}
PLACES = {  # the section of the settings in which something can be done about it
    "scopes": "setup", "scope_refused": "setup", "set_up_open": "setup", "not_set_up": "setup", "deaf": "setup",
    "reading_given_up": "setup", "reading_slow": "requests", "not_compared": "requests", "no_answer": "requests",
    "calls_failed": "outbox", "calls_late": "requests", "letters_undecided": "outbox", "letters_late": "outbox",
    "exhausted": "requests", "quiet": "requests", "no_senders": "senders", "domain": "senders",
    "nobody_calls": "followups",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """A finding for people; `place` is the section of the settings where something can be done, or empty."""

    heading: str
    line: str
    todo: str
    place: str = ""


def words(one: Finding, language: str, zone: tzinfo) -> Words:
    """A finding in a language; moments in a zone."""
    texts = TEXTS["webhook" if one.facts.get("webhook") else one.code]
    values = _values(one.facts, language, zone)
    heading, line, todo = (i18n.text(language, text, **values) if text else "" for text in texts)
    if one.code in COUNTED:
        heading = COUNTED[one.code](language, int(one.facts["count"]))
    if one.code == "deaf" and one.facts.get("at") is None:
        line = ""
    if one.code == "data_ok" and one.facts.get("at") is None:
        line = ""
    return Words(heading, line, todo, PLACES.get(one.code, ""))


def _values(facts: Mapping[str, Any], language: str, zone: tzinfo) -> dict[str, str]:
    """Facts as the places of the texts take them."""
    found: dict[str, str] = {}
    for name, value in facts.items():
        if isinstance(value, datetime):
            found[name] = i18n.moment(language, value, zone, "short")
        elif name == "scopes":
            found[name] = ", ".join(
                i18n.text(language, SCOPES[one]) if one in SCOPES else one for one in value
            )
        elif name == "missing":
            found[name] = ", ".join(i18n.text(language, RECORDS[one]) for one in value)
        elif isinstance(value, tuple):
            found[name] = ", ".join(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            found[name] = i18n.number(language, value)
        else:
            found[name] = "" if value is None else str(value)
    return found
