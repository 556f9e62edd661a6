"""What libraries say in English to people; listed so that it is translated where it is shown."""

from flask_babel import lazy_gettext as _l

FROM_LIBRARIES = (
    _l("Missing data for required field."),
    _l("Field may not be null."),
    _l("Invalid value."),
    _l("Unknown field."),
    _l("Not a valid string."),
    _l("Not a valid utf-8 string."),
    _l("Not a valid integer."),
    _l("Not a valid boolean."),
    _l("Not a valid date."),
    _l("Not a valid UUID."),
    _l("Shorter than minimum length 1."),
    _l("String does not match expected pattern."),
    _l(
        "The requested URL was not found on the server. If you entered the URL manually please check your spelling and "
        "try again."
    ),
    _l("The method is not allowed for the requested URL."),
    _l("The browser (or proxy) sent a request that this server could not understand."),
    _l("The data value transmitted exceeds the capacity limit."),
)
