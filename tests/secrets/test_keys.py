"""Keys are made once, kept for their owner alone, and may come from outside."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from stat import S_IMODE

import pytest

from provisioner import config
from provisioner.secrets import keys
from provisioner.secrets.keys import BadKey, Key, KeysFromOutside

from .conftest import Set

FIRST, SECOND = Key(b"1" * 32), Key(b"2" * 32)


def spelled(key: Key) -> str:
    return base64.b64encode(key.secret).decode()


def test_many_readers_that_come_at_once_agree_on_the_first_key(set_to: Set) -> None:
    begin = threading.Barrier(8)

    def look() -> Key:
        begin.wait()
        return keys.current()

    with ThreadPoolExecutor(8) as readers:
        found = [each.result() for each in [readers.submit(look) for _ in range(8)]]

    assert len({key.id for key in found}) == 1
    assert len(keys.known()) == 1


def test_keys_are_for_their_owner_alone_and_nothing_else_is_left_beside_them(set_to: Set) -> None:
    keys.root()
    keys.current()
    keys.add()

    folder = config.settings().state_dir / "keys"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["master.key", "secrets-0001.key", "secrets-0002.key"]
    assert {S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert S_IMODE(folder.stat().st_mode) == 0o700


def test_of_many_keys_the_newest_is_current(set_to: Set) -> None:
    made = [keys.current(), *(keys.add() for _ in range(11))]

    assert keys.known() == made[::-1]
    assert keys.by_id(made[3].id) == made[3]


def test_a_key_does_not_tell_itself(set_to: Set) -> None:
    assert FIRST.secret.decode() not in f"{FIRST!r} {FIRST} {FIRST.id}"


def test_keys_from_the_environment_come_first_and_those_of_the_folder_still_open(set_to: Set) -> None:
    ours = keys.current()
    set_to(secrets_keys=f"{spelled(SECOND)}, {spelled(FIRST)}")

    assert keys.known() == [SECOND, FIRST, ours]


def test_a_key_that_is_added_to_the_file_is_known_without_a_restart(set_to: Set, tmp_path: Path) -> None:
    file = tmp_path / "keys.txt"
    file.write_text(f"{spelled(FIRST)}\n")
    set_to(secrets_keys_file=file)
    before = keys.current()
    file.write_text(f"{spelled(SECOND)}\n{spelled(FIRST)}\n")

    assert (before, keys.known()) == (FIRST, [SECOND, FIRST])


def test_where_keys_come_from_outside_none_is_made_here(set_to: Set) -> None:
    set_to(secrets_keys=spelled(FIRST))

    with pytest.raises(KeysFromOutside):
        keys.add()
    assert keys.known() == [FIRST]


@pytest.mark.parametrize("text", ["c2hvcnQ=", "no base64 at all!", "clé secrète"])
def test_what_is_no_key_is_refused_without_being_told(set_to: Set, text: str) -> None:
    set_to(secrets_keys=text)

    with pytest.raises(BadKey) as refused:
        keys.current()
    assert "PROVISIONER_SECRETS_KEYS" in str(refused.value)
    assert text not in str(refused.value)


def test_a_file_of_keys_that_is_not_there_is_named(set_to: Set, tmp_path: Path) -> None:
    set_to(secrets_keys_file=tmp_path / "nowhere")

    with pytest.raises(BadKey, match="nowhere"):
        keys.current()
