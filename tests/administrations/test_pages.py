"""The pages of the register."""

import re

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations import queries, service
from provisioner.administrations.service import NewName
from provisioner.db import transaction
from tests import factories
from tests.statements import counted
from tests.visitors import Visitor

HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"


@pytest.fixture
def administrator(app: Flask) -> Visitor:
    return Visitor(app, Role.ADMINISTRATOR)


@pytest.fixture
def viewer(app: Flask) -> Visitor:
    return Visitor(app, Role.VIEWER)


def listed(page):
    """The names in the list, in their order."""
    return re.findall(r'<th scope="row"><a [^>]*><bdi [^>]*>(.*?)</bdi>', page)


@pytest.mark.parametrize(
    ("language", "direction", "names"),
    [("fr", "ltr", ["Azrou", "Témara"]), ("en", "ltr", ["Azrou", "Témara"]), ("ar", "rtl", ["أزرو", "تمارة"])],
)
def test_the_list_shows_names_in_the_readers_language_and_finds_them_in_any(app, language, direction, names):
    factories.administration("temara", fr="Témara", ar="تمارة")
    factories.administration("azrou", fr="Azrou", ar="أزرو")
    reader = Visitor(app, Role.VIEWER, language=language)
    page = reader.get("/administrations").text

    assert listed(page) == names
    assert f'dir="{direction}"' in page
    assert listed(reader.get("/administrations?text=تماره").text) == names[1:]


def test_a_longer_list_asks_the_database_no_more_often(viewer):
    factories.administration("region", "region")
    with counted() as few:
        viewer.get("/administrations")
    for _ in range(5):
        factories.administration(parent="region")
    with counted() as many:
        viewer.get("/administrations")

    assert len(many) == len(few)


def test_the_pager_keeps_the_filters(viewer):
    for number in range(3):
        factories.administration(fr=f"Rabat {number}")
    factories.administration(fr="Fès")

    first = viewer.get("/administrations?text=rabat&page_size=2").text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    second = viewer.get(following[1].replace("&amp;", "&")).text

    assert listed(first) == ["Rabat 0", "Rabat 1"]
    assert listed(second) == ["Rabat 2"]
    assert "3 administrations" in first


def test_an_administration_shows_where_it_stands_and_what_it_was_called(viewer):
    factories.administration("region", "region", fr="Rabat-Salé")
    factories.administration("prefecture", "prefecture", fr="Skhirate", parent="region")
    made = factories.administration("temara", fr="Temara", parent="prefecture", identifiers={"hcp": "04.501"})
    with transaction():
        service.rename(made.id, NewName(language="fr", text="Témara"))
    page = viewer.get(f"/administrations/{made.id}").text
    trail = re.search(r'<nav class="breadcrumbs".*?</nav>', page, re.DOTALL)[0]

    assert trail.index("Rabat-Salé") < trail.index("Skhirate") < trail.index("Témara")
    assert "04.501" in page
    assert ">Temara<" in page
    assert "/edit" not in page


def test_a_past_day_shows_what_was_known_then(viewer):
    made = factories.administration("temara", fr="Temara")

    assert viewer.get("/administrations?as_of=2020-01-01").status_code == 200
    assert viewer.get(f"/administrations/{made.id}?as_of=2020-01-01").status_code == 404
    assert ">Temara<" in viewer.get(f"/administrations/{made.id}?as_of=2100-01-01").text


def test_a_name_is_text_and_nothing_else(viewer):
    made = factories.administration("hostile", fr=HOSTILE)

    for page in (viewer.get("/administrations").text, viewer.get(f"/administrations/{made.id}").text):
        assert "<script>alert" not in page
        assert "{{ 7*7 }}" in page


def test_an_administration_is_registered_with_a_form(administrator):
    answer = administrator.post(
        "/administrations",
        **{"kind": "commune", "names/fr": "Témara", "names/ar": "تمارة", "identifiers/hcp": "04.501"},
    )
    made = queries.by_slug("temara")

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/administrations/{made.id}"
    assert (made.names, made.identifiers) == ({"fr": "Témara", "ar": "تمارة"}, {"hcp": "04.501"})
    assert "notice tone-good" in administrator.get(f"/administrations/{made.id}").text


def test_a_refused_form_keeps_what_was_typed_and_marks_what_is_wrong(administrator):
    before = factories.row_counts()
    typed = {"kind": "commune", "names/fr": "Témara", "identifiers/ice": "12", "parent": "nobody"}
    answer = administrator.post("/administrations", **typed)

    assert answer.status_code == 422
    assert 'value="Témara"' in answer.text
    assert re.findall(r'<ul class="field-errors" id="(.+?)-errors"', answer.text) == ["identifiers/ice", "parent"]
    assert factories.row_counts() == before


def test_an_empty_form_asks_for_kind_and_name(administrator):
    assert administrator.post("/administrations").status_code == 422
    assert administrator.post("/administrations", kind="commune").status_code == 422


def test_the_form_to_edit_holds_what_there_is_and_an_empty_link_takes_it_away(administrator):
    factories.administration("region", "region")
    made = factories.administration("temara", parent="region", territory="region")
    form = administrator.get(f"/administrations/{made.id}/edit").text

    assert re.search(r'id="parent"[^>]*value="region"', form, re.DOTALL)
    fields = {"kind": "commune", "slug": "temara", "version": "1", "parent": "region", "territory": ""}
    assert administrator.post(f"/administrations/{made.id}/edit", **fields).status_code == 303
    edited = queries.by_id(made.id)
    assert (edited.parent_id, edited.territory_id) == (queries.by_slug("region").id, None)


def test_a_form_that_was_overtaken_changes_nothing(administrator):
    made = factories.administration("temara")
    with transaction():
        service.rename(made.id, NewName(language="fr", text="X"))

    answer = administrator.post(f"/administrations/{made.id}/edit", kind="other", slug="temara", version="1")

    assert answer.status_code == 412
    assert queries.by_id(made.id).kind == "commune"


def test_a_name_and_a_code_are_given_with_forms(administrator):
    made = factories.administration("temara", fr="Temara")
    where = f"/administrations/{made.id}"

    assert administrator.get(f"{where}/names").status_code == administrator.get(f"{where}/codes").status_code == 200
    named = administrator.post(f"{where}/names", language="fr", type="official", text="Témara")
    coded = administrator.post(f"{where}/codes", scheme="hcp", value="04.501")
    refused = administrator.post(f"{where}/codes", scheme="ice", value="1")

    assert (named.status_code, coded.status_code, refused.status_code) == (303, 303, 422)
    assert queries.by_id(made.id).names["fr"] == "Témara"
    assert queries.by_id(made.id).identifiers == {"hcp": "04.501"}
