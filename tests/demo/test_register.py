import csv
import io
import re
from collections import Counter
from itertools import chain

import pytest

from provisioner.administrations.folding import clean
from provisioner.administrations.kinds import Kind
from provisioner.demo.register import rows, write_csv

REAL = {Kind.REGION, Kind.PROVINCE, Kind.PREFECTURE, Kind.MINISTRY}


@pytest.fixture(scope="module")
def register():
    return list(rows())


@pytest.fixture(scope="module")
def by_slug(register):
    return {row.slug: row for row in register}


def test_it_has_2020_administrations_as_many_of_each_kind_as_the_country(register):
    counts = Counter(row.kind for row in register)

    assert counts.total() == 2020
    assert counts[Kind.REGION] == 12
    assert counts[Kind.PROVINCE] + counts[Kind.PREFECTURE] == 75
    assert counts[Kind.MINISTRY] == 38
    assert counts[Kind.COMMUNE] == 1503
    assert counts[Kind.ARRONDISSEMENT] == 41
    assert counts[Kind.DECONCENTRATED_SERVICE] == 120


def test_it_is_the_same_every_time(register):
    assert list(rows()) == register


def test_a_row_refers_only_to_rows_before_it(register):
    seen = set()
    for row in register:
        assert {row.parent, row.supervisor, row.territory} - {""} <= seen
        seen.add(row.slug)


def test_slugs_are_unique_hostname_labels(register):
    assert len({row.slug for row in register}) == len(register)
    assert all(re.fullmatch(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", row.slug) for row in register)


def test_identifiers_are_unique_in_their_scheme(register):
    for scheme in ("hcp", "iso3166_2", "demo"):
        values = [value for row in register if (value := getattr(row, scheme))]
        assert len(set(values)) == len(values) > 0


def test_regions_and_provinces_carry_their_official_codes(register, by_slug):
    regions = [row for row in register if row.kind is Kind.REGION]
    provinces = [row for row in register if row.kind in {Kind.PROVINCE, Kind.PREFECTURE}]

    assert [row.hcp for row in regions] == [f"{number:02}" for number in range(1, 13)]
    assert all(row.iso3166_2 == f"MA-{row.hcp}" for row in regions)
    assert all(re.fullmatch(r"\d\d\.\d\d\d", row.hcp) for row in provinces)
    assert all(re.fullmatch(r"MA-[A-Z]{3}", row.iso3166_2) for row in provinces)
    assert all(row.hcp.startswith(by_slug[row.parent].hcp + ".") for row in provinces)


@pytest.mark.parametrize(
    ("slug", "hcp", "name_ar", "name_fr"),
    [
        ("region-fes-meknes", "03", "فاس-مكناس", "Fès-Meknès"),
        ("prefecture-rabat", "04.421", "الرباط", "Rabat"),
        ("province-aousserd", "12.066", "أوسرد", "Aousserd"),
        ("prefecture-m-diq-fnideq", "01.573", "المضيق-الفنيدق", "M'diq-Fnideq"),
    ],
)
def test_real_administrations_have_their_real_names(by_slug, slug, hcp, name_ar, name_fr):
    row = by_slug[slug]

    assert (row.hcp, row.name_ar, row.name_fr) == (hcp, name_ar, name_fr)


def test_the_made_up_ones_are_marked_in_both_names_and_by_an_identifier_and_no_others(register):
    for row in register:
        made_up = row.kind not in REAL
        assert row.name_ar.endswith(" (تجريبي)") == made_up
        assert row.name_fr.endswith(" (démo)") == made_up
        assert bool(row.demo) == made_up
        assert not (made_up and (row.hcp or row.iso3166_2))


def test_names_are_clean_and_written_in_their_own_script(register):
    for row in register:
        assert row.name_ar == clean(row.name_ar)
        assert row.name_fr == clean(row.name_fr)
        assert not re.search(r"[A-Za-z]", row.name_ar)
        assert not re.search(r"[\u0600-\u06ff]", row.name_fr + row.name_en)


@pytest.mark.parametrize("name", ["name_ar", "name_fr"])
def test_no_two_administrations_of_a_kind_share_a_name(register, name):
    assert max(Counter((row.kind, getattr(row, name)) for row in register).values()) == 1


def test_every_kind_hangs_where_it_belongs(register, by_slug):
    parents = {
        Kind.PROVINCE: {Kind.REGION},
        Kind.PREFECTURE: {Kind.REGION},
        Kind.COMMUNE: {Kind.PROVINCE, Kind.PREFECTURE},
        Kind.ARRONDISSEMENT: {Kind.COMMUNE},
        Kind.DECONCENTRATED_SERVICE: {Kind.MINISTRY},
    }
    for row in register:
        if row.kind in parents:
            assert by_slug[row.parent].kind in parents[row.kind]
        if row.kind is Kind.DECONCENTRATED_SERVICE:
            assert by_slug[row.territory].kind is Kind.REGION


def test_every_province_has_communes_and_arrondissements_are_none_of_them(register, by_slug):
    communes = Counter(row.parent for row in register if row.kind is Kind.COMMUNE)
    cities = {row.parent for row in register if row.kind is Kind.ARRONDISSEMENT}

    assert set(communes) == {row.slug for row in register if row.kind in {Kind.PROVINCE, Kind.PREFECTURE}}
    assert communes["prefecture-casablanca"] == 2
    assert len(cities) == 6


def test_the_file_to_import_says_the_same_as_the_rows(register):
    stream = io.StringIO(newline="")

    write_csv(stream)

    stream.seek(0)
    header, *lines = csv.reader(stream)
    assert ",".join(header) == "kind,slug,name_ar,name_fr,name_en,hcp,iso3166-2,demo,parent,supervisor,territory"
    assert list(chain.from_iterable(lines)) == [value for row in register for value in vars(row).values()]
