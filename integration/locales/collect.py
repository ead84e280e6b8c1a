"""Collect message ids from code and templates and bring the catalogues up to date.

`python -m integration.locales.collect` adds new messages untranslated, drops those nobody uses and names what
is missing. English is filled in by itself: its message ids are the texts.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from integration.i18n import LANGUAGES, LOCALES

ROOT = LOCALES.parent.parent
SOURCES = ("integration", "webhooks")
LEFT_OUT = (
    "integration/locales/", "integration/mail/templates/", "integration/migrations/",
    "integration/demo/", "integration/bitrix/sandbox/",  # the demo and its portal speak by lists of their own
)  # fmt: skip
IN_CODE = {"text": (1,), "plural": (1, 2), "mark": (0,), "say": (0,)}  # function -> places of its messages
IN_TEMPLATES = {"t": None, "n": (1, 2)}  # Babel counts from one

HEADER = r"""msgid ""
msgstr ""
"Language: {language}\n"
"Plural-Forms: {plural}\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""

MessageId = str | tuple[str, str]


def messages() -> dict[MessageId, set[str]]:
    """Every message id used in code and templates, with the files that use it."""
    found: dict[MessageId, set[str]] = {}
    for path in _files():
        for message in in_code(path.read_text()) if path.suffix == ".py" else _in_template(path):
            found.setdefault(message, set()).add(path.relative_to(ROOT).as_posix())
    return found


def in_code(source: str) -> Iterator[MessageId]:
    """The message ids of Python source. The syntax tree shows those inside f-strings too."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        places = IN_CODE.get(name, ())
        texts = [arg.value for arg in (node.args[place] for place in places if place < len(node.args))
                 if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]  # fmt: skip
        if texts and len(texts) == len(places):
            yield texts[0] if len(texts) == 1 else (texts[0], texts[1])


def _in_template(path: Path) -> Iterator[MessageId]:
    for _line, message, _comments, _context in extract_from_file(
        "jinja2.ext:babel_extract", path, keywords=IN_TEMPLATES, options={"silent": "false"}
    ):
        yield message if isinstance(message, str) else (message[0], message[1])


def catalogue_file(language: str) -> Path:
    """Where a language's catalogue lies."""
    return LOCALES / language / "LC_MESSAGES" / "messages.po"


def read(language: str) -> Catalog:
    """A language's catalogue as it stands; empty if there is none yet."""
    path = catalogue_file(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(language: str, used: dict[MessageId, set[str]]) -> list[MessageId]:
    """Write a language's catalogue anew with exactly the used messages; give back those without a text."""
    before, after = read(language), Catalog(locale=language, charset="utf-8")
    missing: list[MessageId] = []
    for message in sorted(used, key=lambda key: key if isinstance(key, str) else key[0]):
        known = before.get(message if isinstance(message, str) else message[0])
        string = message if language == "en" else (known.string if known is not None else "")
        if not string or (isinstance(string, tuple) and not all(string)):
            missing.append(message)
        after.add(message, string, locations=[(name, 0) for name in sorted(used[message])])
    with catalogue_file(language).open("wb") as file:
        file.write(HEADER.format(language=language, plural=after.plural_forms).encode())
        write_po(file, after, width=110, include_lineno=False, omit_header=True)
    return missing


def _files() -> Iterator[Path]:
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix in (".py", ".html") and not name.startswith(LEFT_OUT):
                yield path


def main() -> int:
    """Update all catalogues; the exit status is 1 while a text is missing."""
    used, incomplete = messages(), 0
    for language in LANGUAGES:
        for message in update(language, used):
            incomplete += 1
            sys.stdout.write(f"{language}: {message}\n")
    return 1 if incomplete else 0


if __name__ == "__main__":
    sys.exit(main())
