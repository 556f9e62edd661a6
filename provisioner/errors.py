"""What may go wrong, in the words of the domain. Doors turn these into answers (web.py, cli.py); nothing else does."""

from typing import Any


def marked(sentence: str) -> str:
    """A sentence that is translated where it is shown. Imported as `_l`, by which the catalogues find it."""
    return sentence


class DomainError(Exception):
    """Something the person who asked can understand and act on.

    `code` is stable and documented; `status` is what an HTTP door answers; `message` is an English sentence with named
    %-placeholders filled from `details`, translated by the door.
    """

    code = "domain-error"
    status = 409
    message = "The request cannot be carried out."

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or type(self).message
        self.details = details
        super().__init__(self.message % details)


class NotFound(DomainError):
    code = "not-found"
    status = 404
    message = "There is no %(kind)s %(key)s."


class Invalid(DomainError):
    """Bad input; `errors` lists each fault with a JSON pointer to the field."""

    code = "invalid"
    status = 422
    message = "Some of the given values are not valid."

    def __init__(self, message: str | None = None, errors: list[dict[str, str]] | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.errors = errors or []


class Conflict(DomainError):
    code = "conflict"
    status = 409


class OperationInProgress(Conflict):
    code = "operation-in-progress"
    message = "This instance is busy: %(action)s, job %(job_id)s."


class NotAllowed(DomainError):
    code = "not-allowed"
    status = 403
    message = "You may not do this."


class NotAuthenticated(DomainError):
    code = "not-authenticated"
    status = 401
    message = "Please sign in."


class Unavailable(DomainError):
    code = "unavailable"
    status = 503
    message = "The service cannot reach its database. Please try again in a moment."


class BadSetting(DomainError):
    code = "bad-setting"
    message = "The setting %(name)s cannot be %(text)s."

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name=name, text=repr(text))
