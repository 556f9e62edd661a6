"""The register by API."""

from uuid import uuid4

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations import queries, service
from provisioner.administrations.service import NewName
from provisioner.db import transaction
from tests import factories
from tests.factories import Api

PATH = "/administrations"


@pytest.fixture
def api(app: Flask) -> Api:
    return Api(app, Role.ADMINISTRATOR)


def detail(answer):
    assert answer.status_code in {200, 201}, answer.json
    return answer.json


def refused(answer, status):
    """The faults by pointer of an answer that is a problem."""
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    return {fault["pointer"] for fault in answer.json["errors"]}


def test_a_list_comes_in_pages_whose_addresses_stand_in_link(api):
    for number in range(3):
        factories.administration(f"rabat-{number}", fr=f"Rabat {number}")
    factories.administration("fes", fr="Fès")

    first = api.get(f"{PATH}?text=rabat&page_size=2&with_total=true")
    following = first.headers["Link"].removeprefix("</api/v1").removesuffix('>; rel="next"')
    second = api.get(following)

    assert [each["slug"] for each in first.json["items"]] == ["rabat-0", "rabat-1"]
    assert first.json["total"] == 3
    assert [each["slug"] for each in second.json["items"]] == ["rabat-2"]
    assert second.json["next"] is None
    assert "Link" not in second.headers


@pytest.mark.parametrize("query", ["kinds=commune", "kind=village", "page_size=0", "page_size=201", "as_of=yesterday"])
def test_an_unknown_filter_or_value_is_refused_not_ignored(api, query):
    assert refused(api.get(f"{PATH}?{query}"), 400) == {f"/{query.partition('=')[0]}"}


def test_filters_name_administrations_as_people_do(api):
    factories.administration("region", "region", identifiers={"hcp": "04"})
    factories.administration("province", "province", parent="region")

    assert [each["slug"] for each in api.get(f"{PATH}?parent=hcp:04").json["items"]] == ["province"]
    assert {each["slug"] for each in api.get(f"{PATH}?region=region").json["items"]} == {"region", "province"}
    assert api.get(f"{PATH}?region=nowhere").status_code == 404


def test_one_administration_shows_what_it_is_called_and_was(api):
    made = factories.administration("temara", fr="Temara", ar="تمارة", identifiers={"hcp": "04.501"})
    with transaction():
        service.rename(made.id, NewName(language="fr", text="Témara"))

    shown = detail(api.get(f"{PATH}/{made.id}"))

    assert shown["names"] == {"fr": "Témara", "ar": "تمارة"}
    assert shown["identifiers"] == {"hcp": "04.501"}
    french = [each for each in shown["names_over_time"] if each["language"] == "fr"]
    assert [each["text"] for each in french] == ["Témara", "Temara"]
    assert french[1]["until"] == french[0]["since"]
    past = detail(api.get(f"{PATH}/{made.id}", query_string={"as_of": french[1]["since"]}))
    assert past["names"]["fr"] == "Temara"


def test_what_is_not_there_is_not_found(api):
    assert api.get(f"{PATH}/{uuid4()}").status_code == 404
    assert api.call("PATCH", f"{PATH}/{uuid4()}", json={}, headers={"If-Match": '"x"'}).status_code == 404


def test_registering_answers_with_the_address_of_what_is_there_now(api):
    answer = api.post(PATH, json={"kind": "commune", "names": {"fr": "Témara"}, "identifiers": {"hcp": "04.501"}})

    assert answer.status_code == 201
    assert answer.json["slug"] == "temara"
    assert detail(api.get(answer.headers["Location"].removeprefix("/api/v1"))) == answer.json


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"kind": "commune", "names": {"fr": "X"}, "colour": "red"}, {"/colour"}),
        ({"kind": "village", "names": {"fr": "X"}}, {"/kind"}),
        ({"kind": "commune"}, {"/names"}),
        (
            {"kind": "commune", "names": {"fr": "", "de": "X"}, "parent": "nobody"},
            {"/names/fr", "/names/de", "/parent"},
        ),
    ],
)
def test_bad_input_is_refused_with_a_pointer_to_each_fault(api, body, pointers):
    assert refused(api.post(PATH, json=body), 422) == pointers


def test_an_edit_needs_to_say_which_state_it_saw(api):
    made = factories.administration("temara")
    seen = api.get(f"{PATH}/{made.id}").headers["ETag"]
    change = {"json": {"kind": "arrondissement"}}

    blind = api.call("PATCH", f"{PATH}/{made.id}", **change)
    edited = api.call("PATCH", f"{PATH}/{made.id}", **change, headers={"If-Match": seen})
    late = api.call("PATCH", f"{PATH}/{made.id}", json={"kind": "other"}, headers={"If-Match": seen})

    assert (blind.status_code, edited.status_code, late.status_code) == (428, 200, 412)
    assert edited.json["kind"] == "arrondissement"
    assert edited.headers["ETag"] == api.get(f"{PATH}/{made.id}").headers["ETag"] != seen
    assert queries.by_id(made.id).kind == "arrondissement"


def test_a_new_name_is_a_new_state(api):
    made = factories.administration("temara")
    seen = api.get(f"{PATH}/{made.id}").headers["ETag"]
    detail(api.post(f"{PATH}/{made.id}/names", json={"language": "en", "text": "Temara"}))

    answer = api.call("PATCH", f"{PATH}/{made.id}", json={"kind": "other"}, headers={"If-Match": seen})

    assert answer.status_code == 412


def test_who_knows_the_present_state_is_not_sent_it_again(api):
    made = factories.administration("temara")
    seen = api.get(f"{PATH}/{made.id}").headers["ETag"]

    answer = api.get(f"{PATH}/{made.id}", headers={"If-None-Match": seen})

    assert (answer.status_code, answer.data) == (304, b"")


def test_names_and_codes_are_given_by_paths_of_their_own(api):
    made = factories.administration("temara", fr="Temara")

    renamed = detail(api.post(f"{PATH}/{made.id}/names", json={"language": "fr", "text": "Témara"}))
    coded = detail(api.post(f"{PATH}/{made.id}/identifiers", json={"scheme": "ice", "value": "001234567890123"}))

    assert renamed["names"]["fr"] == "Témara"
    assert coded["identifiers"] == {"ice": "001234567890123"}
    assert refused(api.post(f"{PATH}/{made.id}/identifiers", json={"scheme": "ice", "value": "1"}), 422) == {"/value"}


def test_a_dry_run_answers_what_would_be_and_leaves_no_trace(api):
    made = factories.administration("temara", fr="Temara")
    seen = {"If-Match": api.get(f"{PATH}/{made.id}").headers["ETag"]}
    before = factories.row_counts()

    registered = api.post(f"{PATH}?dry_run=true", json={"kind": "commune", "names": {"fr": "Rabat"}})
    edited = api.call("PATCH", f"{PATH}/{made.id}?dry_run=true", json={"slug": "other"}, headers=seen)
    renamed = api.post(f"{PATH}/{made.id}/names?dry_run=true", json={"language": "fr", "text": "Témara"})

    assert (registered.status_code, registered.json["slug"]) == (200, "rabat")
    assert (edited.json["slug"], renamed.json["names"]["fr"]) == ("other", "Témara")
    assert factories.row_counts() == before
    assert (queries.by_id(made.id).slug, queries.by_id(made.id).names["fr"]) == ("temara", "Temara")


def test_only_administrators_write(app):
    made = factories.administration("temara")
    operator = Api(app, Role.OPERATOR)

    assert operator.get(PATH).status_code == 200
    assert operator.post(PATH, json={"kind": "commune", "names": {"fr": "X"}}).status_code == 403
    assert operator.post(f"{PATH}/{made.id}/names", json={"language": "fr", "text": "X"}).status_code == 403
    assert operator.call("PATCH", f"{PATH}/{made.id}", json={}, headers={"If-Match": '"x"'}).status_code == 403
    assert Api(app).get(PATH).status_code == 401
