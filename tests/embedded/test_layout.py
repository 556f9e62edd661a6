import pytest
from sqlalchemy import make_url

from provisioner.config import Settings
from provisioner.embedded.layout import Layout, celery_broker_url, database_url, owner_database_url, redis_url
from provisioner.errors import Unavailable


def test_before_the_first_start_the_database_url_says_what_to_do(tmp_path):
    with pytest.raises(Unavailable, match="provisioner up"):
        database_url(Settings(state_dir=tmp_path))


def test_the_embedded_addresses_are_those_of_the_two_roles(state_dir):
    settings = Settings(state_dir=state_dir)

    app, owner = make_url(database_url(settings)), make_url(owner_database_url(settings))

    assert (app.username, owner.username) == ("provisioner_app", "provisioner_owner")
    assert app.database == owner.database == "provisioner"
    assert app.query["host"] == str(Layout(state_dir).run_dir)
    assert app.password != owner.password


def test_an_external_address_wins_and_names_the_driver():
    settings = Settings(
        database_url="postgresql://app@db/provisioner",
        owner_database_url="postgres://owner@db/provisioner",
        redis_url="redis://cache:6379/1",
    )

    assert database_url(settings) == "postgresql+psycopg://app@db/provisioner"
    assert owner_database_url(settings) == "postgresql+psycopg://owner@db/provisioner"
    assert redis_url(settings) == celery_broker_url(settings) == "redis://cache:6379/1"


def test_celery_gets_a_unix_socket_in_its_own_words(tmp_path):
    assert (
        celery_broker_url(Settings(redis_url="unix:///run/redis.sock?db=2"))
        == "redis+socket:///run/redis.sock?virtual_host=2"
    )
    assert celery_broker_url(Settings(state_dir=tmp_path)) == f"redis+socket://{tmp_path}/run/valkey.sock"


def test_a_deep_state_folder_has_its_sockets_in_one_short_folder_that_depends_on_it_alone(tmp_path, monkeypatch):
    deep = tmp_path / ("deep/" * 30)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")

    run_dir = Layout(deep).run_dir

    assert len(str(run_dir)) < 60
    assert run_dir == Layout(deep).run_dir != Layout(deep / "other").run_dir
    assert Layout(tmp_path).run_dir == tmp_path / "run"


def test_a_short_folder_that_is_somebody_elses_is_refused(tmp_path, monkeypatch):
    trap = tmp_path / "trap"
    trap.symlink_to(tmp_path)
    monkeypatch.setattr(Layout, "run_dir", trap)

    with pytest.raises(Unavailable, match="belongs to somebody else"):
        Layout(tmp_path / "var").create()
