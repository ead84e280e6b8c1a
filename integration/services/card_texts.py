"""What Molva writes into the portal for people: comments, tasks, checklists, in the portal's language.

Texts are BB code (bitrix24.md 10.1, 11.1); a client's words never act as code in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from integration.i18n import language_of, mark, plural, text
from integration.nps.intents import Facts
from integration.nps.people import CardKey
from integration.store.portals import Portal

LONGEST_TITLE = 250
_NUMBER = re.compile(r" \(\d+\)$")
_GROUPS = {"promoter": mark("promoter"), "passive": mark("passive"), "detractor": mark("detractor")}
_ROLES = {
    "decides": mark("decides"),
    "daily": mark("works with us daily"),
    "other": mark("other role"),
}
_CHANNELS = {
    "phone": mark("by phone"),
    "email": mark("by e-mail"),
    "link": mark("by personal link"),
    "messenger": mark("by messenger"),
    "import": mark("imported"),
    "in_person": mark("in person"),
}
_TITLES = {
    "detractor_meeting": mark("Meet {client}: score {score} of 10"),
    "passive_call": mark("Call {client}: score {score} of 10"),
    "promoter_thanks": mark("Thank {client}: score {score} of 10"),
    "silent_check": mark("Check in with {client}: no answer to the survey"),
    "disagreement": mark("{client}: people of one client disagree, hear both"),
    "direct_line": mark("Answer {client}: message to the head"),
}
_GOALS = {
    "detractor_meeting": mark(
        "Meet the client, find out what went wrong, decide what changes, and tell them."
    ),
    "passive_call": mark("Call the client and find out what kept them from a higher score."),
    "promoter_thanks": mark("Thank the client personally and ask whom they would recommend us to."),
    "silent_check": mark("The client did not answer. Ask how the work is going."),
    "disagreement": mark("People of this client gave very different scores. Talk to each of them."),
    "direct_line": mark("The client wrote to the head past the manager. Answer in person."),
}
_CHECKLIST = {
    "agree_meeting": mark("Agree a meeting"),
    "call_client": mark("Call the client"),
    "hear_both": mark("Hear both sides"),
    "answer_client": mark("Answer the client"),
    "findings": mark("What did we find"),
    "decision": mark("What was decided"),
    "tell_client": mark("Tell the client"),
    "thank_personally": mark("Thank them personally"),
    "ask_recommendation": mark("Ask whom they would recommend us to"),
    "note_offer": mark("Note what was offered and accepted"),
}


def language(portal: Portal) -> str:
    """The language of texts for the agency's people."""
    return language_of(portal.language)


def plain(words: str) -> str:
    """Words that the portal shows as they are: no bracket opens a BB code any more."""
    return words.replace("[", "[\u200b")


def name_said(author: str) -> str:
    """A name as people say it: acts are kept with the portal's number behind it (`rights.name_of`)."""
    return _NUMBER.sub("", author)


def task_link(portal: Portal, task_id: int) -> str:
    """The task's page in the portal."""
    return f"{_origin(portal)}/company/personal/user/0/tasks/task/view/{task_id}/"


def card_link(portal: Portal, card: CardKey) -> str:
    """The card's page in the portal."""
    return f"{_origin(portal)}/crm/{card.kind}/details/{card.id}/"


def _origin(portal: Portal) -> str:
    scheme = urlsplit(portal.endpoint).scheme or "https"
    return f"{scheme}://{portal.domain}"


def field_comment(portal: Portal, words: str, respondents: int) -> str:
    """The words for the comment field; on an account with several answers their number (product.md B2)."""
    if respondents < 2:
        return words
    note = plural(language(portal), "one person answered", "{n} people answered", respondents)
    return f"{words}\n({note})" if words else f"({note})"


def answer_comment(portal: Portal, facts: Facts, task_id: int | None) -> str:
    """The timeline comment of an answer or of its correction (product.md B3).

    A correction by staff says who made it and why, before it quotes the person, who did not make it.
    """
    lang = language(portal)
    score, before = facts.get("score"), facts.get("score_before")
    if before is None or before == score:
        head = text(lang, "Survey {wave}: {score} of 10, {group}", **_shown(lang, facts))
    else:
        head = text(
            lang, "Survey {wave}: corrected from {before} to {score} of 10, {group}", **_shown(lang, facts)
        )
    words = plain(str(facts.get("comment") or ""))
    lines = [f"[B]{head}[/B]", *_corrected_by(lang, facts), _who(lang, facts)]
    lines.append(f"«{words}»" if words else text(lang, "No comment"))
    if task_id is not None:
        lines.append(task_line(portal, task_id))
    return "\n".join(lines)


def choice_comment(portal: Portal, code: str, facts: Facts) -> str:
    """The timeline comment about "not a good moment" or "never again" (product.md W12)."""
    lang = language(portal)
    shown = {"wave": plain(str(facts.get("wave") or "")), "day": str(facts.get("day") or "")}
    if code == "never":
        lines = [
            text(lang, "Survey {wave}: please never ask again", **shown),
            text(lang, "We keep to it in every later survey. Letters about projects are not affected."),
        ]
    elif shown["day"]:
        lines = [
            text(lang, "Survey {wave}: not a good moment", **shown),
            text(lang, "We ask once more after {day}; until then no letter of the survey goes out.", **shown),
        ]
    else:
        lines = [
            text(lang, "Survey {wave}: not a good moment", **shown),
            text(lang, "The survey ends before that, so no further letter goes out."),
        ]
    return "\n".join([f"[B]{lines[0]}[/B]", _who(lang, facts), *lines[1:]])


def task_line(portal: Portal, task_id: int) -> str:
    """The line of a comment that leads to the follow-up's task."""
    return f"[URL={task_link(portal, task_id)}]{text(language(portal), 'Follow-up task')}[/URL]"


def referral_reminder(portal: Portal) -> tuple[str, str]:
    """Title and text of the to-do that asks who recommended a newcomer (product.md R3)."""
    lang = language(portal)
    return (
        text(lang, "Who recommended us to this client?"),
        text(
            lang,
            "The client came by recommendation, but nobody is named. Open the Molva tab in this card and choose who it "
            "was: the to-do is then ticked off by itself.",
        ),
    )


def task_title(portal: Portal, kind: str, facts: Facts) -> str:
    """The task's title, at most 250 characters."""
    lang = language(portal)
    client = str(facts.get("client") or facts.get("person") or text(lang, "client"))
    title = text(lang, _TITLES[kind], client="{client}", score=facts.get("score"))
    room = LONGEST_TITLE - len(title) + len("{client}")
    short = client if len(client) <= room else client[: room - 1] + "…"
    return title.replace("{client}", short)


def task_description(
    portal: Portal, kind: str, facts: Facts, card: CardKey, history: Sequence[tuple[str, int]]
) -> str:
    """All a person needs for the follow-up (product.md F2). `history`: earlier waves with their scores."""
    lang = language(portal)
    client = plain(str(facts.get("client") or ""))
    lines = [
        text(lang, _GOALS[kind]),
        "",
        f"[B]{text(lang, 'Client')}:[/B] [URL={card_link(portal, card)}]{client or card.id}[/URL]",
    ]
    if facts.get("score") is not None:
        shown = text(lang, "{score} of 10, {group}", **_shown(lang, facts))
        lines.append(f"[B]{text(lang, 'Score')}:[/B] {shown}")
        lines.append(f"[B]{text(lang, 'Who answered')}:[/B] {_who(lang, facts)}")
        words = plain(str(facts.get("comment") or ""))
        lines.append(
            f"[B]{text(lang, 'Words')}:[/B] " + (f"«{words}»" if words else text(lang, "No comment"))
        )
        lines.append(
            text(lang, "The score as it was given first: a later correction stands on the client's card.")
        )
    elif kind == "direct_line":
        lines += _written(lang, facts)
    if history:
        earlier = ", ".join(f"{plain(wave)}: {score}" for wave, score in history)
        lines.append(f"[B]{text(lang, 'Earlier scores')}:[/B] {earlier}")
    return "\n".join(lines)


def checklist_title(portal: Portal) -> str:
    """The name of the checklist in a follow-up's task."""
    return text(language(portal), "Follow-up")


def checklist_items(portal: Portal, codes: Sequence[str]) -> list[str]:
    """The lines of the checklist, in order."""
    return [text(language(portal), _CHECKLIST[code]) for code in codes]


def _written(lang: str, facts: Facts) -> list[str]:
    """Who wrote by the direct line, how to reach them, and their words."""
    person = plain(str(facts.get("person") or text(lang, "gave no name")))
    back = plain(str(facts.get("back") or text(lang, "not given")))
    return [
        f"[B]{text(lang, 'Who wrote')}:[/B] {person}",
        f"[B]{text(lang, 'Phone or e-mail for the answer')}:[/B] {back}",
        f"[B]{text(lang, 'Words')}:[/B] «{plain(str(facts.get('comment') or ''))}»",
        text(
            lang,
            "The account manager does not see this task. Nothing about it stands in the card's timeline.",
        ),
    ]


def _corrected_by(lang: str, facts: Facts) -> list[str]:
    author = str(facts.get("author") or "client")
    if facts.get("score_before") is None or author == "client":
        return []
    reason = plain(" ".join(str(facts.get("reason") or "").split()))
    return [
        text(lang, "Corrected by our staff: {author}. Reason: {reason}",
             author=plain(name_said(author)), reason=reason)
    ]  # fmt: skip


def _who(lang: str, facts: Facts) -> str:
    person = plain(str(facts.get("person") or text(lang, "unknown person")))
    role = _ROLES.get(str(facts.get("role") or ""))
    channel = _CHANNELS.get(str(facts.get("channel") or ""))
    name = f"{person} ({text(lang, role)})" if role else person
    return f"{name}, {text(lang, channel)}" if channel else name


def _shown(lang: str, facts: Facts) -> dict[str, object]:
    group = _GROUPS.get(str(facts.get("group") or ""))
    return {
        "wave": plain(str(facts.get("wave") or "")),
        "score": facts.get("score"),
        "before": facts.get("score_before"),
        "group": text(lang, group) if group else "",
    }
