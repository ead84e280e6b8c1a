"""Extra answers given on the page of thanks, by a person or by something that posts forms (product.md W13, S1, S3).

They are asked after the answer that counts, never before, and none is required. What nobody has proven to be a
person's is held: kept apart, shown to staff as such, counted nowhere, until the person or staff confirm it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from integration import i18n
from integration.logs import log
from integration.nps.questions import FIELD
from integration.services import questions, survey_guard
from integration.services.deps import Deps
from integration.services.survey_guard import Purpose
from integration.services.survey_pages import view
from integration.store import answers, responses
from integration.store.answers import Asked
from integration.store.base import transaction

_log = log(__name__)

Told = Literal["done", "needs_confirmation", "problem", "closed"]


@dataclass(frozen=True, slots=True)
class ExtraResult:
    """What became of extra answers. `needs_confirmation`: they are kept as held; ask once more with `confirm`.

    `problems`: codes by form field; nothing was stored.
    """

    status: Told
    language: str = ""
    confirm: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)


def give(
    deps: Deps,
    token: str,
    form: Mapping[str, str],
    *,
    proof: str = "",
    sure: bool = False,
    user_agent: str = "",
    remote: str = "",
    language: str = "",
) -> ExtraResult:
    """Keep extra answers (`q-<key>`, `v-<key>`) beside the counted answer of a link, while it may be changed.

    `sure`: `proof` is the value of the confirmation step. `language`: of the page. The same once more changes nothing.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = answers.asked_by_token(session, token, lock=True)
        response = (
            responses.response_of(session, found.portal.id, found.invitation.id)
            if found is not None
            else None
        )
        if found is None or response is None or response.status != "counted":
            return ExtraResult("closed", _language(found))
        if not view(deps, session, found, response, now).can_edit:
            return ExtraResult("closed", _language(found))
        given, wrong = questions.read(session, found.portal.id, form)
        if wrong:
            return ExtraResult(
                "problem", _language(found), problems={f"{FIELD}{one.key}": one.code for one in wrong}
            )
        spoken = language if language in i18n.LANGUAGES else _language(found)
        purposes: tuple[Purpose, ...] = ("extra", "extra_2") if sure else ("extra",)
        verdict = survey_guard.judge(session, found.invitation, proof, purposes, user_agent, now)
        if verdict.proven:
            questions.save_answers(session, response, given, language=spoken, now=now)
            return ExtraResult("done", _language(found))
        if not any(one.value for one in given):
            return ExtraResult("done", _language(found))  # nothing was said: there is nothing to confirm
        _log.info("extra.held", reason=verdict.reason, remote=remote, portal=found.portal.id)
        questions.save_answers(session, response, given, language=spoken, now=now, held=True)
        confirm = survey_guard.issue(deps, session, found.invitation, "extra_2", now, now)
        return ExtraResult("needs_confirmation", _language(found), confirm)


def _language(found: Asked | None) -> str:
    if found is None:
        return ""
    return i18n.known(found.invitation.language, i18n.language_of(found.portal.language))
