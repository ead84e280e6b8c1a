"""REST methods by topic; importing this package fills ``portal.METHODS``."""

from . import (  # noqa: F401
    activities,
    automation,
    calendar,
    classic,
    crm_item,
    dictionaries,
    duplicates,
    employees,
    event_methods,
    layouts,
    links,
    mails,
    robot_methods,
    system,
    task_methods,
    timeline,
    userfields,
    widgets,
)
