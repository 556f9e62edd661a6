"""What the pages show of the administration."""

import json
from pathlib import Path
from typing import Any

import roundup


def init(tracker: Any) -> None:
    facts = json.loads(Path(tracker.config.HOME, "facts.json").read_text(encoding="utf-8"))
    parameters = facts["parameters"]
    tracker.registerUtil("administration", lambda language: facts["administration"][language])
    tracker.registerUtil("parameter", lambda name: parameters[name])
    tracker.registerUtil("direction", lambda: "rtl" if parameters["main_language"] == "ar" else "ltr")
    tracker.registerUtil("generator", lambda: f"Roundup {roundup.__version__}")
