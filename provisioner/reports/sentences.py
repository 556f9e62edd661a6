"""Audit events as sentences in the reader's language."""

from collections import defaultdict
from typing import Any

from flask_babel import gettext, lazy_gettext as _l
from markupsafe import Markup

from provisioner.presentation import label

SENTENCES = {
    "account.create": _l("%(who)s created an account."),
    "account.disable": _l("%(who)s disabled an account."),
    "account.grant_role": _l("%(who)s gave an account the role %(role)s."),
    "account.revoke_role": _l("%(who)s took the role %(role)s from an account."),
    "account.set_language": _l("%(who)s set the language of an account to %(language)s."),
    "account.set_password": _l("%(who)s replaced the password of an account."),
    "account.sign_in": _l("%(who)s signed in."),
    "account.sign_out": _l("%(who)s signed out."),
    "administration.edit": _l("%(who)s changed an administration: %(changes)s."),
    "administration.identify": _l("%(who)s gave an administration a code: %(changes)s."),
    "administration.register": _l("%(who)s registered an administration: %(changes)s."),
    "administration.rename": _l("%(who)s renamed an administration: %(changes)s."),
    "catalogue.sync": _l("%(who)s read the app %(slug)s from its folder."),
    "catalogue.withdraw": _l("%(who)s withdrew the app %(slug)s, whose folder is gone."),
    "drain.begin": _l("%(who)s drained: %(object)s."),
    "drain.end": _l("%(who)s ended the drain: %(object)s."),
    "host.describe": _l("%(who)s brought up to date what is known of a server."),
    "host.park": _l("The server %(name)s did not answer: its jobs wait."),
    "host.register": _l("%(who)s registered the server %(name)s."),
    "host.reopen": _l("The server %(name)s answers again: its jobs go on."),
    "host.set_slots": _l("%(who)s let so many jobs act on a server at once: %(slots)s."),
    "instance.check": _l("An instance is now %(state)s, after a check."),
    "instance.plan": _l("%(who)s planned an instance of %(app)s (%(environment)s) at %(address)s."),
    "instance.provision": _l("An instance is now %(state)s, after its provisioning."),
    "instance.reconfigure": _l("An instance is now %(state)s, after a reconfiguration."),
    "instance.reveal_secret": _l("%(who)s looked at the secret %(secret)s of an instance."),
    "instance.update": _l("An instance is now %(state)s, after an update."),
    "job.cancel": _l("%(who)s cancelled a job."),
    "job.claim": _l("A worker took up a job: attempt %(attempt)s."),
    "job.conclude": _l("A job ended: %(state)s."),
    "job.give_way": _l("A background job made way for what %(who)s asked: %(state)s."),
    "job.reap": _l("A job lost its worker: %(state)s."),
    "job.recover": _l("A job was open when the database was restored from a backup: %(state)s."),
    "job.resolve": _l("%(who)s decided on a job: %(state)s."),
    "job.submit": _l("%(who)s queued a job: %(action)s."),
    "read": _l("%(who)s read the page %(object)s."),
    "request.approve": _l("%(who)s asked for an action, and it was approved: %(action)s, %(app)s %(release)s."),
    "service.recover": _l("The database was restored from a backup: jobs in doubt: %(jobs)s."),
    "token.create": _l("%(who)s created the token %(name)s."),
    "token.revoke": _l("%(who)s revoked the token %(object)s."),
}
REFUSED = {"account.sign_in": _l("A sign-in was refused.")}
OTHERWISE = _l("%(who)s: %(verb)s.")

# Which words people read for a value that stands under this key.
GROUPS = {"state": "state", "action": "action", "role": "role", "environment": "environment", "language": "language"}


def sentence(event: Any) -> Markup:
    """What happened, as a sentence; names and codes in it are set apart, for they may run the other way."""
    refusal = REFUSED.get(event.action) if event.outcome == "refused" else None
    told = refusal or SENTENCES.get(event.action, OTHERWISE)
    facts = {name: _word(name, value) for name, value in {**(event.before or {}), **(event.after or {})}.items()}
    facts |= {"who": who(event), "verb": event.action, "object": event.object_id, "changes": _changes(event)}
    set_apart = {name: Markup("<bdi>{}</bdi>").format(fact) for name, fact in facts.items()}
    return Markup(str(told)) % defaultdict(Markup, set_apart)  # noqa: S704 - the sentence is ours


def who(event: Any) -> str:
    """Who did it: a person, a shell, or the service itself."""
    erased = gettext("a person who has been erased")
    person = event.actor or (erased if event.actor_id else None)
    return str(person or event.on_behalf_of or gettext("The service"))


def _word(name: str, value: object) -> str:
    return label(str(value), GROUPS[name]) if name in GROUPS else str(value)


def _changes(event: Any) -> str:
    return ", ".join(f"{name} = {value}" for name, value in (event.after or {}).items())
