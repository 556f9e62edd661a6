"""The verbs of the register, and what they refuse."""

import contextlib
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from provisioner.administrations import queries, service
from provisioner.administrations.service import NewAdministration, NewCode, NewName, Stale
from provisioner.audit.models import AuditEvent
from provisioner.db import db, transaction
from provisioner.errors import Invalid, NotFound
from tests import factories
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("app")


def registered(**facts):
    with transaction():
        return service.register(NewAdministration(**{"kind": "commune", "names": {"fr": "Aïn Atiq"}, **facts}))


def refused(verb, *given):
    """The faults of a refusal that left nothing behind."""
    before = factories.row_counts()
    with pytest.raises(Invalid) as refusal, transaction():
        verb(*given)
    assert factories.row_counts() == before
    return {fault["pointer"] for fault in refusal.value.errors}


def events(action):
    return db.session.scalars(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id)).all()


def now():
    return db.session.scalar(text("SELECT clock_timestamp()"))


def test_a_label_is_made_of_the_french_name_and_numbered_where_it_is_taken():
    made = [registered(), registered(), registered()]

    assert [each.slug for each in made] == ["ain-atiq", "ain-atiq-2", "ain-atiq-3"]


def test_without_a_latin_name_the_label_is_made_of_a_code_never_of_arabic():
    by_code = registered(names={"ar": "عين عتيق"}, identifiers={"hcp": "04.501"})
    by_id = registered(names={"ar": "عين عتيق"})

    assert by_code.slug == "hcp-04-501"
    assert by_id.slug == f"a-{by_id.id.hex[:8]}"


def test_a_label_that_was_asked_for_is_never_changed_only_refused():
    registered(slug="rabat")

    assert refused(registered_with, {"slug": "rabat"}) == {"/slug"}


def registered_with(facts):
    return service.register(NewAdministration(**{"kind": "commune", "names": {"fr": "X"}, **facts}))


@pytest.mark.parametrize(
    ("facts", "pointers"),
    [
        ({"kind": "village"}, {"/kind"}),
        ({"names": {}}, {"/names"}),
        ({"names": {"fr": " \u200f "}}, {"/names/fr"}),
        ({"names": {"fr": "x" * 301}}, {"/names/fr"}),
        ({"names": {"de": "Rabat"}}, {"/names/de"}),
        ({"slug": "Rabat"}, {"/slug"}),
        ({"slug": "x" * 33}, {"/slug"}),
        ({"identifiers": {"ice": "12345"}}, {"/identifiers/ice"}),
        ({"identifiers": {"name_fra": "1"}}, {"/identifiers/name_fra"}),
        ({"identifiers": {"hcp": "\u200b"}}, {"/identifiers/hcp"}),
        ({"parent": "nobody", "territory": "hcp:99"}, {"/parent", "/territory"}),
        ({"kind": "village", "slug": "-", "names": {"ar": ""}}, {"/kind", "/slug", "/names/ar"}),
    ],
)
def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_kept(facts, pointers):
    assert refused(registered_with, facts) == pointers


def test_a_name_is_kept_as_typed_but_for_what_cannot_be_seen():
    made = registered(names={"fr": "  Aïn\u202e \x00 Atiq\u200b "})

    assert queries.by_id(made.id).names == {"fr": "Aïn Atiq"}


def test_links_are_named_by_id_label_or_code():
    region = registered(kind="region", slug="rabat-region", identifiers={"hcp": "04"})
    made = registered(parent="hcp:04", supervisor="rabat-region", territory=str(region.id))

    assert {made.parent_id, made.supervisor_id, made.territory_id} == {region.id}


def test_a_code_belongs_to_one_administration_at_a_time():
    registered(identifiers={"hcp": "04.501"})
    other = registered()

    assert refused(registered_with, {"identifiers": {"hcp": "04.501"}}) == {"/identifiers/hcp"}
    assert refused(service.identify, other.id, NewCode(scheme="hcp", value="04.501")) == {"/value"}


def test_a_rename_keeps_the_past_name_for_past_days():
    made = registered()
    before = now()
    with transaction():
        service.rename(made.id, NewName(language="fr", text="Aïn El Aouda"))

    assert queries.by_id(made.id).names["fr"] == "Aïn El Aouda"
    assert queries.by_id(made.id, before).names["fr"] == "Aïn Atiq"
    assert [each.text for each in queries.names_over_time(made.id)] == ["Aïn El Aouda", "Aïn Atiq"]


def test_two_renames_in_one_transaction_are_two_periods_without_a_gap():
    made = registered()
    with transaction():
        service.rename(made.id, NewName(language="fr", text="Second"))
        service.rename(made.id, NewName(language="fr", text="Third"))

    third, second, first = queries.names_over_time(made.id)
    assert first.until == second.since < second.until == third.since
    assert third.until is None


def test_the_name_it_has_already_changes_nothing():
    made = registered()
    with transaction():
        service.rename(made.id, NewName(language="fr", text=" Aïn  Atiq"))

    assert queries.by_id(made.id).version == 1
    assert events("administration.rename") == []


def test_aliases_end_nothing():
    made = registered()
    with transaction():
        service.rename(made.id, NewName(language="fr", text="Aïn Attig", type="alias"))
        service.rename(made.id, NewName(language="fr", text="Ain Atig", type="alias"))

    assert all(each.until is None for each in queries.names_over_time(made.id))


@pytest.mark.parametrize("since", [timedelta(days=1), timedelta(days=-1)])
def test_a_name_begins_neither_in_the_future_nor_before_the_one_it_replaces(since):
    made = registered()

    assert refused(service.rename, made.id, NewName(language="fr", text="X", since=now() + since)) == {"/since"}


def test_a_name_can_be_known_to_hold_since_a_past_day():
    made = registered()
    long_ago = datetime(2014, 6, 1, tzinfo=UTC)
    with transaction():
        service.rename(made.id, NewName(language="ar", text="عين عتيق", since=long_ago))

    assert queries.by_id(made.id).names["ar"] == "عين عتيق"
    assert queries.names_over_time(made.id)[0].since == long_ago


def test_a_past_code_of_another_is_not_given_for_the_time_when_that_had_it():
    had_it, other = registered(identifiers={"hcp": "1"}), registered()
    then = now()
    with transaction():
        service.identify(had_it.id, NewCode(scheme="hcp", value="2"))

    assert refused(service.identify, other.id, NewCode(scheme="hcp", value="1", since=then)) == {"/value"}
    with transaction():
        service.identify(other.id, NewCode(scheme="hcp", value="1"))
    assert queries.by_identifier("hcp", "1").id == other.id
    assert queries.by_identifier("hcp", "1", then).id == had_it.id


def test_an_edit_changes_what_is_given_and_leaves_the_rest():
    parent = registered(kind="province")
    made = registered(parent=parent.slug, territory=parent.slug)
    version = made.version
    with transaction():
        edited = service.edit(made.id, {"kind": "arrondissement", "slug": "agdal", "territory": None})

    assert (edited.kind, edited.slug, edited.parent_id, edited.territory_id) == (
        "arrondissement",
        "agdal",
        parent.id,
        None,
    )
    assert edited.version == version + 1


def test_nothing_stands_above_itself():
    top = registered()
    middle = registered(parent=top.slug)
    below = registered(parent=middle.slug)

    assert refused(service.edit, top.id, {"parent": below.slug}) == {"/parent"}
    assert refused(service.edit, top.id, {"parent": top.slug}) == {"/parent"}


def test_a_label_is_frozen_once_an_instance_has_it_in_its_address():
    factories.app()
    factories.host()
    made = registered()
    factories.instance(made)

    assert refused(service.edit, made.id, {"slug": "other"}) == {"/slug"}
    with transaction():
        assert service.edit(made.id, {"slug": made.slug, "kind": "other"}).kind == "other"


def test_who_has_seen_an_older_state_is_refused():
    made = registered()
    seen = made.version
    with transaction():
        service.rename(made.id, NewName(language="fr", text="X"))

    with pytest.raises(Stale), transaction():
        service.edit(made.id, {"kind": "other"}, version=seen)


def test_what_is_not_there_cannot_be_held():
    with pytest.raises(NotFound):
        service.held(uuid4())


def test_each_act_is_one_event_in_its_own_transaction_with_what_changed():
    made = registered(identifiers={"hcp": "1"})
    with transaction():
        service.rename(made.id, NewName(language="fr", text="New"))

    (entered,), (renamed,) = events("administration.register"), events("administration.rename")
    assert entered.after == {
        "id": str(made.id), "kind": "commune", "slug": "ain-atiq", "name_fr": "Aïn Atiq", "hcp": "1",
    }  # fmt: skip
    assert (renamed.before, renamed.after) == ({"name_fr": "Aïn Atiq"}, {"name_fr": "New"})
    assert renamed.administration_id == made.id
    assert db.session.scalar(text("SELECT count(*) FROM audit_unattributed")) == 0


def test_many_who_register_the_same_name_at_once_all_get_a_label_of_their_own(app):
    in_threads(app, [registered] * 5)

    assert queries.labels("ain-atiq", prefix=True) == {"ain-atiq", *(f"ain-atiq-{number}" for number in range(2, 6))}


def test_two_who_put_each_below_the_other_at_once_make_no_circle(app):
    one, other = registered(slug="one").id, registered(slug="other").id

    def put(below, above):
        with contextlib.suppress(Invalid), transaction():
            service.edit(below, {"parent": above})

    in_threads(app, [partial(put, one, "other"), partial(put, other, "one")])

    assert {queries.by_id(one).parent_id is None, queries.by_id(other).parent_id is None} == {True, False}
