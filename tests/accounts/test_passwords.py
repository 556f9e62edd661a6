import pytest

from provisioner.accounts import passwords
from provisioner.errors import Invalid


@pytest.mark.parametrize(
    "password",
    [
        "court",
        "elevenchars",
        "x" * 1001,
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "123456789012",
        "abcdefghijklmn",
        "azertyuiopqsdf",
        "fdsqpoiuytreza",
        "P@ssw0rd2024!!",
        "Motdepasse123!",
        "administrateur",
        "welcome!!!!!2026",
        "amina-and-some-words",
    ],
)
def test_a_password_that_is_short_long_common_or_says_the_user_name_is_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.refuse_weak(password, "amina")

    assert refused.value.errors[0]["pointer"] == "/password"


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "kabylie tracteur lune",
        "مدرسة بعيدة وقهوة باردة",
        "dkfjweoiruxm",
        "8245-1937-5520-6614",
    ],
)
def test_no_mixture_of_kinds_of_characters_is_asked_for(password: str) -> None:
    assert passwords.refuse_weak(password, "amina") is None, "it raises where it refuses"


def test_generated_passwords_are_good_and_never_the_same() -> None:
    made = {passwords.generated() for _ in range(50)}

    assert len(made) == 50
    for password in made:
        passwords.refuse_weak(password, "amina")


def test_a_password_matches_however_the_keyboard_composes_it() -> None:
    composed, decomposed = "caf\u00e9 au lait sucr\u00e9", "cafe\u0301 au lait sucre\u0301"

    assert passwords.matches(decomposed, passwords.hashed(composed))
    assert passwords.hashed(composed).startswith("$argon2id$")


def test_nothing_matches_where_there_is_no_password() -> None:
    assert not passwords.matches("correct horse battery", None)
    assert not passwords.matches("correct horse battery", "not a hash")
