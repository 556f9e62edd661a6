"""Keep the translations in step with the code.

`python build_backend/messages.py` finds every sentence in code and pages, adds the new ones, untranslated, to
provisioner/translations/<language>/LC_MESSAGES/messages.po, drops those that are gone, and compiles the catalogues.
The build backend only compiles. tests/house/test_translations.py fails while a sentence is missing or untranslated.
"""

import ast
import builtins
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
TRANSLATIONS = ROOT / "provisioner" / "translations"
KEYWORDS = {
    **dict.fromkeys(("_", "_l", "gettext")),
    **dict.fromkeys(("_lp", "pgettext"), ((1, "c"), 2)),
    "ngettext": (1, 2),
}
ERRORS = ast.parse((ROOT / "provisioner" / "errors.py").read_text())
DOMAIN_ERRORS = {each.name for each in ERRORS.body if isinstance(each, ast.ClassDef)}


def catalogue_files() -> list[Path]:
    return sorted(TRANSLATIONS.glob("*/LC_MESSAGES/messages.po"))


def read(file: Path) -> Catalog:
    with file.open("rb") as stream:
        return read_po(stream, locale=file.parent.parent.name)


def extract() -> Catalog:
    """Every sentence of the code and the pages, as babel.cfg lists them."""
    with (ROOT / "babel.cfg").open() as stream:
        methods, options = parse_mapping_cfg(stream)
    template = Catalog(project="provisioner", charset="utf-8")
    for file, line, text, comments, context in extract_from_dir(ROOT, methods, options, KEYWORDS, ["Translators:"]):
        template.add(text, None, [(file, line)], auto_comments=comments, context=context)
    return template


def update_catalogues() -> None:
    template = extract()
    for file in catalogue_files():
        catalogue = read(file)
        template.creation_date = catalogue.creation_date  # otherwise every run would change every file
        catalogue.update(template, no_fuzzy_matching=True)
        with file.open("wb") as stream:
            write_po(stream, catalogue, width=120, sort_output=True, ignore_obsolete=True, include_lineno=False)
        print(f"{file}: {sum(not is_complete(each) for each in catalogue)} sentences to translate")


def is_complete(message: Message) -> bool:
    texts = message.string if message.pluralizable else (message.string,)
    return all(texts) and not message.fuzzy


def compile_catalogues() -> None:
    for file in catalogue_files():
        with file.with_suffix(".mo").open("wb") as stream:
            write_mo(stream, read(file))


def extract_sentences(
    source: BinaryIO, keywords: dict[str, Any], comment_tags: list[str], options: dict[str, Any]
) -> Iterator[tuple[int, str | None, Any, list[str]]]:
    """Babel's reading of a Python file, and the sentences of its errors: they are translated where they are shown."""
    code = source.read()
    yield from extract_python(BytesIO(code), keywords, comment_tags, options)
    for node in ast.walk(ast.parse(code)):
        if sentence := _sentence_of_error(node):
            yield sentence.lineno, None, sentence.value, []


def _sentence_of_error(node: ast.AST) -> ast.Constant | None:
    """The text of `Conflict("...")`, `raise Fault("...")`, a class's `message = "..."` and `{"detail": "..."}`."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str()) as text, *_]) if name in DOMAIN_ERRORS:
            return text
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str()) as text, *_])):
            return None if hasattr(builtins, name) else text
        case ast.Assign(targets=[ast.Name(id="message")], value=ast.Constant(value=str()) as text):
            return text
        case ast.Dict(keys=[*_, ast.Constant(value="detail")], values=[*_, ast.Constant(value=str()) as text]):
            return text
    return None


if __name__ == "__main__":
    update_catalogues()
    compile_catalogues()
