"""`python -m benchmarks [NAME…] [--quick]`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from benchmarks import report
from benchmarks.report import Section


def _first_sync(quick: bool) -> Section:
    from benchmarks import first_sync

    return first_sync.main(quick)


def _writing(quick: bool) -> Section:
    from benchmarks import writing

    return writing.main(quick)


def _intake(quick: bool) -> Section:
    from benchmarks import intake

    return intake.main(quick)


def _freezing(quick: bool) -> Section:
    from benchmarks import freezing

    return freezing.main(quick)


def _pages(quick: bool) -> Section:
    from benchmarks import pages

    return pages.main(quick)


def _clicks(quick: bool) -> Section:
    from benchmarks import clicks

    return clicks.main(quick)


def _portals_beside(quick: bool) -> Section:
    from benchmarks import portals_beside

    return portals_beside.main(quick)


def _referrals(quick: bool) -> Section:
    from benchmarks import referrals

    return referrals.main(quick)


def _advancing(quick: bool) -> Section:
    from benchmarks import advancing

    return advancing.main(quick)


def _answers(quick: bool) -> Section:
    from benchmarks import answers

    return answers.main(quick)


def _sending(quick: bool) -> Section:
    from benchmarks import sending

    return sending.main(quick)


BENCHMARKS: dict[str, Callable[[bool], Section]] = {
    "first_sync": _first_sync,
    "writing": _writing,
    "intake": _intake,
    "freezing": _freezing,
    "pages": _pages,
    "clicks": _clicks,
    "portals_beside": _portals_beside,
    "referrals": _referrals,
    "sending": _sending,
    "advancing": _advancing,
    "answers": _answers,
}


def main(argv: list[str] | None = None) -> int:
    """Run the named benchmarks, all without names; the page is written unless the run is quick."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Figures beside those of others.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes; print only")
    arguments = parser.parse_args(argv)
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    missed = 0
    for name in arguments.names or BENCHMARKS:
        began = time.monotonic()
        section = BENCHMARKS[name](arguments.quick)
        print(section.markdown())
        print(f"({name}: {time.monotonic() - began:.0f} s)\n", flush=True)
        missed += sum(not target.met for target in section.targets)
        if not arguments.quick:
            report.write([section], list(BENCHMARKS))
    print(f"{missed} promises not kept." if missed else "All promises kept.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
