"""What a person makes of a reply: a score, a refusal, "never again", nothing (product.md W10, W17, W18).

Nobody who serves the client decides about what it wrote. Each act is what staff could do elsewhere; afterwards the
reply is settled, with the name of who did it. A reply can be settled twice at once: the second time nothing is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from integration.nps.people import ClientKey
from integration.services import card_people, corrections, returned_letters, rights, wave_refusals
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.store import client_owners, responses
from integration.store import replies as rows
from integration.store.base import reading, transaction
from integration.store.replies import Reply, Shown

Done = Literal["recorded", "refused", "opted_out", "returned", "dismissed", "restored", "nothing"]
WHY = "wrote it in a reply"  # stands as the reason where a reason is kept


class ReplyError(Exception):
    """Why it cannot be done: `own_client`, `settled` (somebody has), `closed` (nothing can be recorded any more),
    `bad_score`, `too_long`, `no_person`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Case:
    """One reply a viewer may decide about."""

    deps: Deps
    portal_id: int
    reply: Reply
    invitation_id: int
    wave_id: int
    client: ClientKey
    who: str

    def settled(
        self, status: str, *, was: tuple[str, ...] = ("new",), response_id: int | None = None
    ) -> None:
        """The reply's end, in a commit of its own; raises `ReplyError` if somebody else was first."""
        now = self.deps.clock.now()
        with transaction(self.deps.sessions) as session:
            if not rows.settle(
                session,
                self.portal_id,
                self.reply.id,
                status,
                self.who,
                now,
                was=was,
                response_id=response_id,
            ):
                raise ReplyError("settled")


def act(deps: Deps, who: Viewer, reply_id: int, verb: str, form: Mapping[str, Any]) -> Done:
    """Do what the viewer decided: `record` (`score`, `comment`), `refuse`, `never`, `dismiss`, `restore`; of a notice
    that a letter came back only `dead`, `dismiss`, `restore`.

    Raises `ReplyError`, `PermissionError` for the client of a colleague, `LookupError` for no such reply.
    """
    doing = _VERBS.get(verb)
    if doing is None:
        return "nothing"
    with reading(deps.sessions) as session:
        found = rows.shown(session, who.portal_id, reply_id)
        if found is None or found.line is None or found.wave_id is None or found.reply.invitation_id is None:
            raise LookupError(f"reply {reply_id}")
        mine = rights.of(session, who.portal_id, who)
        if not mine.sees(found.line.manager_id, found.line.city):
            raise PermissionError(verb)
        client = ClientKey.parse(f"{found.line.client_kind}:{found.line.client_id}")
        owners = {found.line.manager_id, *client_owners.owners(session, who.portal_id, {client})[client]}
        author = rights.name_of(session, who.portal_id, who.user_id)
    if who.user_id in owners:
        raise ReplyError("own_client")
    if (verb == "dead") != (found.reply.kind == returned_letters.KIND) and verb not in ("dismiss", "restore"):
        return "nothing"
    _settle_once(found, verb)
    case = _Case(deps, who.portal_id, found.reply, found.reply.invitation_id, found.wave_id, client, author)
    return doing(case, form)


def _settle_once(found: Shown, verb: str) -> None:
    wanted = "dismissed" if verb == "restore" else "new"
    if found.reply.status != wanted:
        raise ReplyError("settled")


def _record(case: _Case, form: Mapping[str, Any]) -> Done:
    """The score the person gave in the reply; it takes the place of an answer that was held."""
    given = {"score": str(form.get("score", "")), "comment": str(form.get("comment", ""))}
    result = corrections.record(
        case.deps, case.portal_id, case.client, case.invitation_id, given, channel="email", who=case.who
    )
    if result.status == "problem":
        raise ReplyError("too_long" if result.problems[0][0] == "comment" else "bad_score")
    if result.status == "closed":
        raise ReplyError("closed")
    with reading(case.deps.sessions) as session:
        response = responses.response_of(session, case.portal_id, case.invitation_id)
    case.settled("recorded", response_id=response.id if response else None)
    return "recorded"


def _refuse(case: _Case, form: Mapping[str, Any]) -> Done:
    """The person does not want to answer this time; nothing more is sent in this survey."""
    said = case.reply.words.strip()[: wave_refusals.LONGEST_REASON] or WHY
    if not wave_refusals.refuse(
        case.deps, case.portal_id, case.wave_id, case.invitation_id, case.who, said
    ) and not _refused_already(case):
        raise ReplyError("closed")
    case.settled("refused")
    return "refused"


def _refused_already(case: _Case) -> bool:
    """Whether the refusal stands, because a worker died before the reply was settled, or a colleague noted it."""
    with reading(case.deps.sessions) as session:
        found = rows.shown(session, case.portal_id, case.reply.id)
    return found is not None and found.outcome == wave_refusals.REFUSED


def _never(case: _Case, form: Mapping[str, Any]) -> Done:
    """Never ask this person again, as if they had pressed the link in the letter."""
    status = card_people.opt_out(
        case.deps, case.portal_id, case.client, case.reply.contact_id or 0, who=case.who, reason=WHY
    )
    if status == "unknown":
        raise ReplyError("no_person")
    case.settled("opted_out")
    return "opted_out"


def _dead(case: _Case, form: Mapping[str, Any]) -> Done:
    """The notice is true: nobody is written to at this address any more, until somebody says that it works again."""
    now = case.deps.clock.now()
    with transaction(case.deps.sessions) as session:
        done = rows.settle(
            session, case.portal_id, case.reply.id, returned_letters.CONFIRMED, case.who, now, was=("new",)
        )
        if not done:
            raise ReplyError("settled")
        if not returned_letters.confirm(session, case.reply, case.who, now):
            raise ReplyError("closed")
    return "returned"


def _dismiss(case: _Case, form: Mapping[str, Any]) -> Done:
    case.settled("dismissed")
    return "dismissed"


def _restore(case: _Case, form: Mapping[str, Any]) -> Done:
    case.settled("new", was=("dismissed",))
    return "restored"


_VERBS: dict[str, Callable[[_Case, Mapping[str, Any]], Done]] = {
    "record": _record, "refuse": _refuse, "never": _never, "dead": _dead, "dismiss": _dismiss,
    "restore": _restore,
}  # fmt: skip
