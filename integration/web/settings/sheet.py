"""What every section that changes the policy does: show, look at once more, save, settle a clash (flow 4).

A section says how its form is filled from the settings and read back; everything else is here. What was typed
is shown again whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Response, request
from werkzeug.datastructures import MultiDict

from integration.current import deps
from integration.nps.policy import Policy, PolicyProblem
from integration.nps.policy_changes import Choice, changes
from integration.nps.policy_hints import hints
from integration.nps.policy_json import from_json, to_json
from integration.services import choices as choice_service
from integration.services import policies, policy_history
from integration.services.choices import CardFields, Choices
from integration.services.frames import Viewer
from integration.services.policies import Refused, Saved
from integration.services.policy_history import KeptRules
from integration.web import frame
from integration.web.pages import say
from integration.web.settings import problems, words
from integration.web.settings.sections import page
from integration.web.settings.words import Names

Raw = dict[str, Any]
Form = MultiDict[str, str]


@dataclass(slots=True)
class Situation:
    """One request of a section. `policy`, `version`: what counts; `base`: the version the author saw; `raw`: what
    stands in the form; `wanted`: the settings with what could be read of it; `problems`: words by form field.
    """

    who: Viewer
    policy: Policy
    version: int
    choices: Choices
    fields: CardFields
    kept: tuple[KeptRules, ...]
    base: int = 0
    raw: Raw = field(default_factory=dict)
    wanted: Policy = field(default_factory=Policy)
    problems: dict[str, str] = field(default_factory=dict)
    confirmed: frozenset[str] = frozenset()

    @property
    def names(self) -> Names:
        """What ids are called here."""
        titles = {one.code: one.title for one in (*self.fields.deal_dates, *self.fields.company_dates)}
        titles |= {one.code: one.title for one in (*self.fields.company_texts, *self.fields.sources)}
        titles |= {one.code: one.title for one in (*self.fields.company_people, *self.fields.company_numbers)}
        titles |= {one.code: one.title for one in self.fields.contact_texts}
        for policy in (self.policy, self.wanted):
            titles |= {sender.key: sender.name for sender in policy.senders}
            titles |= dict(policy.referral_source_names)
        return Names(self.choices, titles)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A section. `filled`: the form of a policy; `typed`: the form as posted; `read`: the settings it means and the
    problems of what cannot be read, words by form field; `place`: the form field a rule's problem belongs to.

    `fields`: the settings of the section; `titled`: the portal is asked for its fields; `more`: further values
    for the template; `live`: further values for the part that changes while people type; `show`: answers the page
    in place of the section's own, from the status and the values of the template.
    """

    name: str
    fields: tuple[str, ...]
    filled: Callable[[Policy, Situation], Raw]
    typed: Callable[[Form], Raw]
    read: Callable[[Raw, Situation], tuple[dict[str, Any], dict[str, str]]]
    place: Callable[[PolicyProblem, Situation], str] = lambda problem, _: problem.field
    check: Callable[[Situation], dict[str, str]] | None = None
    more: Callable[[Situation], dict[str, Any]] = lambda _: {}
    live: Callable[[Situation], dict[str, Any]] = lambda _: {}
    titled: bool = False
    show: Callable[[Situation, int, dict[str, Any]], Response] | None = None


def respond(who: Viewer, sheet: Sheet, what: str | None = None) -> Response:
    """Answer a request to a section: only shown, looked at again, or saved; `what` instead of the posted `do`."""
    here = _situation(who, sheet)
    what = (request.form.getlist("do") or [""])[-1] if what is None else what
    if not what:
        here.raw, here.wanted = sheet.filled(here.policy, here), here.policy
        return _page(sheet, here)
    body = _typed(sheet, here)
    if what != "save":
        here.problems = {}
        return _page(sheet, here)
    if sheet.check is not None:
        here.problems |= sheet.check(here)
    if here.problems:
        for one in _broken(here):  # all mistakes at once, also those of rules between what could be read
            here.problems.setdefault(sheet.place(one, here), problems.words(one, here.names, here.wanted))
        return _page(sheet, here, 422)
    return _save(sheet, here, body)


def look(who: Viewer, sheet: Sheet, template: str = "app/settings/_live.html") -> Response:
    """The part of a section that changes while people type: nothing is saved."""
    here = _situation(who, sheet)
    _typed(sheet, here)
    return frame.fragment(template, who, **_values(sheet, here))


def _situation(who: Viewer, sheet: Sheet) -> Situation:
    desk = choice_service.desk(deps(), who.portal_id)
    titles = choice_service.card_fields(deps(), who.portal_id, desk.policy) if sheet.titled else CardFields()
    return Situation(who, desk.policy, desk.version, desk.choices, titles, desk.kept, desk.version)


def _typed(sheet: Sheet, here: Situation) -> dict[str, Any]:
    """Take up what was posted: the form, the settings it means, what could not be read, the version it is of."""
    here.base = _number(request.form.get("version", ""), here.version)
    here.confirmed = frozenset(request.form.getlist("sure"))
    here.raw = sheet.typed(request.form)
    body, here.problems = sheet.read(here.raw, here)
    wanted, wrong = from_json({**to_json(here.policy), **body})
    here.wanted = wanted
    for problem in wrong:
        here.problems.setdefault(sheet.place(problem, here), problems.words(problem, here.names))
    return body


def _save(sheet: Sheet, here: Situation, body: dict[str, Any]) -> Response:
    who = here.who
    author = policy_history.author(deps(), who.portal_id, who.user_id)
    chosen_at = _number(request.form.get("seen", ""), 0)
    done = policies.submit(deps(), who.portal_id, body, author, here.base, _chosen(), chosen_at)
    if isinstance(done, Saved):
        return _saved(sheet, here, done)
    here.version = done.version
    if done.clashes:
        return _clashed(sheet, here, done)
    here.wanted = done.policy
    for problem in done.problems:
        here.problems.setdefault(sheet.place(problem, here), problems.words(problem, here.names, done.policy))
    return _page(sheet, here, 422)


def _chosen() -> dict[str, Choice]:
    """Whose value counts, by name of the conflict."""
    found: dict[str, Choice] = {}
    for name, value in request.form.items():
        if name.startswith("keep."):
            found[name.removeprefix("keep.")] = "mine" if value == "mine" else "theirs"
    return found


def _saved(sheet: Sheet, here: Situation, done: Saved) -> Response:
    before = here.policy
    desk = choice_service.desk(deps(), here.who.portal_id)
    here.policy, here.version, here.base, here.choices = desk.policy, desk.version, desk.version, desk.choices
    here.wanted = here.policy
    here.raw = sheet.filled(here.policy, here)
    names = replace(here.names, titles={**{s.key: s.name for s in before.senders}, **here.names.titles})
    lines = [words.line(change, names) for change in done.changes]
    notices = []
    if done.rereads:
        notices.append(rereading())
    if done.taken:
        labels = ", ".join(dict.fromkeys(words.label(name) for name in done.taken))
        line = say("It stands beside yours: {settings}.", settings=labels)
        notices.append(
            {"tone": "info", "heading": say("Somebody has saved something else meanwhile."), "line": line}
        )
    return _page(sheet, here, saved=lines, notices=notices)


def rereading() -> dict[str, str]:
    """What to know after settings that name other fields of the cards."""
    line = say("Other fields of the cards count now. Until they have been read, figures may be incomplete.")
    return {"tone": "info", "heading": say("The cards are being read again."), "line": line}


def _clashed(sheet: Sheet, here: Situation, done: Refused) -> Response:
    """Both values with their authors, to choose from; the form holds the author's own and everything else merged."""
    mine = {
        name: value
        for clash in done.clashes
        for name, value in zip(clash.conflict.fields, clash.conflict.mine, strict=True)
    }
    here.wanted = replace(done.policy, **mine)
    here.raw = sheet.filled(here.wanted, here)
    chosen = _chosen()
    clashes = []
    for clash in done.clashes:
        pairs = zip(clash.conflict.fields, clash.conflict.mine, clash.conflict.theirs, strict=True)
        sides = [
            (
                words.label(name),
                words.value_of(name, own, here.names),
                words.value_of(name, other, here.names),
            )
            for name, own, other in pairs
            if own != other
        ]
        clashes.append({
            "name": clash.conflict.name, "sides": sides, "author": clash.author, "at": clash.at,
            "chosen": chosen.get(clash.conflict.name, ""),
        })  # fmt: skip
    return _page(sheet, here, 409, clashes=clashes)


def _page(sheet: Sheet, here: Situation, status: int = 200, **more: Any) -> Response:
    values = {"saved": None, "clashes": [], **_values(sheet, here), **sheet.more(here), **more}
    if status == 422:
        values["objections"] = []  # they stand at their fields
    if sheet.show is not None:
        return sheet.show(here, status, values)
    return page(here.who, sheet.name, f"app/settings/{sheet.name}.html", status=status, **values)


def _values(sheet: Sheet, here: Situation) -> dict[str, Any]:
    changed = [words.line(change, here.names) for change in changes(here.policy, here.wanted)]
    advice = [
        (words.label(hint.field), problems.words(hint, here.names))
        for hint in hints(here.wanted)
        if hint.field in sheet.fields
    ]
    labels = {name: words.label(name) for name in here.problems if name in words.LABELS}
    return {
        "sheet": sheet, "here": here, "raw": here.raw, "problems": here.problems, "labels": labels,
        "changed": changed, "advice": advice, "objections": _objections(here), "kept": here.kept,
        "pairs": lambda options: [[one.code, one.title] for one in options], **sheet.live(here),
    }  # fmt: skip


def _objections(here: Situation) -> list[str]:
    """What would keep these settings from being saved, as far as it is known while people type."""
    found = [
        f"{words.label(name)}: {text}" if name in words.LABELS else text
        for name, text in here.problems.items()
    ]
    found += [
        f"{words.label(one.field)}: {problems.words(one, here.names, here.wanted)}" for one in _broken(here)
    ]
    return list(dict.fromkeys(found))


def _broken(here: Situation) -> list[PolicyProblem]:
    """Rules that these settings break and those that count do not."""
    before = here.policy.problems()
    return [one for one in here.wanted.problems() if one not in before]


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise
