"""What is said on the phone, finished, in the client's language, naming who calls, the service and the people that are
judged (product.md W8, W13, W20)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from integration import i18n
from integration.i18n import mark, text
from integration.nps import call_wording
from integration.nps.call_wording import Parts
from integration.services.calling.types import Script
from integration.store import answers
from integration.store.answers import Asked

VERSION = 1  # of these words, raised with every change of one of them (product.md W13)
_NUMBER = re.compile(r"\s*\(\d+\)$|^#\d+$")  # how staff are recorded: "Ada Head (12)", "#12"
_ABOUT = {
    (True, True): mark("I mean our “{service}” service and the people who do the work for you: {people}."),
    (True, False): mark("I mean our “{service}” service and everyone who works on it for you."),
    (False, True): mark("I mean the people who do the work for you: {people}."),
}
_HELLO = {
    (True, True): mark("{first_name}, hello! This is {speaker} from {agency}."),
    (True, False): mark("{first_name}, hello! I am calling from {agency}."),
    (False, True): mark("Hello! This is {speaker} from {agency}."),
    (False, False): mark("Hello! I am calling from {agency}."),
}
MOMENT = mark("Once a year we ask our clients one question. It takes two minutes: is now a good moment?")
QUESTION = mark(
    "On a scale from 0 to 10, how likely are you to recommend {agency} to a colleague or friend?"
    " 0 is not at all likely, 10 is certain to."
)
COMMENT = mark("Why this score? What should we do better?")
THANKS, READS = mark("Thank you!"), mark("{head} reads every answer in person.")
LATER = mark("Of course. When would it suit you better?")
MAIL = mark("Then we will send you a letter with this one question. One click is enough to answer it.")
REFUSAL = mark("I understand; we will not ask you again this time. Thank you and goodbye!")
NEVER = mark("I have noted that we must not ask you again. Sorry to have disturbed you.")
COLLEAGUE = mark("Hello! I am calling from {agency}. Could {person} come to the phone?")


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a call names. `speaker` and `head` may be empty; `people`: those who serve the client, full names."""

    agency: str
    service: str = ""
    people: tuple[str, ...] = ()
    first_name: str = ""
    person: str = ""
    speaker: str = ""
    head: str = ""


def spoken(session: Session, found: Asked, *, caller: str = "", head: str = "") -> Spoken:
    """What a call to this respondent names. `caller`: as acts are recorded; `head`: who reads the answers."""
    named = answers.named(session, found.portal, found.client, found.invitation.contact_id)
    return Spoken(
        agency=named.agency,
        service=named.service,
        people=(named.manager,) if named.manager else (),
        first_name=named.first_name,
        person=found.invitation.name,
        speaker=speaker(caller),
        head=head,
    )


def speaker(name: str) -> str:
    """How a caller introduces themselves: the name without the number that goes with it in records."""
    return _NUMBER.sub("", name).strip()


def version(language: str) -> str:
    """The name of the words that are said in a language, as answers keep it (product.md W13)."""
    return f"call/{VERSION}/{i18n.known(language)}"


@dataclass(frozen=True, slots=True)
class OwnScript:
    """The agency's own words of a call in one language, and the name that answers keep."""

    version: str
    parts: Parts


def standard(language: str) -> dict[str, str]:
    """The words that Molva brings, with places, as an agency may change them."""
    language = i18n.known(language)

    def put(message: str) -> str:
        return text(language, message, agency="{agency}", person="{person}")

    return {
        "hello": f"{{greeting}} {put(MOMENT)}", "about": "{judged}", "comment": put(COMMENT),
        "thanks": f"{put(THANKS)} {{reader}}", "later": put(LATER), "mail": put(MAIL), "refusal": put(REFUSAL),
        "never": put(NEVER), "colleague": put(COLLEAGUE),
    }  # fmt: skip


def script(said: Spoken, language: str, own: OwnScript | None = None) -> Script:
    """The wording in one of our languages (another one falls back to English); see `Script`. `own`: the agency's words;
    where nothing of a part remains, because what it names is unknown, the standard words are said."""
    made = _standard(said, language)
    if own is None:
        return made
    told = {name: value for name, value in call_wording.said(own.parts, values(said, made)).items() if value}
    if not own.parts["about"]:  # the greeting says it
        made = replace(made, about="")
    return replace(made, version=own.version, **told)


def values(said: Spoken, made: Script) -> dict[str, str]:
    """What each place becomes in a call, by its name; empty if it is unknown. `made`: the standard words."""
    language = made.language
    return {
        "first_name": said.first_name, "person": said.person, "speaker": said.speaker, "head_name": said.head,
        "agency": _quoted(said.agency, language), "service": _bare(said.service), "team": ", ".join(said.people),
        "greeting": _greeting(said, language), "judged": made.about,
        "reader": text(language, READS, head=said.head) if said.head else "",
    }  # fmt: skip


def _greeting(said: Spoken, language: str) -> str:
    return text(
        language, _HELLO[bool(said.first_name), bool(said.speaker)], first_name=said.first_name,
        speaker=said.speaker, agency=_quoted(said.agency, language),
    )  # fmt: skip


def _standard(said: Spoken, language: str) -> Script:
    language = i18n.known(language)
    places = {
        "first_name": said.first_name, "speaker": said.speaker, "agency": _quoted(said.agency, language),
        "person": said.person, "head": said.head, **_judged(said.service, said.people, language),
    }  # fmt: skip

    def put(message: str) -> str:
        return text(language, message, **places)

    about = _ABOUT.get((bool(said.service), bool(said.people)), "")
    return Script(
        language=language,
        version=version(language),
        hello=f"{_greeting(said, language)} {put(MOMENT)}",
        about=put(about) if about else "",
        question=put(QUESTION),
        low=put(mark("not at all likely")),
        high=put(mark("certain to")),
        comment=put(COMMENT),
        thanks=" ".join(part for part in (put(THANKS), put(READS) if said.head else "") if part),
        later=put(LATER),
        mail=put(MAIL),
        refusal=put(REFUSAL),
        never=put(NEVER),
        colleague=put(COLLEAGUE) if said.person else put(mark("Hello! I am calling from {agency}.")),
    )


def _judged(service: str, people: Sequence[str], language: str) -> dict[str, str]:
    return {"service": _bare(service) if language != "en" else service, "people": ", ".join(people)}


def _bare(name: str) -> str:
    """A name without quotation marks of its own around it: the sentence brings some."""
    return name.strip().strip('«»“”„"') if name.strip()[:1] in '«“„"' else name.strip()


def _quoted(name: str, language: str) -> str:
    """The agency's name as the language writes it; English puts no quotation marks around it."""
    if language == "en" or any(mark in name for mark in '«»"„“”'):
        return name
    return f"«{name}»"
