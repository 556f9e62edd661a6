"""What is sealed opens at its own place, with its own key, and nowhere else."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from provisioner.secrets import keys
from provisioner.secrets.keys import UnknownKey
from provisioner.secrets.service import CannotOpen, Sealed, derived, rewrapped, seal, unseal

from .conftest import Set

pytestmark = pytest.mark.usefixtures("set_to")
HERE, THERE = "instance_secret/1/admin_password/1", "instance_secret/2/admin_password/1"


def sealed_with_the_root_key(text: str, place: str) -> Sealed:
    """As it was before secrets had data keys."""
    key = keys.root()
    nonce = b"twelve bytes"
    box = nonce + AESGCM(key.secret).encrypt(nonce, text.encode(), f"{place}:{key.id}".encode())
    return Sealed(key.id, None, box)


def test_a_secret_comes_back_and_does_not_stand_in_what_is_kept() -> None:
    sealed = seal("سر / très secret", place=HERE)

    assert unseal(sealed, place=HERE) == "سر / très secret"
    assert b"secret" not in sealed.box + (sealed.wrap or b"")


def test_the_same_secret_is_sealed_with_another_data_key_each_time() -> None:
    first, second = seal("same", place=HERE), seal("same", place=HERE)

    assert first.key_id == second.key_id
    with pytest.raises(CannotOpen):
        unseal(replace(first, wrap=second.wrap), place=HERE)


def test_what_is_copied_to_another_place_does_not_open() -> None:
    with pytest.raises(CannotOpen):
        unseal(seal("here", place=HERE), place=THERE)


@pytest.mark.parametrize("part", ["box", "wrap"])
@pytest.mark.parametrize("byte", [0, 11, 12, -1])
def test_a_changed_byte_is_noticed(part: str, byte: int) -> None:
    sealed = seal("whole", place=HERE)
    changed = bytearray(getattr(sealed, part))
    changed[byte] ^= 1

    with pytest.raises(CannotOpen):
        unseal(replace(sealed, **{part: bytes(changed)}), place=HERE)


def test_a_new_key_wraps_what_is_sealed_from_now_on_and_the_old_one_opens_what_it_wrapped() -> None:
    old = seal("old", place=HERE)
    made = keys.add()
    new = seal("new", place=HERE)

    assert (new.key_id, old.key_id != made.id) == (made.id, True)
    assert (unseal(old, place=HERE), unseal(new, place=HERE)) == ("old", "new")


def test_a_new_wrap_leaves_the_box_as_it_is_and_needs_the_old_key_no_more() -> None:
    old = seal("kept", place=HERE)
    keys.add()
    moved = rewrapped(old, place=HERE)
    (first, *_) = keys._files()
    first.unlink()

    assert (moved.box, moved.wrap != old.wrap) == (old.box, True)
    assert unseal(moved, place=HERE) == "kept"
    with pytest.raises(UnknownKey):
        unseal(old, place=HERE)


def test_a_wrap_of_another_place_is_not_renewed() -> None:
    with pytest.raises(CannotOpen):
        rewrapped(seal("here", place=HERE), place=THERE)


def test_what_was_sealed_before_there_were_data_keys_opens_at_its_place() -> None:
    old = sealed_with_the_root_key("old way", HERE)

    assert unseal(old, place=HERE) == "old way"
    with pytest.raises(CannotOpen):
        unseal(old, place=THERE)


def test_new_keys_of_secrets_change_no_key_that_is_derived_for_a_purpose(set_to: Set) -> None:
    before = (derived("csrf"), derived("cursor"))
    keys.add()
    set_to(secrets_keys="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")

    assert (derived("csrf"), derived("cursor")) == before
    assert before[0] != before[1]
