"""What a rehearsal found, in words: what is wrong, and what to do about it (product.md W4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps.findings import Finding
from integration.web.pages import day_text, language, number_text, say
from integration.web.settings.labels import LABELS

LETTERS = {
    "announcement": mark("Announcement letter"),
    "invitation": mark("Letter with the question"),
    "reminder": mark("Reminder"),
    "last_reminder": mark("Last reminder"),
    "project_invitation": mark("Question about a project"),
    "project_reminder": mark("Reminder about a project"),
    "thanks_promoter": mark("Thanks to promoters"),
    "thanks_passive": mark("Thanks to passives"),
    "thanks_detractor": mark("Thanks to detractors"),
    "thanks_phone": mark("Thanks for a call"),
}
STEPS = {
    "announced": mark("Announcement letter"), "mailing": mark("Letter with the question"),
    "reminders": mark("Reminder"), "closing": mark("End of the survey"),
}  # fmt: skip
PLACES = {
    "client": mark("the client’s name"), "service": mark("the name of the service"),
    "sender_name": mark("the name of whoever signs"), "sender_position": mark("the position of whoever signs"),
    "mailing_day": mark("the day of the question"), "closing_day": mark("the day of the results"),
}  # fmt: skip
UNFIT = {
    "lacks_name": mark("no name"),
    "lacks_position": mark("no position"),
    "lacks_email": mark("no reply address"),
    "lacks_phone": mark("no phone"),
    "bad_address": mark("the address is wrong"),
    "no_reply": mark("nobody reads the address"),
    "dismissed": mark("no longer works here"),
    "no_employee": mark("nobody in Bitrix24 has this address"),
    "other_address": mark("the address in Bitrix24 is another one"),
}
BROKEN = {
    "several_records": mark("there are several of them"),
    "too_many_lookups": mark("it needs more than ten look-ups"),
    "too_many_empty": mark("too many of its names do not exist"),
    "too_many_hosts": mark("it names a domain with more than ten mail servers"),
    "bad_term": mark("it holds a word nobody understands"),
    "bad_address": mark("it holds a wrong address"),
    "bad_macro": mark("it holds a placeholder nobody understands"),
    "no_record_included": mark("it includes a domain that has none"),
}
# code -> what is wrong, what to do
WORDS: Mapping[str, tuple[str, str]] = {
    "nobody_to_ask": (
        mark("There is nobody to ask."),
        mark("See below who is left out and why, and check in the settings who counts as a client."),
    ),
    "setting": (mark("A setting cannot work: {setting}."), mark("Correct it, then rehearse anew.")),
    "no_sender": (
        mark("Nobody signs letters to clients of {city}. Letters: {letters}."),
        mark("Name who signs there, or who signs everywhere else."),
    ),
    "no_such_sender": (
        mark("The person who should sign is no longer in the settings ({sender}). Letters: {letters}."),
        mark("Choose who signs instead."),
    ),
    "sender_serves_client": (
        mark("Everybody who may sign serves some of these clients. Letters: {letters}."),
        mark("Nobody is frank with the manager who serves them. Name one more person who signs."),
    ),
    "sender_unfit": (
        mark("{sender} cannot sign: {why}."),
        mark(
            "It has to be somebody who works here and whom clients can answer and call: name, position, address,"
            " phone."
        ),
    ),
    "missing_placeholder": (
        mark("“{letter}” lacks something it needs: {placeholder}."),
        mark("Fill it in on the card or in the settings, then rehearse anew."),
    ),
    "missing_fact": (
        mark("“{letter}” cannot be written: {what}."),
        mark("Correct the words of the letter."),
    ),
    "no_way": (
        mark("Letters of {sender} cannot leave: there is no mail server for them."),
        mark(
            "Whoever runs this Molva names one in MOLVA_SMTP_URL. Or let them leave by the sender’s own "
            "mailbox or by Bitrix24."
        ),
    ),
    "login_refused": (
        mark("The mailbox of {sender} does not let Molva in."),
        mark("Check the user and the password of the mailbox."),
    ),
    "portal_unfit": (
        mark("Letters of {sender} cannot leave by Bitrix24: {why}."),
        mark("Correct the person, or let the letters leave by a mail server."),
    ),
    "server_login": (
        mark("The mail server does not let Molva in."),
        mark("Whoever runs this Molva has to check the user and the password in MOLVA_SMTP_URL."),
    ),
    "server_away": (
        mark("The mail server does not answer ({why})."),
        mark("Letters wait until it does. If it stays away, tell whoever runs this Molva."),
    ),
    "never_checked": (
        mark("Nobody has tried the mailbox of {sender} yet."),
        mark("Press “Check” beside it in the settings."),
    ),
    "no_public_holidays": (
        mark("The public holidays of your country are not known: only weekends count as days off."),
        mark("Choose the country whose holidays count."),
    ),
    "no_channel": (
        mark("Clients nobody can write to: {clients}."),
        mark("Add an e-mail to one of their contacts, then rehearse anew."),
    ),
    "no_respondent": (
        mark("Clients without a person on the card: {clients}."),
        mark("Add a contact, then rehearse anew."),
    ),
    "people_without_address": (
        mark("People nobody can write to, at clients who are asked: {people}; of them decide: {deciding}."),
        mark("Add an e-mail to their cards, then rehearse anew."),
    ),
    "nobody_calls": (
        mark("Clients are to be called first, but nobody is named as a caller."),
        mark(
            "Name callers in the settings, or make links for a call centre. Directors and heads can call, too; "
            "who is not reached gets the letter."
        ),
    ),
    "phone_only": (
        mark("People without an e-mail, who are only called: {people}."),
        mark("Whoever of them is not reached cannot be asked by letter."),
    ),
    "no_phone": (
        mark("People without a phone on their card: {people}."),
        mark("They are not called; the letter asks them."),
    ),
    "people_without_role": (
        mark("People who get no letter because their card names no role: {people}. Clients: {clients}."),
        mark(
            "Whoever should be asked as well needs a role in the contact’s card. The main contact is asked "
            "without one."
        ),
    ),
    "nameless": (
        mark("People without a name on their card: {respondents}."),
        mark("They are greeted without one."),
    ),
    "import_date": (
        mark("{share} % of the clients have been with you since {day}: probably the day of an import."),
        mark("If they are older clients, name a date field in the settings."),
    ),
    "list_is_old": (
        mark("The list is {age} old."),
        mark("Deals, people and addresses have changed since. Rehearse anew to make it again."),
    ),
    "settings_newer": (
        mark("The settings have changed since the list was made."),
        mark("This survey still goes by the old ones. Rehearse anew, and the new ones count."),
    ),
    "follow_ups_open": (
        mark("Tasks of the last survey still open: {open}."),
        mark("Asking again without having acted annoys. Finish them first."),
    ),
    "no_one_click": (
        mark("Letters that leave by Bitrix24 have no “Unsubscribe” button in the mail program."),
        mark(
            "The link in the letter works. Large providers ask senders of many letters for the button too; "
            "an own mailbox has it."
        ),
    ),
    "dmarc_rejects": (
        mark("Letters from {domain} will be turned away or taken for spam."),
        mark(
            "The domain tells receivers to do so (DMARC: {policy}), and neither SPF nor a signature "
            "vouches for these letters. Put SPF or DKIM in order."
        ),
    ),
    "no_spf": (
        mark("{domain} does not say who may send its mail: it has no SPF record."),
        mark(
            "Ask whoever looks after the domain for a TXT record: {record}. "
            "Everybody else who sends its mail has to stand there, too."
        ),
    ),
    "spf_lacks_server": (
        mark("{domain} does not let the mail server {server} send its mail."),
        mark("Its SPF record should name it: {add}. It says now: {record}"),
    ),
    "spf_broken": (
        mark("The SPF record of {domain} is broken: {why}."),
        mark("Receivers pass over it. Ask whoever looks after the domain to correct it. {term}"),
    ),
    "no_dmarc": (
        mark("{domain} has no DMARC record."),
        mark(
            "Large providers ask for one. To begin with, a TXT record for _dmarc.{domain}: v=DMARC1; p=none"
        ),
    ),
    "dmarc_broken": (
        mark("The DMARC record of {domain} is broken."),
        mark("Receivers pass over it. It has to be one TXT record that begins with v=DMARC1; p=none"),
    ),
    "dkim_unknown": (
        mark("It is not known whether letters from {domain} are signed (DKIM)."),
        mark("Name the selector below, or send a test letter and show what arrived."),
    ),
    "dkim_missing": (
        mark("The key of the signature is not in the DNS: {selector}._domainkey.{domain}"),
        mark(
            "Without it nobody can check the signature. Ask whoever looks after the domain, or correct the "
            "selector."
        ),
    ),
    "dkim_revoked": (
        mark("The key {selector} of {domain} has been withdrawn."),
        mark("The mail server has to sign with another one, or the key has to come back into the DNS."),
    ),
    "dkim_broken": (
        mark("The key {selector} of {domain} cannot be read."),
        mark(
            "Often a piece was lost when it was copied. Ask whoever looks after the domain to enter it "
            "again."
        ),
    ),
    "dkim_weak": (
        mark("The key {selector} of {domain} is too short: {bits} bits."),
        mark("Receivers pass over keys of fewer than 1024 bits. Have one of 2048 made."),
    ),
    "dkim_unsigned": (
        mark("Letters from {domain} are not signed (DKIM)."),
        mark("Switch the signature on in the mail server, send a test letter, and show what arrived."),
    ),
    "dkim_failed": (
        mark("The signature of letters from {domain} does not hold."),
        mark(
            "The receiver could not confirm it. Key and mail server do not fit, or something changes the "
            "letters on their way."
        ),
    ),
    "dkim_foreign": (
        mark("Letters from {domain} are signed by another domain: {signed}."),
        mark(
            "That does not vouch for the address readers see. Have the mail server sign for your own "
            "domain."
        ),
    ),
    "no_mail_for_replies": (
        mark("Answers cannot arrive: {domain} takes no mail."),
        mark("Check the reply address of whoever signs."),
    ),
    "dns_silent": (mark("The DNS did not answer about {domain}."), mark("Look again in a while.")),
    "shared_mailboxes": (
        mark("Shared mailboxes that get a letter: {people}."),
        mark(
            "They are written to because nobody else of the client can be reached. A personal address "
            "answers more often."
        ),
    ),
    "zone_unknown": (
        mark("People whose time zone is not known: {people} of {all}."),
        mark(
            "Their letters leave by the agency’s time ({zone}). The city in the client’s card, or a field "
            "of the contact, would tell."
        ),
    ),
    "day_moved": (mark("{step}: {day} instead of {wished}."), mark("The wished day is a day off.")),
}  # fmt: skip


def told(finding: Finding) -> tuple[str, str]:
    """What is wrong, and what to do; the code alone for one without words."""
    if finding.code not in WORDS:
        return finding.code, ""
    values = {**_DEFAULTS, **finding.params, **_shown(finding)}
    what, todo = WORDS[finding.code]
    return say(what, **values).strip(), say(todo, **values).strip()


_DEFAULTS = {"city": "—", "letters": "", "sender": "", "term": "", "add": "", "record": "", "selector": ""}


def _shown(finding: Finding) -> dict[str, Any]:
    """Codes, days and numbers as people read them."""
    params: Mapping[str, Any] = finding.params
    found: dict[str, Any] = {
        name: number_text(value)
        for name, value in params.items()
        if isinstance(value, int) and not isinstance(value, bool) and name not in ("days", "bits")
    }
    found |= {
        name: day_text(date.fromisoformat(params[name])) for name in ("day", "wished") if name in params
    }
    for name, words in (("letter", LETTERS), ("step", STEPS), ("placeholder", PLACES)):
        if params.get(name) in words:
            found[name] = say(words[params[name]])
    if finding.code == "setting":
        found["setting"] = say(LABELS[params["field"]]) if params["field"] in LABELS else params["field"]
    if "why" in params:
        why = {**UNFIT, **BROKEN}.get(params["why"])
        found["why"] = say(why) if why and finding.code != "server_away" else params["why"]
    if "days" in params:
        found["age"] = i18n.plural(language(), "{n} day", "{n} days", params["days"])
    if "sender" in params and finding.who:
        found["sender"] = finding.who[0].name or params["sender"]
    if finding.code == "no_spf":
        # `mx`: the agency's own mail server; a record without it would make its daily mail suspect.
        found["record"] = " ".join(filter(None, ("v=spf1 mx", params.get("add"), "~all")))
    return found
