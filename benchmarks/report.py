"""Figures as tables, and the page of the documentation that holds them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_INTRO = """\
# Benchmarks

Written by `make bench` (`python -m benchmarks [NAME…] [--quick]`); a quick run prints and writes nothing.
Every comparison is made within one run, by turns, and given as medians; what counts are the ratios, because
seconds are those of one machine. Nothing here runs in CI.
"""


@dataclass(frozen=True)
class Table:
    """Rows of text under a head; ``caption`` is a sentence above it."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def lines(self) -> Iterable[str]:
        """As Markdown."""
        yield f"{self.caption}\n"
        yield _row(self.head)
        yield _row(["---"] * len(self.head))
        yield from (_row(row) for row in self.rows)
        yield ""


@dataclass(frozen=True)
class Target:
    """One promise: what, how much was wanted, what was seen, whether that is enough."""

    what: str
    wanted: str
    seen: str
    met: bool


@dataclass
class Section:
    """The figures of one benchmark."""

    name: str
    title: str
    text: str
    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    machine: str = ""

    def markdown(self) -> str:
        """The section as it stands on the page."""
        lines = [f"## {self.title}", "", fill(self.text, 110), ""]
        for table in self.tables:
            lines += table.lines()
        rows = [(t.what, t.wanted, t.seen, "yes" if t.met else "**no**") for t in self.targets]
        lines += Table("Promised and seen:", ("promise", "wanted", "seen", "kept"), rows).lines()
        if self.machine:
            lines += [f"*{self.machine}*", ""]
        return "\n".join(lines).rstrip() + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def write(sections: Sequence[Section], order: Sequence[str], page: Path = PAGE) -> None:
    """Puts these sections on the page; those of benchmarks that were not run stay as they are."""
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    found = dict(re.findall(r"<!-- (\w+) -->\n(.*?)<!-- end -->", old, re.DOTALL))
    found |= {section.name: section.markdown() for section in sections}
    parts = [f"<!-- {name} -->\n{found[name]}<!-- end -->\n" for name in order if name in found]
    page.write_text(_INTRO + "\n" + "\n".join(parts), encoding="utf-8")


def number(value: float, digits: int = 0) -> str:
    """A figure with thousands separated: ``12,345`` or ``0.82``."""
    return f"{value:,.{digits}f}"


def percent(share: float) -> str:
    """``0.9731`` as ``97.3 %``."""
    return f"{100 * share:.1f} %"
