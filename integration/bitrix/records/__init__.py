"""What REST answers hold, as frozen records (bitrix24.md 4.7, 7, 10-12).

Ids are positive or None, days are the portal's own calendar days, moments are aware UTC. Values of user
fields stay as the portal gave them in ``uf``: read them with ``uf_text``, ``uf_int``, ``uf_day``,
``uf_flag``, ``uf_enum`` (ids as strings) and ``calls.parse_link``. ``X.read(row)`` raises ``RecordError`` for
a row that cannot be told from others; ``read_all`` leaves such rows out and counts them.
"""

from integration.bitrix.records.cards import Company, Contact, Deal, Lead, StageMove
from integration.bitrix.records.others import (
    Address,
    Category,
    Comment,
    Currency,
    Department,
    Link,
    Stage,
    Task,
    User,
    WorkCalendar,
)
from integration.bitrix.records.readers import RecordError, read_all
from integration.bitrix.records.values import uf_day, uf_enum, uf_flag, uf_int, uf_money, uf_text

__all__ = [
    "Address", "Category", "Comment", "Company", "Contact", "Currency", "Deal", "Department", "Lead", "Link",
    "RecordError", "Stage", "StageMove", "Task", "User", "WorkCalendar", "read_all", "uf_day", "uf_enum",
    "uf_flag", "uf_int", "uf_money", "uf_text",
]  # fmt: skip
