"""An application of nothing but the presentation: no database stands behind these tests."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask, render_template_string

from provisioner.config import Settings
from provisioner.presentation import init_presentation

ROOT = Path(__file__).parents[2]
Render = Callable[..., str]


@pytest.fixture
def app() -> Flask:
    app = Flask("provisioner", template_folder=str(ROOT / "templates"))
    app.config.from_mapping(SETTINGS=Settings(), SECRET_KEY="for tests")
    init_presentation(app)
    app.jinja_env.globals["csrf_token"] = lambda: "a-token"
    return app


@pytest.fixture
def render(app: Flask) -> Render:
    """Renders a piece of a page in a language, as for a request to `path`."""

    def rendered(source: str, language: str = "en", path: str = "/", **values: object) -> str:
        with app.test_request_context(path, headers={"Cookie": f"language={language}"}):
            return render_template_string(source, **values)

    return rendered


@pytest.fixture
def winter() -> datetime:
    return datetime.fromisoformat("2025-11-23T17:05:12+00:00")
