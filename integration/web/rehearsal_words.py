"""What the page of a rehearsal says: findings, plan, letters, and how each sender's mail stands (product.md W4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps import mail_checks
from integration.nps.findings import Finding
from integration.nps.policy import Policy
from integration.services.rehearsal_page import Kept, Mail, RehearsalPage
from integration.services.rehearsal_plan import Person
from integration.web.card_words import REASONS, ROLES
from integration.web.finding_mends import mends
from integration.web.finding_words import LETTERS, told
from integration.web.pages import day_text, language, number_text, say

STATED = 5  # names shown before the rest is folded away
ZONES = {
    "field": mark("as the card says"), "address": mark("by the city"),
    "responsible": mark("as the responsible employee"), "portal": mark("not known: the agency’s"),
}  # fmt: skip
WAYS = {
    "operator": mark("through the mail server of this Molva"), "own": mark("through an own mailbox"),
    "portal": mark("through Bitrix24"),
}  # fmt: skip
SHOWS = {
    "": mark("everybody"), "shared": mark("shared mailboxes"), "zone": mark("time zone not known"),
    "nameless": mark("without a name"), "phone_only": mark("only called, without an e-mail"),
    "no_phone": mark("without a phone"),
}  # fmt: skip
_OF_CALLS = ("phone_only", "no_phone")  # where nobody is called they tell nothing
SPF = {
    "pass": (mark("lets this mail server send"), "good"),
    "unknown": (mark("there is one; from here nobody sees by which address the letters leave"), "neutral"),
    "none": (mark("there is none"), "warn"), "permerror": (mark("broken"), "warn"),
    "silent": (mark("no answer"), "neutral"), "fail": (mark("does not let this mail server send"), "warn"),
    "softfail": (mark("does not let this mail server send"), "warn"),
    "neutral": (mark("does not name this mail server"), "warn"),
}  # fmt: skip
DMARC = {
    "none": (mark("there is none"), "warn"), "broken": (mark("broken"), "warn"),
    "silent": (mark("no answer"), "neutral"),
}  # fmt: skip
POLICIES = {
    "none": mark("receivers only watch"), "quarantine": mark("receivers put what proves nothing into spam"),
    "reject": mark("receivers turn away what proves nothing"),
}  # fmt: skip
DKIM = {
    "ok": (mark("the key is in the DNS"), "good"), "missing": (mark("the key is missing"), "warn"),
    "revoked": (mark("the key has been withdrawn"), "warn"), "broken": (mark("the key cannot be read"), "warn"),
    "weak": (mark("the key is too short"), "warn"), "silent": (mark("no answer"), "neutral"),
    "unknown": (mark("not known yet"), "neutral"),
}  # fmt: skip
RECEIVED = {
    "pass": (mark("the letter that arrived on {day} was signed by {domain}"), "good"),
    "fail": (mark("the signature of the letter that arrived on {day} did not hold"), "warn"),
    "none": (mark("the letter that arrived on {day} was not signed"), "warn"),
}  # fmt: skip


def reason(code: str) -> str:
    """Why a client is not asked, in a few words."""
    return say(REASONS[code]) if code in REASONS else code


def found(kept: Kept | None, policy: Policy, path: str, settings: bool) -> dict[str, list[dict[str, Any]]]:
    """The findings by level. `settings`: the reader may open the settings."""
    if kept is None:
        return {"errors": [], "warnings": [], "notes": []}
    return {
        name: [_finding(one, policy, path, settings) for one in kept.of(level)]
        for name, level in (("errors", "error"), ("warnings", "warning"), ("notes", "note"))
    }


def _finding(one: Finding, policy: Policy, path: str, settings: bool) -> dict[str, Any]:
    what, todo = told(one)
    names = [
        {"name": named.name or say("unknown person"), "kind": named.kind, "id": named.id} for named in one.who
    ]
    named_alone = len(names) == 1 and not names[0]["id"]  # its name stands in the sentence
    return {
        "code": one.code, "what": what, "todo": todo, "names": [] if named_alone else names[:STATED],
        "more": [] if named_alone else names[STATED:],
        "mends": [way for way in mends(one, policy, path) if settings or not way.get("settings")],
    }  # fmt: skip


def out(page: RehearsalPage, path: str) -> list[dict[str, Any]]:
    """Who is left out, by reason, the most frequent first, with the way to the filtered list."""
    ordered = sorted(page.reasons.items(), key=lambda item: -item[1])
    return [
        {
            "code": code, "reason": reason(code), "count": number_text(number), "names": page.names.get(code, []),
            "more": number > len(page.names.get(code, [])), "path": f"{path}?standing={code}#clients",
        }
        for code, number in ordered
    ]  # fmt: skip


def shows(page: RehearsalPage) -> list[list[str]]:
    """Whom the plan can be cut down to."""
    calling = page.policy.calling
    return [[code, say(words)] for code, words in SHOWS.items() if calling or code not in _OF_CALLS]


def people(page: RehearsalPage) -> list[dict[str, Any]]:
    """Rows of the plan."""
    return [_person(one) for one in page.plan.people] if page.plan else []


def _person(one: Person) -> dict[str, Any]:
    return {
        "id": one.id, "client": one.client, "kind": one.client_kind, "card": one.client_id, "contact": one.contact_id,
        "name": one.name, "role": say(ROLES[one.role]) if one.role in ROLES else "", "shared": one.shared,
        "address": one.address, "language": i18n.NAMES.get(one.language, one.language), "lang": one.language,
        "zone": one.zone, "source": say(ZONES[one.zone_source]) if one.zone_source in ZONES else "",
        "letters": [
            {
                "what": say(LETTERS[letter.letter]) if letter.letter in LETTERS else letter.letter,
                "when": when(letter.at), "iso": letter.at.isoformat(), "signer": letter.signer,
                "late": letter.late,
            }
            for letter in one.letters
        ],
        "calls": day_text(one.calls_from) if one.calls_from else "", "phone": one.phone,
        "skipped": [say(LETTERS.get(name, LETTERS["reminder"])) for name in one.skipped],
    }  # fmt: skip


def when(at: datetime) -> str:
    """A moment in the zone it carries: day, weekday and hour as its reader will see them."""
    return i18n.moment(language(), at, at.tzinfo or UTC, "short")


def mail(page: RehearsalPage) -> list[dict[str, Any]]:
    """How the letters of each sender leave and whether providers will believe them."""
    return [_mail(one) for one in page.mail]


def _mail(one: Mail) -> dict[str, Any]:
    rows: list[dict[str, str]] = []
    if one.look is not None:
        rows = [_row("SPF", SPF[one.look.spf.code]), _dmarc(one.look), _dkim(one)]
    return {
        "key": one.sender.key, "name": one.sender.name or one.sender.key, "address": one.sender.email,
        "way": say(WAYS[one.way]) if one.way in WAYS else one.way, "server": one.look.server if one.look else "",
        "rows": rows, "selector": one.selector, "told": _told(one),
    }  # fmt: skip


def _row(name: str, words: tuple[str, str], **values: object) -> dict[str, str]:
    return {"name": name, "text": say(words[0], **values), "tone": words[1]}


def _dmarc(look: mail_checks.Look) -> dict[str, str]:
    if look.dmarc.code in DMARC:
        return _row("DMARC", DMARC[look.dmarc.code])
    return _row("DMARC", (POLICIES[look.dmarc.policy], "good"))


def _dkim(one: Mail) -> dict[str, str]:
    assert one.look is not None
    bad_key = one.look.dkim.code in ("missing", "revoked", "broken", "weak")
    if one.received is not None and not bad_key:
        day = day_text(one.received_at.date()) if one.received_at else ""
        return _row("DKIM", RECEIVED[one.received.dkim], day=day, domain=one.received.domain)
    return _row("DKIM", DKIM[one.look.dkim.code])


def _told(one: Mail) -> dict[str, str]:
    """Whether anything vouches for the address that readers see (alignment, RFC 7489), in one sentence."""
    if one.look is None:
        return {"text": say("Nobody has looked yet: rehearse."), "tone": "neutral"}
    if one.look.silent:
        return {"text": say("The DNS did not answer; look again in a while."), "tone": "neutral"}
    if one.proven:
        return {
            "text": say("Something vouches for the address readers see, so the letters are believed."),
            "tone": "good",
        }
    if one.look.spf.code == "unknown":
        text = say(
            "From here it cannot be seen whether anything vouches for the address. A letter that arrived tells."
        )
        return {"text": text, "tone": "neutral"}
    text = say("Nothing vouches for the address readers see: letters may end among spam.")
    return {"text": text, "tone": "warn"}


def zones(counts: Mapping[str, int]) -> list[str]:
    """Where time zones come from, most frequent first: "by the city: 12"."""
    ordered = sorted(((code, n) for code, n in counts.items() if code in ZONES), key=lambda item: -item[1])
    return [f"{say(ZONES[code])}: {number_text(number)}" for code, number in ordered]


def table(rows: Iterable[Person]) -> Iterable[tuple[object, ...]]:
    """The plan as a table for a file: a line per letter; moments as the reader's clock will show them."""
    yield tuple(say(one) for one in _COLUMNS)
    for one in rows:
        about = (
            one.client, one.city, one.name, say(ROLES[one.role]) if one.role in ROLES else "", one.address,
            say("yes") if one.shared else "", one.language, one.zone,
            say(ZONES[one.zone_source]) if one.zone_source in ZONES else "",
        )  # fmt: skip
        for letter in one.letters:
            what = say(LETTERS[letter.letter]) if letter.letter in LETTERS else letter.letter
            yield (*about, what, letter.at.replace(tzinfo=None), letter.signer)
        if not one.letters:
            yield (*about, "", "", "")


_COLUMNS = (
    mark("Client"), mark("City"), mark("Person"), mark("Role"), mark("E-mail"), mark("Shared mailbox"),
    mark("Language"), mark("Time zone"), mark("Time zone known from"), mark("Letter"), mark("Leaves not before"),
    mark("Signed by"),
)  # fmt: skip
