"""The least that gunicorn can serve."""

import os
from collections.abc import Callable, Iterable


def app(environ: dict[str, str], start_response: Callable[..., None]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
