"""What is made of a name: its cleaned spelling, its search key, its place in a list, its hostname label."""

import re
import struct
import unicodedata
from functools import cache

from pyuca import Collator

LABEL_LENGTH = 32

_MARKS = {"Mn", "Me"}  # vowel signs, hamzas and accents, once decomposed
_INVISIBLE = {"Cc", "Cf", "Cs"}  # controls, bidi and zero-width characters, lone surrogates
_SEPARATORS = "'`\u2018\u2019\u201b\u02b9\u02bb\u02bc\u02be\u02bf\u2032-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_LETTERS = str.maketrans(
    {
        "ٱ": "ا",
        "ى": "ي",
        "ی": "ي",
        "ة": "ه",
        "ڭ": "ك",
        "ݣ": "ك",
        "گ": "ك",
        "ک": "ك",
        "ڤ": "ف",
        "œ": "oe",
        "æ": "ae",
        "\u0640": "",  # tatweel
    }
    | dict(zip("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789", strict=True))
    | dict.fromkeys(_SEPARATORS, " ")
)


def clean(text: str) -> str:
    """The name as typed, in composed letters, single spaces and nothing that cannot be seen."""
    return " ".join(unicodedata.normalize("NFC", _without(_INVISIBLE, text)).split())


def fold(text: str) -> str:
    """The search key: the same for the spellings that people take for one name. Folding a key changes nothing."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    return " ".join(_without(_MARKS | _INVISIBLE, letters).translate(_LETTERS).split())


def sort_key(text: str) -> bytes:
    """The name's place in the order of the Unicode Collation Algorithm, to be compared byte by byte."""
    weights: tuple[int, ...] = _collator().sort_key(text)
    return struct.pack(f">{len(weights)}H", *weights)


def slug(text: str) -> str | None:
    """A hostname label of whole words, or None where no Latin letter offers one: Arabic is never transliterated."""
    label = re.sub(r"[^a-z0-9]+", "-", fold(text)).lstrip("-0123456789").rstrip("-")
    if len(label) > LABEL_LENGTH:
        label = label[: LABEL_LENGTH + 1].rpartition("-")[0] or label[:LABEL_LENGTH]
    return label or None


def _without(categories: set[str], text: str) -> str:
    return "".join(char for char in text if char.isspace() or unicodedata.category(char) not in categories)


@cache
def _collator() -> Collator:
    # Reads a table of 1.8 MB in 0.1 s: too slow for commands that sort nothing.
    return Collator()
