"""Nobody meets an untranslated sentence: the catalogues know every one of them, in every language."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "build_backend"))

import messages  # noqa: E402 - the build backend is no package

FILES = messages.catalogue_files()
HOW = "run: python build_backend/messages.py, then translate what is empty in provisioner/translations"


def of_language(file: Path) -> str:
    return file.parent.parent.name


def test_there_is_a_catalogue_for_each_language_but_english():
    assert [of_language(file) for file in FILES] == ["ar", "fr"]


@pytest.mark.parametrize("file", FILES, ids=of_language)
def test_the_catalogue_holds_exactly_the_sentences_of_code_and_pages(file: Path):
    extracted = {(message.id, message.context) for message in messages.extract() if message.id}
    known = {(message.id, message.context) for message in messages.read(file) if message.id}

    assert (extracted - known, known - extracted) == (set(), set()), HOW


@pytest.mark.parametrize("file", FILES, ids=of_language)
def test_every_sentence_is_translated_with_its_placeholders(file: Path):
    catalogue = messages.read(file)
    untranslated = [each.id for each in catalogue if not messages.is_complete(each)]
    wrong = [(message.id, [str(error) for error in errors]) for message, errors in catalogue.check()]

    assert (untranslated, wrong) == ([], []), HOW


def test_no_page_translates_a_variable():
    """In a page `_()` marks its result as safe HTML: a text from a person must go through the filter `translated`."""
    calls = re.compile(r"\b_\(\s*(?![\"'])[^)]*\)")
    found = {page.name: calls.findall(page.read_text()) for page in (ROOT / "templates").rglob("*.html")}

    assert {page: each for page, each in found.items() if each} == {}
