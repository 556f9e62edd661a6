"""The words that people read for values that code and database keep: `{{ job.state | label("state") }}`."""

from flask_babel import lazy_gettext as _l, lazy_pgettext as _lp

# Of instances and of jobs: both nouns are feminine in French and in Arabic, so that one word serves.
STATES = {
    "planned": _l("Planned"),
    "active": _l("Active"),
    "suspended": _l("Suspended"),
    "removed": _l("Removed"),
    "failed": _l("Failed"),
    "needs_attention": _l("Needs attention"),
    "queued": _l("Queued"),
    "running": _l("Running"),
    "quiescing": _l("Being stopped"),
    "succeeded": _l("Succeeded"),
    "cancelled": _l("Cancelled"),
    "timed_out": _l("Timed out"),
}

HEALTH = {"unknown": _l("Not checked yet"), "healthy": _l("Healthy"), "unhealthy": _l("Unhealthy")}

OVERDUE = {"backup": _l("A backup is overdue"), "proof": _l("A proof is overdue")}

ACTIONS = {
    "provision": _l("Provisioning"),
    "update": _l("Update"),
    "reconfigure": _l("Reconfiguration"),
    "suspend": _l("Suspension"),
    "resume": _l("Resumption"),
    "back_up": _l("Backup"),
    "restore": _l("Restore"),
    "drill": _l("Restore drill"),
    "rotate": _l("Rotation of secrets"),
    "check": _l("Check"),
    "move": _l("Move"),
    "remove": _l("Removal"),
}

# What a button says.
VERBS = {
    "provision": _lp("verb", "Provision"),
    "update": _lp("verb", "Update"),
    "reconfigure": _lp("verb", "Reconfigure"),
    "suspend": _lp("verb", "Suspend"),
    "resume": _lp("verb", "Resume"),
    "back_up": _lp("verb", "Back up"),
    "restore": _lp("verb", "Restore"),
    "drill": _lp("verb", "Prove the backup"),
    "rotate": _lp("verb", "Renew the secrets"),
    "check": _lp("verb", "Check"),
    "move": _lp("verb", "Move"),
    "remove": _lp("verb", "Remove"),
}

CAUSES = {
    "playbook_failed": _l("A step of the playbook failed."),
    "unreachable": _l("The server could not be reached."),
    "lease_lost": _l("The worker lost contact while it was running."),
    "cancelled": _l("A person cancelled it."),
    "deadline": _l("It reached its time limit."),
    "run_broken": _l("The run ended without saying how."),
    "out_of_memory": _l("It needed more memory than a run may use."),
    "not_admitted": _l("The server's key is not the known one, or it refused our login."),
    "resolved": _l("A person decided on it."),
    "gave_way": _l("It made way for what a person asked."),
    "not_begun": _l("Its run ended before its turn in it had come."),
    "restored": _l("The service's database was restored from a backup while this job was open."),
}

# What a failed task means: what happened, and what to do.
EXPLANATIONS = {
    "unknown": _l("This failure is not a known one. The message and the log say what the step itself said."),
    "disk_full": _l("The disk is full. Free space on the server, then run the job again."),
    "out_of_memory": _l("The server has no memory left. Stop what uses it or add some, then run the job again."),
    "host_key_changed": _l(
        "The server shows another host key than the one that is known. Find out why; enter the new key only if the "
        "change is explained."
    ),
    "login_refused": _l("The server refused the login of the service. Check its account and key on the server."),
    "host_unreachable": _l("The server did not answer. Check that it runs and that the network reaches it."),
    "old_fence": _l(
        "The server has already served a newer job of this instance, so it refused this one. Nothing was changed. "
        "Look at the newer job."
    ),
    "not_prepared": _l(
        "The server lacks something that every instance needs. Nothing was changed. Prepare the server."
    ),
    "went_back": _l(
        "The update failed and the instance is back on its release of before, with its data. Mend what the message "
        "names, then update again."
    ),
    "secrets_kept": _l(
        "The instance could not be given new secrets, and has those of before. Mend what the message names, then renew "
        "them again."
    ),
    "packages": _l(
        "The app's packages could not be fetched or installed. Check that the package index can be reached and has "
        "them, then run the job again."
    ),
    "port_taken": _l("The port of the instance is used by another program. Stop that program, then run the job again."),
    "database_refused": _l(
        "The database refused what was asked. Check the roles and rights in the server's PostgreSQL."
    ),
    "database_missing": _l(
        "The database of the instance is not there. Provision it again, or restore it from a backup."
    ),
    "database_away": _l(
        "The database did not answer. Check that the server's PostgreSQL runs, then run the job again."
    ),
    "backup_failed": _l(
        "No backup could be taken, so nothing was changed. Mend what the message names, then run it again."
    ),
    "backup_unreadable": _l(
        "The backup could not be read back whole. Do not rely on it: look at the instance, and use an older backup."
    ),
    "migration_failed": _l(
        "The app could not bring its data to this release. Its authors can tell from the message what is wrong."
    ),
    "service_down": _l("The app was started and did not stay up. Its last words are in the message."),
    "unhealthy": _l("The app runs but does not answer as it should. Read its own log on the server."),
    "permission_denied": _l(
        "The service may not read or write something there. Check the owner and rights of what is named."
    ),
    "name_unresolved": _l(
        "A name was not found in the DNS. Check the name and the server's DNS, then run the job again."
    ),
    "took_too_long": _l("Something did not answer in time. Check what the message names, then run the job again."),
    "playbook_error": _l(
        "The app's playbook has a mistake. Its authors have to mend it; running it again will not help."
    ),
}

# Of a request, for each of its instances.
OUTCOMES = {
    "accepted": _lp("outcome", "Asked for"),
    "unchanged": _lp("outcome", "Nothing to do"),
    "refused": _lp("outcome", "Refused"),
}

REFUSALS = {
    "operation-in-progress": _l("Another job has the instance."),
    "wrong-state": _l("Its state does not allow it."),
    "not-newer": _l("It has this release or a newer one already."),
}

RESOLUTIONS = {
    "retry": _l("Run it again"),
    "succeeded": _l("Mark as succeeded"),
    "failed": _l("Mark as failed"),
}

ADMINISTRATION_KINDS = {
    "region": _l("Region"),
    "prefecture": _l("Prefecture"),
    "province": _l("Province"),
    "commune": _l("Commune"),
    "arrondissement": _l("Arrondissement"),
    "grouping": _l("Grouping of communes"),
    "ministry": _l("Ministry"),
    "deconcentrated_service": _l("Deconcentrated service"),
    "establishment": _l("Public establishment"),
    "public_enterprise": _l("Public enterprise"),
    "constitutional_body": _l("Constitutional body"),
    "university": _l("University"),
    "other": _l("Other"),
}

NAME_TYPES = {"official": _l("Official name"), "short": _l("Short name"), "alias": _l("Also known as")}

IDENTIFIER_SCHEMES = {"hcp": _l("HCP code"), "ice": _l("ICE number"), "iso3166-2": _l("ISO 3166-2 code")}

RELEASE_STATES = {
    "draft": _lp("release", "Draft"),
    "current": _lp("release", "Current"),
    "deprecated": _lp("release", "Deprecated"),
    "withdrawn": _lp("release", "Withdrawn"),
}

DECISIONS = {
    "pending": _lp("request", "Waiting for approval"),
    "approved": _lp("request", "Approved"),
    "refused": _lp("request", "Refused"),
}

HOST_STATES = {
    "active": _lp("host", "Active"),
    "cordoned": _lp("host", "Takes nothing new"),
    "draining": _lp("host", "Shall be empty"),
    "retired": _lp("host", "Retired"),
}

# Of freeze windows, and of nights.
WINDOW_STATES = {
    "coming": _lp("window", "Coming"),
    "holding": _lp("window", "Holds now"),
    "over": _lp("window", "Over"),
}

NIGHT_STATES = {
    "under_way": _lp("night", "Under way"),
    "complete": _lp("night", "Complete"),
    "incomplete": _lp("night", "Incomplete"),
}

# How what a server has differs from the register.
FINDINGS = {
    "unknown_instance": _lp("finding", "Unknown folder"),
    "unknown_service": _lp("finding", "Unknown service"),
    "unknown_database": _lp("finding", "Unknown database"),
    "missing_instance": _lp("finding", "Instance missing"),
    "missing_service": _lp("finding", "Service missing"),
    "other_release": _lp("finding", "Other release"),
    "not_running": _lp("finding", "Not running"),
    "changed_files": _lp("finding", "Changed files"),
}

FINDING_STATES = {
    "open": _lp("finding", "Waits for a decision"),
    "ignored": _lp("finding", "Ignored for now"),
    "clearing": _lp("finding", "Being taken away"),
    "settled": _lp("finding", "Decided"),
    "gone": _lp("finding", "Gone"),
}

ENVIRONMENTS = {"production": _l("Production"), "training": _l("Training")}

# Of a link by which a secret is handed over.
HANDOVER_STATES = {
    "open": _lp("handover", "Waits for the receiver"),
    "opened": _lp("handover", "Opened"),
    "expired": _lp("handover", "Expired"),
    "revoked": _lp("handover", "Revoked"),
}

ROLES = {
    "viewer": _l("Viewer"),
    "operator": _l("Operator"),
    "approver": _l("Approver"),
    "administrator": _l("Administrator"),
    "auditor": _l("Auditor"),
}

# What an audit event is about, and the door it came through.
OBJECTS = {
    "account": _l("Account"),
    "administration": _l("Administration"),
    "app": _l("App"),
    "backup": _l("Backup"),
    "drain": _l("Drain"),
    "finding": _l("Finding"),
    "freeze": _l("Freeze window"),
    "handover": _l("Link for a secret"),
    "host": _l("Server"),
    "instance": _l("Instance"),
    "job": _l("Job"),
    "path": _l("Page"),
    "request": _l("Request"),
    "schedule": _l("Schedule"),
    "service": _l("Service"),
    "token": _l("Token"),
}

DOORS = {
    "web": _l("Web page"),
    "api": _l("Program (API)"),
    "cli": _l("Command line"),
    "worker": _l("Worker"),
}

LANGUAGES = {"ar": _l("Arabic"), "fr": _l("French"), "en": _l("English"), "zgh": _l("Amazigh")}

LABELS = {
    "state": STATES,
    "health": HEALTH,
    "overdue": OVERDUE,
    "action": ACTIONS,
    "verb": VERBS,
    "cause": CAUSES,
    "explanation": EXPLANATIONS,
    "outcome": OUTCOMES,
    "refusal": REFUSALS,
    "resolution": RESOLUTIONS,
    "administration": ADMINISTRATION_KINDS,
    "name": NAME_TYPES,
    "identifier": IDENTIFIER_SCHEMES,
    "release": RELEASE_STATES,
    "decision": DECISIONS,
    "handover": HANDOVER_STATES,
    "finding": FINDINGS,
    "finding_state": FINDING_STATES,
    "host": HOST_STATES,
    "window": WINDOW_STATES,
    "night": NIGHT_STATES,
    "environment": ENVIRONMENTS,
    "role": ROLES,
    "language": LANGUAGES,
    "object": OBJECTS,
    "via": DOORS,
}
