"""The settings pages, for administrators only (product.md P1, P2). Each module of this package is one section.

A module makes itself a section with `sections.section(...)`; nothing has to be added here.
"""

from __future__ import annotations

import importlib
import pkgutil

from integration.web.settings.sections import blueprint

__all__ = ["blueprint"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
