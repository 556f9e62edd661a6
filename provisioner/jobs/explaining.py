"""What a failed task means, told from its module and what it said. The sentences stand in `labels`."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Explanation(StrEnum):
    """A cause that people know what to do about."""

    UNKNOWN = "unknown"  # said honestly
    DISK_FULL = "disk_full"
    OUT_OF_MEMORY = "out_of_memory"
    HOST_KEY_CHANGED = "host_key_changed"
    LOGIN_REFUSED = "login_refused"
    HOST_UNREACHABLE = "host_unreachable"
    OLD_FENCE = "old_fence"
    NOT_PREPARED = "not_prepared"
    WENT_BACK = "went_back"
    SECRETS_KEPT = "secrets_kept"
    PACKAGES = "packages"
    PORT_TAKEN = "port_taken"
    DATABASE_REFUSED = "database_refused"
    DATABASE_MISSING = "database_missing"
    DATABASE_AWAY = "database_away"
    BACKUP_FAILED = "backup_failed"
    BACKUP_UNREADABLE = "backup_unreadable"
    MIGRATION_FAILED = "migration_failed"
    SERVICE_DOWN = "service_down"
    UNHEALTHY = "unhealthy"
    PERMISSION_DENIED = "permission_denied"
    NAME_UNRESOLVED = "name_unresolved"
    TOOK_TOO_LONG = "took_too_long"
    PLAYBOOK_ERROR = "playbook_error"


@dataclass(frozen=True)
class Rule:
    """What a failure means that fits: by a pattern in its message and, where one is given, the name of its module."""

    explanation: Explanation
    pattern: str
    module: str = ""

    def fits(self, module: str, message: str) -> bool:
        return module.endswith(self.module) and re.search(self.pattern, message, re.IGNORECASE) is not None


# The first that fits: what lies deeper stands before what follows from it, and what our modules say before what may
# stand anywhere in the message of another.
RULES = (
    Rule(Explanation.DISK_FULL, r"no space left on device|disk quota exceeded|disk full|errno 28\b"),
    Rule(Explanation.OUT_OF_MEMORY, r"cannot allocate memory|out of memory|\bMemoryError\b|errno 12\b"),
    Rule(
        Explanation.HOST_KEY_CHANGED, r"host key verification failed|host identification has changed|host key .*changed"
    ),
    Rule(
        Explanation.LOGIN_REFUSED,
        r"permission denied \((?:publickey|password|keyboard)|authentication failure|too many auth",
    ),
    Rule(Explanation.LOGIN_REFUSED, r"missing sudo password|sudo: a password is required|not in the sudoers"),
    Rule(
        Explanation.HOST_UNREACHABLE,
        r"failed to connect to the host via|connection timed out during banner|no route to host",
    ),
    Rule(
        Explanation.HOST_UNREACHABLE,
        r"network is unreachable|^data could not be sent to remote host|shared connection .*closed",
    ),
    Rule(Explanation.OLD_FENCE, r"this job carries fence", "instance_guard"),
    Rule(Explanation.NOT_PREPARED, r"nothing was touched: the host has no", "instance_guard"),
    Rule(Explanation.WENT_BACK, r"the update to .* failed, and the instance is back on"),
    Rule(Explanation.SECRETS_KEPT, r"the secrets were not renewed, and the instance has those of before"),
    Rule(Explanation.BACKUP_UNREADABLE, r"", "instance_restore"),
    Rule(
        Explanation.BACKUP_UNREADABLE,
        r"is not what was backed up|the dump holds no table|not a gzip file|file could not be opened",
    ),
    Rule(Explanation.PACKAGES, r"", "runtime_wheels"),
    Rule(
        Explanation.PACKAGES,
        r"no matching distribution|could not find a version|hashes? .*do(?:es)? not match|failed to fetch",
    ),
    Rule(Explanation.PORT_TAKEN, r"address already in use|port .*(?:in use|taken)|errno 98\b"),
    Rule(Explanation.DATABASE_MISSING, r"database \S+ does not exist|there is no database"),
    Rule(
        Explanation.DATABASE_REFUSED,
        r"password authentication failed|no pg_hba|role \S+ does not exist|permission denied for",
    ),
    Rule(
        Explanation.DATABASE_AWAY, r"could not connect to server|connection to server .* failed|is the server running"
    ),
    Rule(Explanation.PERMISSION_DENIED, r"permission denied|operation not permitted|errno 13\b|read-only file system"),
    Rule(
        Explanation.NAME_UNRESOLVED, r"name or service not known|temporary failure in name resolution|could not resolve"
    ),
    Rule(Explanation.BACKUP_FAILED, r"", "instance_backup"),
    Rule(Explanation.MIGRATION_FAILED, r"", "instance_prepare"),
    Rule(Explanation.DATABASE_REFUSED, r"", "instance_database"),
    Rule(Explanation.UNHEALTHY, r"", "instance_health"),
    Rule(Explanation.SERVICE_DOWN, r"", "instance_service"),
    Rule(Explanation.PACKAGES, r"", "runtime_venv"),
    Rule(Explanation.TOOK_TOO_LONG, r"timed out|timeout|async task did not complete"),
    Rule(
        Explanation.PLAYBOOK_ERROR,
        r"is undefined|undefined variable|template error|couldn't resolve module|syntax error",
    ),
    Rule(
        Explanation.PLAYBOOK_ERROR,
        r"unsupported parameters|missing required arguments|could not find or access|conditional check",
    ),
    Rule(
        Explanation.PLAYBOOK_ERROR, r"validation of arguments failed|error while evaluating|finalization of task args"
    ),
)


def explain(module: str, message: str) -> Explanation:
    """What the failure means; UNKNOWN where no rule fits."""
    return next((rule.explanation for rule in RULES if rule.fits(module, message)), Explanation.UNKNOWN)
