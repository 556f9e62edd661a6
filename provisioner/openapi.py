"""How the API describes itself: OpenAPI at /api/v1/openapi.json."""

from typing import Any

from flask_smorest import Api
from marshmallow import Schema, fields

from provisioner.web import PROBLEM

OPENAPI: dict[str, Any] = {
    "API_TITLE": "Provisioner",
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api/v1",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    },
}


class FaultView(Schema):
    pointer = fields.String(metadata={"description": "The field, as a JSON Pointer (RFC 6901)."})
    detail = fields.String()


class ProblemView(Schema):
    """Why a call was refused (RFC 9457); some codes bring more facts."""

    type = fields.String(metadata={"description": "The page that explains the code."})
    title = fields.String()
    status = fields.Integer()
    code = fields.String(metadata={"description": "Stable; the same in every language."})
    detail = fields.String(metadata={"description": "A sentence in the reader's language."})
    errors = fields.List(fields.Nested(FaultView))


class Doors(Api):  # type: ignore[misc]  # flask-smorest has no types
    """flask-smorest without its own form of errors: web.py answers for all doors alike."""

    ERROR_SCHEMA = ProblemView

    def _register_error_handlers(self) -> None:
        pass

    def _register_responses(self) -> None:
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM  # what is registered here are the refusals
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE
