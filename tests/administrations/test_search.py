"""Finding administrations: as people spell them, in their order, now and as of a past day."""

import pytest
from sqlalchemy import text

from provisioner.administrations import search, service
from provisioner.administrations.kinds import Kind
from provisioner.administrations.search import Filter
from provisioner.administrations.service import NewCode, NewName
from provisioner.db import db, transaction
from provisioner.errors import Invalid, NotFound
from provisioner.paging import PageRequest
from tests import factories

pytestmark = pytest.mark.usefixtures("app")


def found(text="", language="fr", as_of=None, **more):
    rows = search.find(Filter(text=text or None, **more), PageRequest(), language, as_of).rows
    return [row.slug for row in rows]


def pages(language="fr", size=2, **more):
    """The labels on each page, until there is no next one."""
    cursor = None
    while True:
        page = search.find(Filter(**more), PageRequest(size, cursor), language)
        yield [row.slug for row in page.rows]
        cursor = page.next
        if not cursor:
            return


def now():
    return db.session.scalar(text("SELECT clock_timestamp()"))


def rename(of, language, name):
    with transaction():
        service.rename(of.id, NewName(language=language, text=name))


@pytest.mark.parametrize(
    "typed",
    ["Kénitra", "kenitra", "KÉNITRA", "nitr", "القنيطرة", "القنيطره", "الـقـنيطرة", "اَلْقُنَيْطِرَة", "kenitra commune"],
)
def test_a_name_is_found_in_any_usual_spelling(typed):
    factories.administration("kenitra", fr="Commune de Kénitra", ar="جماعة القنيطرة")
    factories.administration("oujda", fr="Oujda", ar="وجدة")

    assert found(typed) == ["kenitra"]


@pytest.mark.parametrize("typed", ["%", "_", "\\", "100%", "d'accueil"])
def test_signs_that_mean_something_to_the_database_mean_nothing_here(typed):
    factories.administration("centre", fr="Centre d’accueil 100 %")
    factories.administration("other", fr="Autre")

    assert "other" not in found(typed)


@pytest.mark.parametrize("typed", ["04.421", "٠٤.٤٢١"])
def test_who_has_this_very_code_comes_first_then_who_is_called_so_then_the_rest(typed):
    factories.administration("a-part", fr=f"Annexe {typed} bis", ar="ا")
    factories.administration("b-name", fr=typed, ar="ب")
    factories.administration("c-code", fr="Zagora", ar="ج", identifiers={"hcp": "04.421"})

    assert found(typed) == ["c-code", "b-name", "a-part"]


def test_a_code_in_small_letters_and_a_label_are_codes_too():
    factories.administration("prefecture-rabat", fr="Rabat", identifiers={"iso3166-2": "MA-RAB"})
    factories.administration("prefecture-rabat-bis", fr="Prefecture Rabat")

    assert found("ma-rab") == ["prefecture-rabat"]
    assert found("Prefecture-Rabat")[0] == "prefecture-rabat"


def test_the_order_is_that_of_the_readers_language_with_french_where_it_has_no_name():
    factories.administration("ecole", fr="École", ar="ياء")
    factories.administration("azrou", fr="Azrou", ar="باء")
    factories.administration("zagora", fr="Zagora", ar="ألف")
    rename(service.held(search.find(Filter(text="zagora"), PageRequest(), "fr").rows[0].id), "en", "Alpha")

    assert found(language="fr") == ["azrou", "ecole", "zagora"]
    assert found(language="ar") == ["zagora", "azrou", "ecole"]
    assert found(language="en") == ["zagora", "azrou", "ecole"]


def test_pages_lose_and_repeat_nobody_even_where_all_names_are_equal():
    slugs = {factories.administration(fr="Commune", ar="جماعة").slug for _ in range(7)}

    shown = list(pages(size=3))

    assert [len(page) for page in shown] == [3, 3, 1]
    assert {slug for page in shown for slug in page} == slugs


def test_pages_of_a_search_go_on_behind_the_exact_hits():
    factories.administration("x", fr="Zagora", identifiers={"hcp": "rabat"})
    for number in range(3):
        factories.administration(f"rabat-{number}", fr=f"Rabat {number}")

    assert [slug for page in pages(text="rabat") for slug in page] == ["x", "rabat-0", "rabat-1", "rabat-2"]


def test_a_cursor_serves_no_other_filter():
    for _ in range(3):
        factories.administration()
    cursor = search.find(Filter(), PageRequest(2), "fr").next

    with pytest.raises(Invalid):
        search.find(Filter(kind=Kind.REGION), PageRequest(2, cursor), "fr")


def test_filters_narrow_by_kind_link_region_and_being_open():
    factories.administration("region", "region")
    factories.administration("province", "province", parent="region")
    factories.administration("commune", parent="province")
    factories.administration("service", "deconcentrated_service", territory="province")
    factories.administration("elsewhere")
    db.session.execute(text("UPDATE administration SET closed_at = now() WHERE slug = 'commune'"))
    db.session.commit()

    assert found(kind=Kind.PROVINCE) == ["province"]
    assert [row.slug for row in search.find(search.meant(parent="region"), PageRequest(), "fr").rows] == ["province"]
    region = search.meant(region="region").region_id
    assert set(found(region_id=region)) == {"region", "province", "commune", "service"}
    assert found(region_id=region, closed=True) == ["commune"]
    assert "commune" not in found(closed=False)
    with pytest.raises(NotFound):
        search.meant(region="nowhere")


def test_a_past_moment_knows_the_names_and_codes_of_then_and_nobody_who_came_later():
    first = factories.administration("first", fr="Ancien nom", identifiers={"hcp": "1"})
    then = now()
    rename(first, "fr", "Nouveau nom")
    with transaction():
        service.identify(first.id, NewCode(scheme="hcp", value="2"))
    factories.administration("second", fr="Ancien nom")

    assert found("ancien") == ["second"]
    assert found("ancien", as_of=then) == ["first"]
    assert found("1", as_of=then) == ["first"]
    assert found(as_of=then) == ["first"]
    row = search.find(Filter(), PageRequest(), "fr", then).rows[0]
    assert (row.names["fr"], row.identifiers) == ("Ancien nom", {"hcp": "1"})


def test_a_rename_moves_its_place_in_the_list():
    first = factories.administration("first", fr="A")
    factories.administration("second", fr="B")
    rename(first, "fr", "C")

    assert found() == ["second", "first"]
    assert found(language="en") == ["second", "first"]


def test_all_are_counted_where_that_is_asked():
    for number in range(3):
        factories.administration(fr=f"Rabat {number}")
    factories.administration(fr="Fès")

    assert search.find(Filter(text="rabat"), PageRequest(2, with_total=True), "fr").total == 3
