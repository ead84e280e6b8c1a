"""The letters of a wave on real data, before anything is sent: what they lack, and how they read (product.md W4).

They are made by the functions that make the letters sent, but their links lead to nobody: whoever looks at a letter
must not be able to answer in the client's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from integration.i18n import known
from integration.mail.render import MissingFact, Rendered, render
from integration.nps.findings import Finding, Named
from integration.nps.intents import LetterKind
from integration.nps.letters import THANKS_LETTERS, LetterProblem, missing_placeholders
from integration.nps.policy import Policy, Sender
from integration.services.deps import Deps
from integration.services.letter_drafts import Cast, Draft, Scene, casting, draft, scene
from integration.services.letter_samples import TOKEN
from integration.store import rehearsals, wave_queries
from integration.store.base import reading
from integration.store.waves import Invitation, WaveClient

SAMPLES = 50  # letters of so many people are written to see what is missing


@dataclass(frozen=True, slots=True)
class Sample:
    """A letter as one real respondent would get it."""

    letter: LetterKind
    language: str
    sender_key: str
    recipient: str
    text: Rendered


@dataclass(frozen=True, slots=True)
class Shown:
    """One letter to one respondent for a page. `html` with links that lead nowhere; both empty where it cannot be
    written: `problem` (nobody can sign it) or `missing` (a fact) say why."""

    letter: LetterKind
    language: str
    recipient: str
    address: str
    client: str
    client_key: str
    sender: Sender | None = None
    subject: str = ""
    text: str = ""
    html: str = ""
    problem: LetterProblem | None = None
    missing: str = ""


def planned(stage: Scene) -> list[LetterKind]:
    """The letters everybody silent gets, by kind."""
    last: list[LetterKind] = ["last_reminder"] if len(stage.plan.reminders) > 1 else []
    first: list[LetterKind] = ["reminder"] if stage.plan.reminders else []
    return ["announcement", "invitation", *first, *last]


def kinds(stage: Scene, today: Policy) -> list[LetterKind]:
    """All letters this wave may send; thanks go by the rules of `today`."""
    return [*planned(stage), *(THANKS_LETTERS if today.thanks_letters else ())]


def check(
    deps: Deps, session: Session, stage: Scene, letters: list[LetterKind]
) -> tuple[list[Sample], list[Finding]]:
    """Each letter written for somebody of each kind, and what is missing in it. Who cannot sign is named elsewhere."""
    chosen = rehearsals.samples(session, stage.portal.id, stage.wave.id, SAMPLES)
    people = casting(session, stage.portal.id, chosen, stage.wave.id)
    samples: list[Sample] = []
    found: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    main = planned(stage)
    for invitation in chosen:
        for letter in letters:
            written = draft(stage, people, invitation, letter, letter, None)
            if isinstance(written, LetterProblem):
                continue
            line = people.clients[invitation.wave_client_id]
            found += _missing(letter, written.facts, line)
            if letter not in main and (letter, invitation.language) in seen:
                continue  # thanks differ by language alone
            seen.add((letter, invitation.language))
            text = _written(deps, written, line, found)
            if text is not None and letter in main:
                samples.append(Sample(letter, invitation.language, written.sender.key, invitation.name, text))
    return samples, found


def _missing(letter: LetterKind, facts: Mapping[str, Any], line: WaveClient) -> Iterator[Finding]:
    """A nameless person is greeted without a name, and a person alone has no company; all else must be there."""
    for name in missing_placeholders(letter, facts):
        if name == "person" or (name == "client" and line.client_kind == "contact"):
            continue
        about = _named(line) if name in ("client", "service") else ()
        yield Finding("missing_placeholder", {"letter": letter, "placeholder": name}, about)


def _named(line: WaveClient) -> tuple[Named, ...]:
    return (Named(line.name, line.client_kind, line.client_id),)


def _written(deps: Deps, written: Draft, line: WaveClient, found: list[Finding]) -> Rendered | None:
    try:
        return _rendered(deps, written, f"{deps.settings.public_url}/")
    except MissingFact as error:
        what = {"letter": written.kind, "language": known(written.language), "what": str(error)}
        found.append(Finding("missing_fact", what, _named(line)))
        return None


def _rendered(deps: Deps, of: Draft, base: str) -> Rendered:
    """`base`: what links begin with; without one they lead nowhere at all."""
    links = {
        "survey_url": f"{base}s/{TOKEN}" if base else "#", "unsubscribe_url": f"{base}u/{TOKEN}" if base else "#",
        "direct_url": (f"{base}d/{TOKEN}" if base else "#") if of.line is not None else "",
    }  # fmt: skip
    return render(of.kind, of.language, {**of.facts, **links}, of.own.text if of.own else None)


def shown(deps: Deps, portal_id: int, wave_id: int, invitation_id: int, letter: LetterKind) -> Shown | None:
    """One letter to one respondent of a wave; nothing if there is no such person, letter or wave."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        wave = wave_queries.wave(session, portal_id, wave_id)
        chosen = rehearsals.respondent(session, portal_id, wave_id, invitation_id)
        if wave is None or chosen is None or "zone" not in wave.plan:
            return None
        stage = scene(session, wave, now)
        people = casting(session, portal_id, [chosen[0]], wave_id)
        return _shown(deps, stage, people, chosen[0], letter)


def _shown(deps: Deps, stage: Scene, people: Cast, invitation: Invitation, letter: LetterKind) -> Shown:
    line = people.clients[invitation.wave_client_id]
    about = (
        letter, known(invitation.language), invitation.name, invitation.address, line.name,
        f"{line.client_kind}:{line.client_id}",
    )  # fmt: skip
    made = draft(stage, people, invitation, letter, letter, None)
    if isinstance(made, LetterProblem):
        return Shown(*about, problem=made)
    try:
        plain = _rendered(deps, made, f"{deps.settings.public_url}/")
        framed = _rendered(deps, made, "")
    except MissingFact as error:
        return Shown(*about, sender=made.sender, missing=str(error))
    return Shown(*about, sender=made.sender, subject=plain.subject, text=plain.text, html=framed.html)
