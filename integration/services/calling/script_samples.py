"""What a caller would say to one client, before anybody is called (product.md W4, W8, W20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integration.i18n import mark, text
from integration.nps.call_wording import Parts
from integration.services import letter_samples
from integration.services.calling import script_texts, wording
from integration.services.calling.types import Script
from integration.services.calling.wording import OwnScript, Spoken
from integration.services.deps import Deps
from integration.services.letter_samples import SampleClient
from integration.store.base import reading

SPEAKER = mark("Name and surname")


@dataclass(frozen=True, slots=True)
class ScriptSample:
    """The words as a client would hear them; `told`: what each place becomes, by its name."""

    client: SampleClient
    script: Script
    told: Mapping[str, str]


def sample(
    deps: Deps, portal_id: int, language: str, key: str = "", parts: Parts | None = None
) -> ScriptSample:  # fmt: skip
    """The call for a client (`key` as in `SampleClient`; an unknown one: invented), with words nobody saved yet, if
    given. A caller's name stands in for whoever calls. Raises `LookupError` for an unknown portal."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        made = letter_samples.in_session(session, portal_id, "invitation", language, key, now)
        own = script_texts.in_use(session, portal_id).get(language)
    facts = made.draft.facts
    said = Spoken(
        agency=facts["agency"], service=facts["service"], people=tuple(facts["team"]),
        first_name=facts["first_name"], person=made.draft.recipient_name,
        speaker=text(language, SPEAKER), head=facts["head_name"],
    )  # fmt: skip
    if parts is not None:
        own = OwnScript("", parts)
    plain = wording.script(said, language)
    return ScriptSample(made.client, wording.script(said, language, own), wording.values(said, plain))
