"""Importing a register: planned, then carried out as a whole or not at all."""

from io import BytesIO, TextIOWrapper

import pytest
from sqlalchemy import select, text

from provisioner.administrations import queries, service
from provisioner.administrations.importing import applying, planning
from provisioner.administrations.importing.applying import Rejected
from provisioner.administrations.importing.planning import Outcome
from provisioner.administrations.service import NewName
from provisioner.audit.models import AuditEvent
from provisioner.db import db, transaction
from provisioner.demo import register
from provisioner.errors import Invalid
from tests import factories

pytestmark = pytest.mark.usefixtures("app")

HEADER = "kind,slug,name_ar,name_fr,hcp,parent,supervisor,territory\n"


def planned(rows, header=HEADER):
    with transaction(dry_run=True):
        return planning.plan(BytesIO((header + rows).encode()))


def imported(rows, header=HEADER):
    with transaction():
        plan = planning.plan(BytesIO((header + rows).encode()))
        applying.apply(plan)
    return plan


def faults(rows, header=HEADER):
    """The faults of a file that left nothing behind."""
    before = factories.row_counts()
    with pytest.raises(Rejected) as refusal:
        imported(rows, header)
    assert factories.row_counts() == before
    return {fault["pointer"]: fault["detail"] for fault in refusal.value.errors}


def outcomes(plan):
    return [step.outcome for step in plan.steps]


def demo_register():
    file = BytesIO()
    stream = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    register.write_csv(stream)
    stream.detach()
    return file.getvalue().decode()


def test_the_demo_register_goes_in_and_a_second_time_changes_nothing():
    content = demo_register()

    assert imported(content, header="").tally == {Outcome.CREATED: 2020}
    counts = factories.row_counts()
    assert imported(content, header="").tally == {Outcome.UNCHANGED: 2020}
    assert factories.row_counts() == counts
    assert (counts["administration"], counts["audit_event"]) == (2020, 2020)


def test_rows_may_refer_to_later_rows_and_to_the_register_by_label_and_by_code():
    factories.administration("ministry", "ministry")
    imported("commune,temara,تمارة,Témara,04.501,hcp:04,ministry,\nregion,rabat,الرباط,Rabat,04,,,hcp:04.501\n")

    temara, rabat = queries.by_slug("temara"), queries.by_slug("rabat")
    assert temara.parent_id == rabat.id
    assert rabat.territory_id == temara.id
    assert temara.supervisor_id == queries.by_slug("ministry").id


def test_an_administration_is_recognised_by_its_code_then_by_its_label():
    known = factories.administration("temara", identifiers={"hcp": "04.501"}, fr="Temara", ar="تمارة")

    by_code = planned("commune,,تمارة,Témara,04.501,,,\n").steps[0]
    by_label = planned("commune,temara,تمارة,Temara,04.502,,,\n").steps[0]

    assert by_code.administration_id == by_label.administration_id == known.id
    assert (by_code.before, by_code.after) == ({"name_fr": "Temara"}, {"name_fr": "Témara"})
    assert (by_label.before, by_label.after) == ({"hcp": "04.501"}, {"hcp": "04.502"})


def test_a_change_keeps_what_was_before_and_is_one_event():
    known = factories.administration("temara", identifiers={"hcp": "04.501"}, fr="Temara", ar="تمارة")
    version = known.version
    plan = imported("arrondissement,temara,تمارة,Témara,04.502,,,\n")

    changed = queries.by_id(known.id)
    assert outcomes(plan) == [Outcome.CHANGED]
    assert (changed.kind, changed.names["fr"], changed.identifiers) == ("arrondissement", "Témara", {"hcp": "04.502"})
    assert changed.version == version + 1
    assert len(queries.names_over_time(known.id)) == 3
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "administration.import")).one()
    assert event.before == {"kind": "commune", "name_fr": "Temara", "hcp": "04.501"}
    assert event.administration_id == known.id


def test_an_empty_cell_and_a_missing_column_change_nothing():
    factories.administration("region", "region")
    factories.administration("temara", identifiers={"hcp": "04.501"}, parent="region", fr="Témara", ar="تمارة")

    assert outcomes(planned(",temara,,,,,,\n")) == [Outcome.UNCHANGED]
    assert outcomes(planned("temara\n", header="slug\n")) == [Outcome.UNCHANGED]


def test_a_name_that_was_changed_back_is_changed_again():
    known = factories.administration("temara", fr="Un", ar="ا")
    with transaction():
        service.rename(known.id, NewName(language="fr", text="Deux"))
    imported("commune,temara,,Un,,,,\n")

    assert [each.text for each in queries.names_over_time(known.id) if each.language == "fr"] == ["Un", "Deux", "Un"]


def test_labels_that_the_file_leaves_out_are_made_and_stay():
    rows = "commune,,أ,Aïn,1,,,\ncommune,,ب,Aïn,2,,,\ncommune,ain-3,ج,Aïn,3,,,\ncommune,,د,,4,,,\n"
    imported(rows)

    assert [queries.by_identifier("hcp", code).slug for code in "1234"] == ["ain", "ain-2", "ain-3", "hcp-4"]
    assert planned(rows).tally == {Outcome.UNCHANGED: 4}


def test_all_faults_of_all_rows_are_told_at_once():
    factories.administration("taken", identifiers={"hcp": "1"})
    factories.administration("other", identifiers={"ice": "123456789012345"})

    told = faults(
        "village,a,,A,,,,,\n"  # no such kind
        ",b,,B,,,,,\n"  # new, without a kind
        "commune,,,C,,,,,\n"  # new, and never to be recognised again
        "commune,d,,,,,,,\n"  # new, without a name
        "commune,-e,,E,,,,,12\n"  # bad label, bad number
        "commune,f,,F,,nobody,hcp:99,,\n"  # unknown links
        "commune,taken,,G,,,,,123456789012345\n"  # the label of one, the code of another
        "commune,h,,H,1,,,,123456789012345\n"  # the codes of two
        "commune,i,,I,,k,,,\n"  # below itself, by way of k
        "commune,k,,K,,i,,,\n"
        "commune,i,,I,,,,,\n",  # a second time
        HEADER.replace("\n", ",ice\n"),
    )

    assert set(told) == {
        "/2/kind", "/3/kind", "/4/slug", "/5/name_fr", "/6/slug", "/6/ice", "/7/parent", "/7/supervisor",
        "/8/slug", "/9/identifiers", "/9/line", "/10/parent", "/11/parent", "/12/line",
    }  # fmt: skip


def test_a_label_in_the_address_of_an_instance_is_not_changed_by_a_file():
    factories.app()
    factories.host()
    factories.instance(factories.administration("temara", identifiers={"hcp": "04.501"}))

    assert set(faults("commune,other,,Témara,04.501,,,\n")) == {"/2/slug"}


@pytest.mark.parametrize("header", ["kind,slug,name_fra\n", "kind,slug,Nom français\n"])
def test_a_column_that_can_be_no_scheme_of_codes_is_refused(header):
    with pytest.raises(Invalid, match="not known"):
        planned("commune,x,X\n", header)


def test_a_scheme_that_nobody_uses_yet_is_pointed_out():
    assert planned("commune,x,X,7\n", "kind,slug,name_fr,hpc\n").new_schemes == ["hpc"]


def test_a_dry_run_leaves_no_trace():
    before = factories.row_counts()
    with transaction(dry_run=True):
        applying.apply(planning.plan(BytesIO((HEADER + "commune,temara,تمارة,Témara,04.501,,,\n").encode())))

    assert factories.row_counts() == before


def test_everything_imported_is_explained_by_an_event():
    imported("commune,temara,تمارة,Témara,04.501,,,\n")

    assert db.session.scalar(text("SELECT count(*) FROM audit_unattributed")) == 0
