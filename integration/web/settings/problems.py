"""What cannot be saved, in words at the field (architecture.md flow 4: codes from the rules, texts from catalogues)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps.policy import Policy, PolicyProblem
from integration.web.pages import language, say
from integration.web.settings.words import GROUPS, ROLES, SENDER_PARTS, Names

# By code, or by `field.code` where a field needs words of its own.
TEXTS: dict[str, str] = {
    "missing": mark("Please fill this in."),
    "not_a_number": mark("Please give a whole number."),
    "not_numbers": mark("Please give numbers of days parted by commas, e.g. 4, 9."),
    "too_long": mark("This is too long: {most} characters at most."),
    "wrong_value": mark("This value cannot be used."),
    "unknown_field": mark("There is no such setting."),
    "out_of_range": mark("Possible are {least} to {most}."),
    "too_many": mark("Too many: {most} at most."),
    "bad_city": mark("A city’s name may not be empty or longer than {most} characters."),
    "twice_city": mark("{city} is named more than once."),
    "unread_person": mark("There is no employee of this name, or several. Please choose one from the list."),
    "unknown_user": mark("Bitrix24 does not know employee no. {user}. Please choose somebody else."),
    "dismissed": mark("{name} does not work here any more. Please choose somebody else."),
    "hours_empty": mark("The hours end before they begin: {from}:00 to {to}:00."),
    "no_such_day": mark("This month has no day {day}."),
    "not_ascending": mark("Reminders must follow each other: each day larger than the one before."),
    "reminder_days.too_many": mark("{most} reminders at most."),
    "reminder_days.closer_than_gap": mark(
        "Reminders are too close: between two letters to one person there are at least {gap} days."
    ),
    "project_reminder_days.closer_than_gap": mark(
        "The reminder is too close to the question: between two letters to one person there are at least {gap} days."
    ),
    "announce_days.closer_than_gap": mark(
        "The announcement is too close to the question: at least {gap} days lie between two letters to one person."
    ),
    "planned_too_late": mark("The draft must be there before the announcement, {announce} days before the survey."),
    "attempts_do_not_fit": mark("{attempts} calls to one person do not fit into these days."),
    "wait_out_of_range": mark("Possible are 1 minute to {days} days."),
    "unknown_outcome": mark("There is no such outcome of a call."),
    "unknown_zone": mark("There is no time zone {zone}."),
    "unknown_language": mark("Molva does not speak this language."),
    "main_language_missing": mark("The main language must be among the languages of the letters."),
    "longer_than_year": mark(
        "From draft to closing the survey would take {days} days, longer than the year until the next one."
    ),
    "stage_elsewhere": mark("{stage} belongs to a pipeline that is not chosen."),
    "pipeline_without_stage": mark(
        "No stage of “{pipeline}” is chosen, so its deals would never count. Tick its stages, or leave it out."
    ),
    "no_pipelines": mark(
        "No pipeline is chosen, so nobody’s work counts as running. Tick the pipelines in which you serve clients."
    ),
    "same_field": mark("One field cannot be both the beginning and the end of the work."),
    "keys_not_unique": mark("Somebody stands here twice."),
    "sender_lacks": mark("{what} is missing. A letter is signed by a living person whom clients can reach."),
    "bad_address": mark("This is no e-mail address."),
    "no_reply": mark("Nobody reads this address. Clients must be able to answer."),
    "no_such_sender": mark("Whoever signs must stand in the list above."),
    "unknown_group": mark("There is no such group."),
    "weight_missing": mark("The weight of “{role}” must be at least 1."),
    "not_unique": mark("A source stands here twice."),
    "names_not_unique": mark("Two sources have the same name."),
    "unknown_missing": mark("“Unknown” must stay on the list."),
    "source_unnamed": mark("Please give the source a name."),
    "no_such_source": mark("There is no such source."),
    "no_such_step": mark("There is no such step."),
    "source_in_use": mark(
        "“{source}” stands on {cards} cards. Tick “Remove all the same” if it is really to go: the cards keep it."
    ),
    "choose_kind": mark("Please choose how clients answer."),
    "extra_questions.too_many": mark("{most} questions at most: remove one."),
    "question_twice": mark("One question stands here twice."),
    "question_key": mark("This question cannot be used."),
    "question_text": mark("The text in the main language is missing: {language}."),
    "question_long": mark("This question is too long: {most} characters at most."),
    "option_code": mark("One answer stands here twice."),
    "option_count": mark("Please give {least} to {most} answers to choose from."),
    "option_text": mark("An answer has no text in the main language: {language}."),
    "option_long": mark("An answer is too long: {most} characters at most."),
    "option_twice": mark("Two answers are the same."),
    "question_untold": mark(
        "Question {question} has no text in this language yet: {language}. Clients then see the main language."
    ),
    "changed_meanwhile": mark("Somebody has saved other settings meanwhile. Please look at them and try again."),
    "no_such_version": mark("There is no version {version} any more."),
    "choose": mark("Please choose whose value is to count."),
    # What works, but hardly as meant.
    "only_won_deals": mark("No pipeline is chosen: clients count only if a deal was won in the last {months} months."),
    "gap_skips_a_year": mark(
        "With more than {days} days between two questions some clients are asked every other year."
    ),
    "nobody_signs": mark("Nobody signs yet. Until somebody does the survey cannot be announced."),
    "nobody_announces": mark("Choose who signs the announcement: best the head of the agency."),
    "no_default": mark("Choose who signs where no city is named."),
    "one_sender": mark(
        "Only one person signs. Clients whom this person serves cannot be written to: add somebody else."
    ),
    "nobody_watches": mark("Without a head nobody is told when a promise to a client is not kept."),
    "nobody_approves": mark("Choose who approves the survey: this person gets the tasks about it."),
    "nobody_calls": mark(
        "Calls are switched on, but nobody is named as a caller. Directors and heads can call, too; people of a call "
        "centre get links of their own on the page of the survey."
    ),
    "attempts_hardly_fit": mark(
        "In these days only {fit} of them fit, even if somebody calls whenever it is time. The letters follow then."
    ),
}  # fmt: skip


def words(problem: PolicyProblem, names: Names, policy: Policy | None = None) -> str:
    """A problem in the language of the request, with names instead of ids."""
    text = TEXTS.get(f"{problem.field}.{problem.code}") or TEXTS.get(problem.code) or TEXTS["wrong_value"]
    return say(text, **_named(problem.params, names, policy))


def code_words(code: str, **params: Any) -> str:
    """The words of a problem found by a form."""
    return say(TEXTS.get(code, TEXTS["wrong_value"]), **{"most": 200, **params})


def _named(params: Mapping[str, Any], names: Names, policy: Policy | None) -> dict[str, Any]:
    found: dict[str, Any] = {"most": "", "least": "", **params}
    if "stage" in params:
        found["stage"] = names.choices.stage_name(str(params["stage"]))
    if "pipeline" in params:
        found["pipeline"] = names.choices.pipeline_name(int(params["pipeline"]))
    if "role" in params:
        found["role"] = say(ROLES.get(str(params["role"]), str(params["role"])))
    if "group" in params:
        found["group"] = say(GROUPS.get(str(params["group"]), str(params["group"])))
    if "what" in params:
        part = say(SENDER_PARTS.get(str(params["what"]), str(params["what"])))
        found["what"] = part[:1].upper() + part[1:]
    if "source" in params and policy is not None:
        found["source"] = policy.referral_source_names.get(str(params["source"]), str(params["source"]))
    if "language" in params:
        found["language"] = i18n.NAMES.get(str(params["language"]), str(params["language"]))
    for name in ("cards", "days", "months"):
        if isinstance(params.get(name), int):
            found[name] = i18n.number(language(), params[name])
    return found
