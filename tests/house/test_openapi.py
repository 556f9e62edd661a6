"""The API describes itself completely: what is not in its description is not there."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def described(client: FlaskClient) -> dict[str, Any]:
    return dict(client.get("/api/v1/openapi.json").json)


def operations(described: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def test_every_door_of_the_api_is_described(app: Flask, described: dict[str, Any]) -> None:
    there = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith("/api/v1/") and rule.endpoint != "api-docs.openapi_json"
    }

    assert {each for each in there if each[0] in METHODS} == set(operations(described))


def test_every_operation_says_what_it_does_answers_and_refuses(described: dict[str, Any]) -> None:
    for name, operation in operations(described).items():
        answers = set(operation["responses"])
        assert operation["summary"], name
        assert any(status.startswith("2") for status in answers), name
        assert "default" in answers, name


def test_everything_that_is_referred_to_is_there(described: dict[str, Any]) -> None:
    for reference in re.findall(r"'\$ref': '#/components/(\w+)/(\w+)'", str(described)):
        section, name = reference
        assert name in described["components"][section]


def test_refusals_are_described_as_problems(described: dict[str, Any]) -> None:
    refusal = described["components"]["responses"]["DEFAULT_ERROR"]["content"]

    assert list(refusal) == ["application/problem+json"]
    assert refusal["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/ProblemView"}


def test_whoever_asks_for_an_action_is_told_about_the_key_and_the_dry_run(described: dict[str, Any]) -> None:
    asked = operations(described)["post", "/api/v1/requests"]

    named = {parameter["name"]: parameter["in"] for parameter in asked["parameters"] if "name" in parameter}
    assert named == {"Idempotency-Key": "header", "dry_run": "query"}
    assert set(asked["responses"]["202"]["headers"]) >= {"Location", "Operation-Location", "Retry-After"}


def test_every_write_takes_a_dry_run(described: dict[str, Any]) -> None:
    without = {
        name
        for name, operation in operations(described).items()
        if name[0] != "get" and "dry_run" not in {each.get("name") for each in operation.get("parameters", ())}
    }

    assert without == set()


def test_callers_are_told_how_to_say_who_they_are(described: dict[str, Any]) -> None:
    assert described["security"] == [{"token": []}]
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
