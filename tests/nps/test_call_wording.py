"""The agency's own words of a call: checked before they are kept, and never without service and people (W8, W20)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps import call_wording as rules
from integration.nps.call_wording import PARTS, PLACES

WORDS = {
    "hello": "{first_name}, hello! {speaker} from {agency} here. Two minutes?",
    "about": "It is “{service}” and {team}.",
    "comment": "Why?", "thanks": "Thanks! {reader}", "later": "When?", "mail": "A letter comes.", "refusal": "Bye!",
    "never": "Noted.", "colleague": "Is {person} there?",
}  # fmt: skip
VALUES = {
    "first_name": "Anna", "person": "Anna Hill", "service": "Support", "team": "Ira, Oleg", "agency": "North",
    "speaker": "Olga", "head_name": "Pyotr", "greeting": "Hello! I am calling from North.",
    "judged": "I mean Support and Ira, Oleg.", "reader": "Pyotr reads every answer.",
}  # fmt: skip


@pytest.mark.parametrize(
    ("part", "text", "codes"),
    [
        ("hello", "", ["empty", "unnamed"]), ("hello", "Hello, {first_name}!", ["unnamed"]),
        ("hello", "{greeting} " + "x" * 700, ["too_long"]), ("comment", "{why}", ["unknown_place"]),
        ("comment", "{question}", ["question"]), ("colleague", "{first_name}?", ["wrong_place"]),
        ("thanks", "Thanks {", ["broken_brace"]), ("thanks", "<b>Thanks</b>", ["markup"]),
        ("about", "", ["unheard"]), ("about", "It is {service}.", ["unheard"]), ("about", "It is {team}.", ["unheard"]),
        ("about", "{judged}", []), ("hello", "{agency} calls about {service} and {team}.", []),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_part_is_named_at_it(part: str, text: str, codes: list[str]) -> None:
    """Each mistake at its part; who calls, which service and which people must be named."""
    assert not rules.problems(rules.cleaned(WORDS))
    found = rules.problems(rules.cleaned({**WORDS, part: text}))
    assert ([one.code for one in found], {one.part for one in found} <= {part}) == (codes, True)


def test_a_person_always_hears_who_calls_and_what_and_whom_it_is_about() -> None:
    """A sentence with a hole falls out; the ready one takes its place where the service, the people or the agency would
    not be heard; nothing is made up where nothing is known."""

    def heard(**unknown: str) -> tuple[str, str, str]:
        told = rules.said(WORDS, {**VALUES, **unknown})
        return told["hello"], told["about"], told["thanks"]

    assert heard() == (
        "Anna, hello! Olga from North here. Two minutes?", "It is “Support” and Ira, Oleg.",
        "Thanks! Pyotr reads every answer.",
    )  # fmt: skip
    assert heard(service="", judged="I mean Ira, Oleg.")[1] == "I mean Ira, Oleg."
    assert heard(team="", judged="I mean Support.")[1] == "I mean Support."
    assert heard(service="", team="", judged="")[1] == ""
    assert heard(speaker="")[0] == "", "the standard greeting is said"
    assert heard(reader="")[2] == "Thanks!"
    assert rules.said({**WORDS, "about": "Our {team}."}, VALUES)["about"] == VALUES["judged"]


@given(
    st.dictionaries(st.sampled_from(PARTS), st.text(max_size=40)),
    st.dictionaries(st.sampled_from(list(PLACES)), st.text(max_size=20)),
)
def test_whatever_is_typed_can_be_kept_and_said_once_it_is_without_mistakes(
    typed: dict[str, str], known: dict[str, str]
) -> None:
    """What has no mistakes is said without a brace of ours, and comes back from the store as it went in."""
    parts = rules.cleaned(typed)
    assert rules.from_text(rules.to_text(parts)) == parts
    assert rules.cleaned(parts) == parts
    clean = {name: value.replace("{", "").replace("}", "") for name, value in known.items()}
    if not rules.problems({**WORDS, **{name: text for name, text in parts.items() if text}}):
        told = rules.said(
            {**WORDS, **{name: text for name, text in parts.items() if text}}, {**VALUES, **clean}
        )
        assert all("{" not in text for text in told.values())
