"""Passwords: which ones are good enough, and how they are kept (argon2id)."""

import re
import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from provisioner.errors import Invalid

SHORTEST = 12
LONGEST = 1000  # hashing a megabyte would cost us more than it protects anybody
FEWEST_DIFFERENT = 5

# What remains of common passwords once digits and signs at the ends, and letters written as digits, are undone.
COMMON = frozenset(
    """
    password passwords passwordpassword mypassword thepassword passphrase motdepasse monmotdepasse motdepassemotdepasse
    administrator administrateur administration administratif superadmin superuser utilisateur provisioner changeme
    changemeplease changezmoi letmein letmeinplease welcome welcomewelcome bienvenue bonjour bonjourbonjour iloveyou
    jetaime bismillah inchallah alhamdulillah maroc marocmaroc morocco marrakech casablanca royaumedumaroc almaghrib
    rabat hello helloworld secret topsecret sunshine princess football basketball superman starwars dragon monkey
    master default example exemple test testtest testing temporary temporaire security securite server serveur
    """.split()  # noqa: SIM905 - a list of forty quoted words is harder to read
)
WALKS = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
)
WRITTEN_AS_DIGITS = str.maketrans("013457@$!", "oieastasi")
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without the characters that are taken for one another

_hasher = PasswordHasher()


def refuse_weak(password: str, username: str) -> None:
    """Invalid, saying why, for a password that is short, long, common or says the name of its account."""
    plain = _normal(password).lower()
    if len(plain) < SHORTEST:
        raise Invalid(errors=[{"pointer": "/password", "detail": "Too short: at least 12 characters are needed."}])
    if len(plain) > LONGEST:
        raise Invalid(errors=[{"pointer": "/password", "detail": "Too long: at most 1000 characters are possible."}])
    if username.lower() in plain:
        raise Invalid(errors=[{"pointer": "/password", "detail": "The password must not contain the user name."}])
    if _is_common(plain):
        raise Invalid(
            errors=[
                {"pointer": "/password", "detail": "Too easy to guess: choose some words that do not belong together."}
            ]
        )


def _is_common(plain: str) -> bool:
    core = re.sub(r"[^a-z]", "", re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain).translate(WRITTEN_AS_DIGITS))
    walks = any(plain in walk or plain[::-1] in walk for walk in WALKS)
    return core in COMMON or walks or len(set(plain)) < FEWEST_DIFFERENT


def hashed(password: str) -> str:
    return _hasher.hash(_normal(password))


def matches(password: str, known: str | None) -> bool:
    """Whether this is the password; without one to compare with it takes the same time, and is not."""
    nobodys = _nobodys()  # before the choice: it must not be the unknown name that takes longer the first time
    try:
        return _hasher.verify(known or nobodys, _normal(password)) and known is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


def outdated(known: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _hasher.check_needs_rehash(known)


def generated() -> str:
    """A password of 99 bits that can be read aloud."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(5))


def _normal(password: str) -> str:
    """The same characters however the keyboard composed them."""
    return unicodedata.normalize("NFKC", password)


@cache
def _nobodys() -> str:
    return _hasher.hash(secrets.token_hex())
