"""Where everything embedded lives: the one place that knows the paths of the state folder."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from provisioner.config import Settings
from provisioner.errors import Unavailable

DATABASE = "provisioner"
OWNER = "provisioner_owner"
APPLICATION = "provisioner_app"
SUPERUSER = "postgres"

SOCKET_PATH_LIMIT = 107  # bytes; the kernel keeps 108, one of them for the closing NUL
LONGEST_SOCKET = "/supervisor.sock.4194304"  # supervisord binds this name first, then renames it


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL cluster: its data, its socket and its superuser's password."""

    folder: Path
    socket_dir: Path
    port: int = 5432

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def superuser_password_file(self) -> Path:
        return self.folder / "superuser.pw"

    def url(self, role: str, password: str, database: str) -> str:
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql+psycopg://{role}:{quote(password, safe='')}@/{database}?host={host}&port={self.port}"


@dataclass(frozen=True)
class Layout:
    """The paths below one state folder, and the addresses of the servers that live there."""

    state_dir: Path

    @property
    def run_dir(self) -> Path:
        """Sockets and pid files; in a short folder elsewhere when its usual path cannot be that of a socket."""
        usual = self.state_dir / "run"
        fits = len(os.fsencode(usual)) + len(LONGEST_SOCKET) <= SOCKET_PATH_LIMIT
        if fits and "," not in str(usual):  # to a client of PostgreSQL a comma separates hosts
            return usual
        # Not XDG_RUNTIME_DIR or TMPDIR: every session of every user has to find the same folder.
        name = f"provisioner-{hashlib.sha256(os.fsencode(usual)).hexdigest()[:16]}"
        return Path("/tmp") / name  # noqa: S108 - create() refuses one that is not ours

    @property
    def lock(self) -> Path:
        return self.state_dir / "up.lock"

    @property
    def port_file(self) -> Path:
        return self.state_dir / "port"

    @property
    def logs(self) -> Path:
        return self.state_dir / "logs"

    @property
    def keys(self) -> Path:
        return self.state_dir / "keys"

    @property
    def control(self) -> Cluster:
        return Cluster(self.state_dir / "postgres", self.run_dir)

    @property
    def roles_file(self) -> Path:
        return self.control.folder / "roles.json"

    @property
    def valkey(self) -> Path:
        return self.state_dir / "valkey"

    @property
    def valkey_socket(self) -> Path:
        return self.run_dir / "valkey.sock"

    @property
    def host_root(self) -> Path:
        """This machine as a host of instances."""
        return self.state_dir / "host"

    @property
    def tenants(self) -> Cluster:
        return Cluster(self.host_root / "postgres", self.run_dir / "tenants")

    @property
    def supervisor_conf(self) -> Path:
        return self.host_root / "supervisor" / "supervisord.conf"

    @property
    def supervisor_conf_dir(self) -> Path:
        return self.host_root / "supervisor" / "conf.d"

    @property
    def supervisor_socket(self) -> Path:
        return self.run_dir / "supervisor.sock"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def database_url(self, role: str, database: str = DATABASE) -> str:
        """The control plane's database as SQLAlchemy wants it; `role` is OWNER, APPLICATION or SUPERUSER."""
        try:
            return self.control.url(role, self._password(role), database)
        except FileNotFoundError:
            raise Unavailable(
                "There is no embedded PostgreSQL in %(state_dir)s yet: `provisioner up` creates it.",
                state_dir=str(self.state_dir),
            ) from None

    def redis_url(self) -> str:
        return f"unix://{quote(str(self.valkey_socket))}"

    def web_port(self) -> int | None:
        """The port on which `provisioner up` serves, or served last."""
        return int(self.port_file.read_text()) if self.port_file.exists() else None

    def remember_web_port(self, port: int) -> None:
        """Renamed into place, for others may be reading."""
        draft = self.port_file.with_suffix(".new")
        draft.write_text(str(port))
        draft.replace(self.port_file)

    def create(self) -> None:
        """Make the folders; instances may run as other users, so the way to their folders stays open."""
        for passable in (self.state_dir, self.run_dir, self.host_root):
            passable.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._refuse_foreign_run_dir()
        self.tenants.socket_dir.mkdir(mode=0o711, exist_ok=True)
        for private in (self.control.folder, self.tenants.folder, self.valkey, self.logs, self.keys):
            private.mkdir(mode=0o700, exist_ok=True)
        for shared in ("supervisor/conf.d", "instances", "runtimes", "guard"):
            (self.host_root / shared).mkdir(mode=0o755, parents=True, exist_ok=True)

    def _password(self, role: str) -> str:
        if role == SUPERUSER:
            return self.control.superuser_password_file.read_text().strip()
        return str(json.loads(self.roles_file.read_text())[role])

    def _refuse_foreign_run_dir(self) -> None:
        if self.run_dir.is_symlink() or self.run_dir.stat().st_uid != self.state_dir.stat().st_uid:
            raise Unavailable("The folder %(run_dir)s belongs to somebody else: remove it.", run_dir=str(self.run_dir))


def database_url(settings: Settings) -> str:
    """The control plane's database, as the application."""
    return _sqlalchemy(settings.database_url) or Layout(settings.state_dir).database_url(APPLICATION)


def owner_database_url(settings: Settings) -> str:
    """The control plane's database, as the owner of its tables."""
    if settings.database_url and not settings.owner_database_url:
        raise Unavailable("PROVISIONER_DATABASE_URL is set: PROVISIONER_OWNER_DATABASE_URL must be set, too.")
    return _sqlalchemy(settings.owner_database_url) or Layout(settings.state_dir).database_url(OWNER)


def redis_url(settings: Settings) -> str:
    return settings.redis_url or Layout(settings.state_dir).redis_url()


def celery_broker_url(settings: Settings) -> str:
    """The same server as `redis_url`, in the words of kombu."""
    url = redis_url(settings)
    if not url.startswith("unix://"):
        return url
    return url.replace("unix://", "redis+socket://", 1).replace("db=", "virtual_host=")


def _sqlalchemy(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in {"postgres", "postgresql"} else scheme + separator + rest
