"""Lists of past referrals: their rows by status, who brought whom as it stands, and candidates (product.md R)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import and_, delete, exists, func, insert, null, or_, select, update
from sqlalchemy.orm import Session

from integration.nps.people import CardKey, ClientKey
from integration.store.clients import Company, Contact, Deal, Lead
from integration.store.referral_import_rows import ReferralImport, ReferralImportRow
from integration.store.referral_rows import Referral

_WEAK = ("", "unknown")  # sources that say nothing yet


def add(session: Session, portal_id: int, **values: Any) -> ReferralImport:
    """A new list, without rows."""
    made = ReferralImport(portal_id=portal_id, **values)
    session.add(made)
    session.flush()
    return made


def add_rows(session: Session, portal_id: int, import_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """The rows of a list, all with the same keys."""
    if rows:
        session.execute(
            insert(ReferralImportRow),
            [{"portal_id": portal_id, "import_id": import_id, **row} for row in rows],
        )


def get(session: Session, portal_id: int, import_id: int, *, held: bool = False) -> ReferralImport | None:
    """A list of this portal; `held` until the end of the transaction, so that two workers do not work on it at once."""
    statement = select(ReferralImport).where(
        ReferralImport.portal_id == portal_id, ReferralImport.id == import_id
    )
    if held:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalars(statement).one_or_none()


def latest(session: Session, portal_id: int, limit: int) -> list[ReferralImport]:
    """Lists that were not dropped, the newest first."""
    statement = select(ReferralImport).where(
        ReferralImport.portal_id == portal_id, ReferralImport.stage != "dropped"
    )
    return list(session.scalars(statement.order_by(ReferralImport.id.desc()).limit(limit)))


def earlier(session: Session, portal_id: int, import_id: int, digest: str) -> ReferralImport | None:
    """The same file, taken before and not taken back."""
    statement = select(ReferralImport).where(
        ReferralImport.portal_id == portal_id, ReferralImport.digest == digest, ReferralImport.id != import_id,
        ReferralImport.stage.in_(("applying", "done")),
    )  # fmt: skip
    return session.scalars(statement.order_by(ReferralImport.id.desc()).limit(1)).first()


def rows_of(
    session: Session, portal_id: int, import_id: int, statuses: Collection[str] = (), *, after: int = 0,
    limit: int | None = None, descending: bool = False,
) -> list[ReferralImportRow]:  # fmt: skip
    """Rows behind number `after` with one of these statuses (none: all), by number."""
    statement = select(ReferralImportRow).where(
        ReferralImportRow.portal_id == portal_id, ReferralImportRow.import_id == import_id,
        ReferralImportRow.number > after,
    )  # fmt: skip
    if statuses:
        statement = statement.where(ReferralImportRow.status.in_(sorted(statuses)))
    order = ReferralImportRow.number.desc() if descending else ReferralImportRow.number
    statement = statement.order_by(order).limit(limit).execution_options(populate_existing=True)
    return list(session.scalars(statement))


def page_of(
    session: Session, portal_id: int, import_id: int, statuses: Collection[str], offset: int, limit: int
) -> list[ReferralImportRow]:
    """A page of the rows with these statuses, by number."""
    statement = select(ReferralImportRow).where(
        ReferralImportRow.portal_id == portal_id, ReferralImportRow.import_id == import_id,
        ReferralImportRow.status.in_(sorted(statuses)),
    )  # fmt: skip
    return list(session.scalars(statement.order_by(ReferralImportRow.number).offset(offset).limit(limit)))


def next_ready(session: Session, portal_id: int, import_id: int, limit: int) -> list[ReferralImportRow]:
    """Rows to be taken, the first claim first."""
    statement = select(ReferralImportRow).where(
        ReferralImportRow.portal_id == portal_id, ReferralImportRow.import_id == import_id,
        ReferralImportRow.status == "ready",
    )  # fmt: skip
    return list(
        session.scalars(statement.order_by(ReferralImportRow.day, ReferralImportRow.number).limit(limit))
    )


def row(session: Session, portal_id: int, import_id: int, number: int) -> ReferralImportRow | None:
    """One row by its number in the file."""
    statement = select(ReferralImportRow).where(
        ReferralImportRow.portal_id == portal_id, ReferralImportRow.import_id == import_id,
        ReferralImportRow.number == number,
    )  # fmt: skip
    return session.scalars(statement).one_or_none()


def counts(session: Session, portal_id: int, import_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """Rows of lists by status."""
    statement = (
        select(ReferralImportRow.import_id, ReferralImportRow.status, func.count())
        .where(ReferralImportRow.portal_id == portal_id, ReferralImportRow.import_id.in_(sorted(import_ids)))
        .group_by(ReferralImportRow.import_id, ReferralImportRow.status)
    )
    found: dict[int, dict[str, int]] = {}
    for import_id, status, count in session.execute(statement):
        found.setdefault(import_id, {})[status] = count
    return found


def take_out(session: Session, portal_id: int, import_id: int, statuses: Collection[str]) -> None:
    """People leave out all rows with these statuses."""
    session.execute(
        update(ReferralImportRow)
        .where(
            ReferralImportRow.portal_id == portal_id, ReferralImportRow.import_id == import_id,
            ReferralImportRow.status.in_(sorted(statuses)),
        )
        .values(status="left")
        .execution_options(synchronize_session=False)
    )  # fmt: skip


def drop(session: Session, portal_id: int, before: datetime, stages: Collection[str]) -> int:
    """Forget lists that have been in one of these stages since before a moment; how many."""
    gone = session.execute(
        delete(ReferralImport)
        .where(
            ReferralImport.portal_id == portal_id, ReferralImport.moved_at < before,
            ReferralImport.stage.in_(sorted(stages)),
        )
        .returning(ReferralImport.id)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return len(gone.all())


def blank(session: Session, portal_id: int, before: datetime) -> int:
    """Forget names and notes of lists that ended before a moment; what they did stays. How many rows."""
    ended = select(ReferralImport.id).where(
        ReferralImport.portal_id == portal_id, ReferralImport.moved_at < before,
        ReferralImport.stage.in_(("done", "undone")),
    )  # fmt: skip
    done = session.execute(
        update(ReferralImportRow)
        .where(
            ReferralImportRow.portal_id == portal_id, ReferralImportRow.import_id.in_(ended),
            or_(
                ReferralImportRow.client != "", ReferralImportRow.referrer != "", ReferralImportRow.note != ""
            ),
        )
        .values(client="", referrer="", note="")
        .returning(ReferralImportRow.id)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return len(done.all())


def forget_rows(session: Session, portal_id: int, import_id: int) -> None:
    """The rows of a list that was dropped."""
    session.execute(
        delete(ReferralImportRow)
        .where(ReferralImportRow.portal_id == portal_id, ReferralImportRow.import_id == import_id)
        .execution_options(synchronize_session=False)
    )


def forget_people(
    session: Session, portal_id: int, contacts: Collection[int], addresses: Collection[str]
) -> None:
    """Rows about these people lose names and notes (product.md T7)."""
    rows = ReferralImportRow
    people, written = sorted(contacts), sorted(addresses)
    session.execute(
        update(rows)
        .where(
            rows.portal_id == portal_id,
            or_(
                and_(rows.client_kind == "contact", rows.client_id.in_(people)),
                and_(rows.referrer_kind == "contact", rows.referrer_id.in_(people)),
                func.lower(rows.client).in_(written), func.lower(rows.referrer).in_(written),
            ),
        )
        .values(client="", referrer="", note="")
        .execution_options(synchronize_session=False)
    )  # fmt: skip


def under_way(session: Session, portal_id: int, newcomer: CardKey) -> bool:
    """Whether a list that is being applied says something about this newcomer."""
    statement = select(
        exists().where(
            ReferralImportRow.portal_id == portal_id, ReferralImportRow.newcomer_kind == newcomer.kind,
            ReferralImportRow.newcomer_id == newcomer.id, ReferralImportRow.import_id == ReferralImport.id,
            ReferralImport.portal_id == portal_id, ReferralImport.stage == "applying",
        )
    )  # fmt: skip
    return bool(session.scalar(statement))


# --- the portal's cards


def brought_by(session: Session, portal_id: int) -> dict[ClientKey, ClientKey]:
    """Who brought each client, as it stands."""
    statement = select(
        Referral.newcomer_kind, Referral.newcomer_id, Referral.referrer_kind, Referral.referrer_id
    ).where(
        Referral.portal_id == portal_id, Referral.problem == "", Referral.referrer_id > 0,
        Referral.newcomer_kind.in_(("company", "contact")),
    )  # fmt: skip
    return {
        ClientKey(cast("Any", kind), number): ClientKey(cast("Any", other), above)
        for kind, number, other, above in session.execute(statement)
    }


def names(session: Session, portal_id: int, keys: Collection[CardKey | ClientKey]) -> dict[CardKey, str]:
    """Names of living cards: title of a company, deal or lead, name of a contact."""
    found: dict[CardKey, str] = {}
    for kind, table in (("company", Company), ("contact", Contact), ("deal", Deal), ("lead", Lead)):
        ids = sorted({key.id for key in keys if key.kind == kind})
        if not ids:
            continue
        model: Any = table
        statement = select(model).where(
            model.portal_id == portal_id, model.id.in_(ids), model.deleted_at.is_(None)
        )
        for card in session.scalars(statement.order_by(model.id)):
            text = f"{card.name} {card.last_name}".strip() if kind == "contact" else card.title
            found[CardKey(kind, card.id)] = text  # type: ignore[arg-type]
    return found


def recommended(
    session: Session,
    portal_id: int,
    source_id: str,
    kind: str,
    after: int,
    limit: int,
    *,
    fresh: bool = False,
) -> list[tuple[CardKey, datetime | None, str]]:
    """Leads or deals behind number `after` whose source in the portal is this one while nobody is named for their
    client, the card itself or the client it is linked to: card, when it was made, title. `fresh`: only those of whom
    nothing at all is known."""
    table: Any = Lead if kind == "lead" else Deal
    weak = ("",) if fresh else _WEAK
    said = exists().where(
        Referral.portal_id == portal_id,
        or_(Referral.named_id > 0, Referral.source.not_in(weak)),
        or_(
            and_(Referral.newcomer_kind == kind, Referral.newcomer_id == table.id),
            and_(Referral.newcomer_kind == "company", Referral.newcomer_id == table.company_id),
            and_(Referral.newcomer_kind == "contact", Referral.newcomer_id == table.contact_id),
        ),
    )
    statement = (
        select(table.id, Deal.created_at if kind == "deal" else null(), table.title)
        .where(
            table.portal_id == portal_id, table.id > after, table.deleted_at.is_(None),
            table.source_id == source_id, ~said,
        )
        .order_by(table.id)
        .limit(limit)
    )  # fmt: skip
    return [(CardKey(kind, number), at, title) for number, at, title in session.execute(statement)]  # type: ignore[arg-type]
