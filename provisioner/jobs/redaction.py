"""Taking known secrets out of what a run says, in every form in which they may appear there."""

import base64
import html
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "********"
SHORTEST = 6  # characters; shorter values would blacken ordinary words
LONG = 4096  # characters from which a text may have been cut, perhaps in the middle of a secret


def _escaped(text: str) -> set[str]:
    """As the text looks inside a JSON string, with and without letters beyond ASCII."""
    return {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}


def _in_base64(data: bytes) -> Iterator[str]:
    """What is always the same in the base64 of any text around the secret, whichever of three places it starts at."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + data).rstrip(b"=").decode()
        partly = -1 if (before + len(data)) % 3 else None  # the last character depends on what follows
        same = whole[(0, 2, 3)[before] : partly]
        yield same
        yield same.translate(str.maketrans("+/", "-_"))


def _forms(secret: str) -> set[str]:
    data = secret.encode()
    once = _escaped(secret)
    in_addresses = {quote(secret, safe=""), quote_plus(secret)}
    return {
        secret,
        *once,
        *(twice for each in once for twice in _escaped(each)),
        repr(secret)[1:-1],
        shlex.quote(secret),
        secret.replace("'", "''"),  # YAML and SQL
        html.escape(secret),
        *in_addresses,
        *(re.sub("%..", lambda found: found[0].lower(), each) for each in in_addresses),
        data.hex(),
        data.hex().upper(),
        *_in_base64(data),
    }


class Redactor:
    """`redactor(value)` is the value, of any JSON shape, without the given secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._forms))) if forms else None

    def __call__(self, value: Any) -> Any:
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self._whole(self._pattern.sub(HIDDEN, value))
        if isinstance(value, dict):
            return {self(key): self(each) for key, each in value.items()}
        return [self(each) for each in value] if isinstance(value, list) else value

    def _whole(self, text: str) -> str:
        """The text without the beginning of a secret at the end of what was cut."""
        if len(text) < LONG:
            return text
        halves = (form[:length] for form in self._forms for length in range(len(form) - 1, SHORTEST - 1, -1))
        half = next(filter(text.endswith, halves), "")
        return text.removesuffix(half) + HIDDEN if half else text
