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
    "backup.expire": _l("A backup was removed from the store, for newer ones are there."),
    "backup.keep": _l("A backup was put into the store and read back: %(name)s."),
    "backup.prove": _l("A copy was restored from a backup and read: the backup is proven."),
    "catalogue.sync": _l("%(who)s read the app %(slug)s from its folder."),
    "catalogue.withdraw": _l("%(who)s withdrew the app %(slug)s, whose folder is gone."),
    "drain.begin": _l("%(who)s drained: %(object)s."),
    "drain.end": _l("%(who)s ended the drain: %(object)s."),
    "finding.adopt": _l("%(who)s let the register say what a server has: %(kind)s, %(subject)s."),
    "finding.clear": _l("It was taken away from a server, and a last copy kept: %(kind)s, %(subject)s."),
    "finding.ignore": _l("%(who)s let a finding be until %(until)s: %(kind)s, %(subject)s."),
    "finding.remove": _l("%(who)s had something taken away from a server: %(kind)s, %(subject)s."),
    "finding.repair": _l("%(who)s had a server put in order: %(kind)s, %(subject)s."),
    "freeze.end": _l("%(who)s ended a freeze window."),
    "freeze.plan": _l("%(who)s planned a freeze window from %(begins)s to %(ends)s."),
    "handover.create": _l("%(who)s made a link to hand over the secret %(secret)s of an instance."),
    "handover.open": _l("A link was opened, and showed the secret %(secret)s of an instance at %(address)s."),
    "handover.revoke": _l("%(who)s revoked a link by which the secret %(secret)s was to be handed over."),
    "host.activate": _l("%(who)s let the server %(name)s take new instances."),
    "host.change": _l("%(who)s changed what is known of a server: %(changes)s."),
    "host.cordon": _l("%(who)s let the server %(name)s take nothing new."),
    "host.describe": _l("%(who)s brought up to date what is known of a server."),
    "host.drain": _l("%(who)s wants the server %(name)s empty: it takes nothing new."),
    "host.park": _l("The server %(name)s did not answer: its jobs wait."),
    "host.prepare": _l("%(who)s asked for the server %(name)s to be prepared."),
    "host.register": _l("%(who)s registered the server %(name)s."),
    "host.reopen": _l("The server %(name)s answers again: its jobs go on."),
    "host.retire": _l("%(who)s retired the server %(name)s."),
    "host.set_slots": _l("%(who)s let so many jobs act on a server at once: %(slots)s."),
    "host.survey": _l("The server %(name)s was looked at. New findings: %(found)s; gone: %(gone)s."),
    "instance.adopt_release": _l("%(who)s let the register say that an instance runs release %(release)s."),
    "instance.back_up": _l("An instance is now %(state)s, after a backup."),
    "instance.call_off_removal": _l("%(who)s called off the removal of an instance."),
    "instance.certify_erasure": _l("An instance was erased on its server; its certificate has the digest %(digest)s."),
    "instance.check": _l("An instance is now %(state)s, after a check."),
    "instance.drill": _l("An instance is now %(state)s, after a restore drill."),
    "instance.hold": _l("%(who)s put a legal hold on an instance: nothing of it is erased."),
    "instance.lift_hold": _l("%(who)s lifted the legal hold on an instance."),
    "instance.move": _l("An instance has moved to the server %(host)s."),
    "instance.pardon_release": _l("%(who)s said that release %(release)s may be tried again on an instance."),
    "instance.plan": _l("%(who)s planned an instance of %(app)s (%(environment)s) at %(address)s."),
    "instance.provision": _l("An instance is now %(state)s, after its provisioning."),
    "instance.reconfigure": _l("An instance is now %(state)s, after a reconfiguration."),
    "instance.remove": _l("An instance is now %(state)s, after its removal."),
    "instance.restore": _l("An instance is now %(state)s, after a restore."),
    "instance.resume": _l("An instance is now %(state)s, after its resumption."),
    "instance.reveal_secret": _l("%(who)s looked at the secret %(secret)s of an instance."),
    "instance.rotate": _l("An instance is now %(state)s, after its secrets were renewed."),
    "instance.schedule_removal": _l("%(who)s asked for the removal of an instance, due at %(removal_due_at)s."),
    "instance.suspend": _l("An instance is now %(state)s, after its suspension."),
    "instance.update": _l("An instance is now %(state)s, after an update."),
    "job.cancel": _l("%(who)s cancelled a job."),
    "job.claim": _l("A worker took up a job: attempt %(attempt)s."),
    "job.conclude": _l("A job ended: %(state)s."),
    "job.give_way": _l("A background job made way for what %(who)s asked: %(state)s."),
    "job.let_through": _l("%(who)s let a job through a freeze window."),
    "job.reap": _l("A job lost its worker: %(state)s."),
    "job.recover": _l("A job was open when the database was restored from a backup: %(state)s."),
    "job.resolve": _l("%(who)s decided on a job: %(state)s."),
    "job.submit": _l("%(who)s queued a job: %(action)s."),
    "read": _l("%(who)s read the page %(object)s."),
    "request.approve": _l("%(who)s asked for an action, and it was approved: %(action)s, %(app)s %(release)s."),
    "schedule.arrange": _l("%(who)s arranged a schedule: %(action)s, from %(opens)s to %(closes)s."),
    "schedule.miss": _l(
        "A schedule did not get through its night of %(night)s: %(action)s, instances left: %(missed)s."
    ),
    "schedule.remove": _l("%(who)s removed a schedule: %(action)s."),
    "service.new_key": _l("%(who)s made a new key for secrets: %(key)s."),
    "service.recover": _l("The database was restored from a backup: jobs in doubt: %(jobs)s."),
    "service.rewrap": _l("%(who)s wrapped secrets with the key %(key)s: %(secrets)s."),
    "token.create": _l("%(who)s created the token %(name)s."),
    "token.revoke": _l("%(who)s revoked the token %(object)s."),
}
REFUSED = {
    "account.sign_in": _l("A sign-in was refused."),
    "finding.clear": _l("It could not be taken away from a server: %(kind)s, %(subject)s. %(outcome)s"),
    "handover.open": _l("At %(address)s somebody tried a link that opens nothing (any more)."),
}
OTHERWISE = _l("%(who)s: %(verb)s.")

# Which words people read for a value that stands under this key.
GROUPS = {
    "state": "state",
    "action": "action",
    "role": "role",
    "environment": "environment",
    "language": "language",
    "kind": "finding",
}


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
