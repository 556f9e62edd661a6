"""Values for an app's parameters, checked against its parameters.yml. One schema for forms, API and command line."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from provisioner.db import Json
from provisioner.errors import Invalid

RESERVED = re.compile(r"^(ansible_|become|prov_)")  # names that mean something to Ansible or to us
LONGEST = 2000  # characters of a text without a limit of its own

UNPRINTABLE = {"Cc", "Cs"}  # control characters, and halves of characters, which no UTF-8 text has

TRUE = {True, "true", "on", "yes", "1"}
FALSE = {False, "false", "off", "no", "0", ""}


class Fault(Exception):
    pass


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,15}", str(value)):
        raise Fault("A whole number is needed.")
    return int(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, (bool, str)) and (value in TRUE or value in FALSE):
        return value in TRUE
    raise Fault("Yes or no is needed.")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Fault("A text is needed.")
    text = value.replace("\r\n", "\n")  # as browsers end the lines of a text area
    if any(unicodedata.category(character) in UNPRINTABLE and character not in "\n\t" for character in text):
        raise Fault("Control characters are not allowed.")
    return text


READERS = {"int": _integer, "bool": _boolean, "str": _text}


def checked(parameter: Json, given: Any) -> Any:
    """The value in the type of the parameter; Fault if it does not fit."""
    value = READERS[parameter["type"]](given)
    if parameter.get("choices") and value not in parameter["choices"]:
        raise Fault("This is not one of the choices.")
    if isinstance(value, str):
        if len(value) > parameter.get("max_length", LONGEST):
            raise Fault("This is too long.")
        if parameter.get("pattern") and not re.fullmatch(parameter["pattern"], value):
            raise Fault("This does not have the expected form.")
    _within(parameter, value)
    return value


def _within(parameter: Json, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        return
    if value < parameter.get("minimum", value) or value > parameter.get("maximum", value):
        raise Fault("This is outside the allowed range.")


def _one(parameter: Json, given: Json) -> Any:
    """The value for one parameter: given, else its default, else none."""
    value = given.get(parameter["name"])
    if value is None or (value == "" and parameter["type"] != "bool"):
        if parameter.get("required") and parameter.get("default") is None:
            raise Fault("This is needed.")
        return parameter.get("default")
    return checked(parameter, value)


def changed(parameters: Sequence[Json], before: Json, given: Json) -> Json:
    """The settings that `before` become with what is `given`; Invalid also where a value may not change any more."""
    after = validated(parameters, {**before, **given})
    fixed = [each["name"] for each in parameters if each.get("immutable_after")]
    moved = [name for name in fixed if name in given and before.get(name) != after.get(name)]
    if moved:
        raise Invalid(
            errors=[{"pointer": f"/settings/{name}", "detail": "This cannot be changed any more."} for name in moved]
        )
    return after


def validated(parameters: Sequence[Json], given: Json) -> Json:
    """`given` with types and defaults in place; Invalid lists every fault at once, an unknown name included."""
    known = {parameter["name"] for parameter in parameters}
    errors = [
        {"pointer": f"/settings/{name}", "detail": "There is no such parameter."} for name in given if name not in known
    ]
    values: Json = {}
    for parameter in parameters:
        try:
            values[parameter["name"]] = _one(parameter, given)
        except Fault as fault:
            errors.append({"pointer": f"/settings/{parameter['name']}", "detail": str(fault)})
    if errors:
        raise Invalid(errors=errors)
    return {name: value for name, value in values.items() if value is not None}
