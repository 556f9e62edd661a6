"""Real hosts on this machine: Debian systems that systemd-nspawn boots, each with its own address, sshd, systemd,
PostgreSQL and nginx. They reach this machine and each other, and nothing else. Plain ones start without systemd.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from tests.ssh import new_key

BRIDGE = "prov"  # what the names of the bridges begin with
PROGRAMS = ("debootstrap", "systemd-nspawn", "ip", "setpriv", "ssh-keygen")
PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,sudo,python3,python3-venv,nginx-light,postgresql,supervisor,iproute2"
)
SETTLING = (
    "systemctl --quiet enable systemd-networkd",
    "systemctl --quiet disable supervisor",  # Debian's own, which nobody needs
    "useradd --create-home --shell /bin/sh provisioner",
    "echo 'provisioner ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/provisioner",
)
SUITE, MIRROR = "bookworm", "http://deb.debian.org/debian"
UNTIL = "until test {}; do sleep 0.1; done; {}"
STARTED = UNTIL.format("! -e /run/nologin", "systemctl is-system-running --wait || true")  # not for root alone
PLAIN_STARTED = UNTIL.format("-e /run/started", "echo running")
HOMES = ("/root", "/home/provisioner")  # of those who are let in
LONGEST = 120  # seconds that a command on one of them may take
CONTROL_GROUPS = {"": ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"), "name=systemd": ("/sys/fs/cgroup/systemd",)}
APART = 'for group in {}; do mkdir -p "$group" && echo $$ > "$group/cgroup.procs"; done; exec "$@"'
OVERLAY = "--volatile=overlay"  # what is written goes into memory
NETWORK = """\
[Match]
Name=host0
[Network]
Address={address}/24
LinkLocalAddressing=no
"""
# What starts a plain one: the scripts of /etc/rc2.d in their order, as a Debian with sysvinit does.
PLAIN = """\
ip address add {address}/24 dev host0
ip link set host0 up
for script in /etc/rc2.d/S*; do "$script" start; done
touch /run/started
exec sleep infinity
"""


def why_not(cache: Path) -> str:
    """What keeps this machine from having others on it; empty if nothing does."""
    if os.geteuid() != 0:
        return "only root can boot machines"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"there is no {', '.join(missing)}"
    try:
        system = image(cache)
        _run("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={system}", OVERLAY, "true")
    except AssertionError as refusal:
        return str(refusal)
    return ""


def image(cache: Path) -> Path:
    """The system that all of them boot; it is made once."""
    made = cache / f"{SUITE}-{crc32(repr([PACKAGES, SETTLING]).encode()):08x}"
    with (cache / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not made.exists():
            aside = made.with_suffix(".new")
            shutil.rmtree(aside, ignore_errors=True)
            _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(aside), MIRROR)
            _run("chroot", str(aside), "sh", "-ec", "\n".join(SETTLING))
            aside.rename(made)
    return made


@dataclass(frozen=True)
class Machine:
    """One of them; what is written on it is gone when it stops."""

    name: str
    address: str
    folder: Path
    is_plain: bool = False
    namespace: str = ""  # of the network from which alone it is reached; empty: from here

    @property
    def facts(self) -> dict[str, object]:
        """How it is reached, as a host's facts have it under `ssh`."""
        key = (self.folder / "host_key.pub").read_text().split()[:2]
        login = str(self.folder.parent / "login_key")
        return {
            "port": 22,
            "user": "root",
            "private_key_file": login,
            "known_hosts": f"{self.address} {' '.join(key)}\n",
        }

    @property
    def controller(self) -> str:
        """The address of this machine, as the other sees it."""
        return f"{self.address.rpartition('.')[0]}.1"

    def near(self, *command: str) -> list[str]:
        """The command as somebody carries it out who reaches the machine."""
        return [*(("ip", "netns", "exec", self.namespace) if self.namespace else ()), *command]

    def cable(self, state: str) -> None:
        """Its only line: `up`, or `down` as if somebody had pulled it."""
        _run("ip", "link", "set", f"vb-{self.name}", state)

    def said(self, *command: str) -> str:
        """What a command says on it, asked by SSH as root; CalledProcessError if it fails."""
        known = self.folder / "known_hosts"
        known.write_text(str(self.facts["known_hosts"]))
        options = ["-o", f"UserKnownHostsFile={known}", "-o", "ConnectTimeout=3", "-o", "BatchMode=yes"]
        ssh = self.near("ssh", "-i", str(self.facts["private_key_file"]), *options, f"root@{self.address}", *command)
        return subprocess.run(ssh, check=True, capture_output=True, text=True, timeout=LONGEST).stdout

    def boot(self, system: Path, bridge: str) -> "subprocess.Popen[bytes]":
        self.folder.mkdir()
        new_key(self.folder / "host_key")
        (self.folder / "network").write_text(NETWORK.format(address=self.address))
        (self.folder / "init").write_text(PLAIN.format(address=self.address))
        places = {
            self.folder / "network": "/etc/systemd/network/10-host0.network",
            self.folder / "init": "/sbin/plain",
            self.folder / "host_key": "/etc/ssh/ssh_host_ed25519_key",
            self.folder / "host_key.pub": "/etc/ssh/ssh_host_ed25519_key.pub",
        }
        doors = [(self.folder.parent / "login_key.pub", f"{home}/.ssh/authorized_keys") for home in HOMES]
        kind = ["--register=no", "--keep-unit", "--link-journal=no", OVERLAY]
        begins = ["--as-pid2", "/bin/sh", "/sbin/plain"] if self.is_plain else ["--boot"]
        itself = [f"--directory={system}", f"--machine={self.name}", f"--network-bridge={bridge}"]
        given = [f"--bind-ro={ours}:{theirs}" for ours, theirs in (*places.items(), *doors)]
        # It dies with whoever has started it, however that ends.
        nspawn = ["setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "--quiet", *kind, *itself, *given, *begins]
        command = ["sh", "-c", APART.format(" ".join(map(str, _control_groups(self.name)))), "sh", *nspawn]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def tidy(self) -> None:
        """Its control groups are left when it has ended."""
        for group in _control_groups(self.name):
            for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
                folder.rmdir()
            group.rmdir()

    def wait(self, seconds: float = 60) -> None:
        """Until its services have started."""
        give_up = time.monotonic() + seconds
        while True:
            try:
                state = self.said(PLAIN_STARTED if self.is_plain else STARTED).strip()
            except subprocess.CalledProcessError as refusal:
                if time.monotonic() > give_up:
                    raise AssertionError(f"{self.name} does not start: {refusal.stderr}") from None
                time.sleep(0.2)
            else:
                assert state in {"running", "degraded"}, state
                return


@contextmanager
def machines(folder: Path, cache: Path, count: int, plain: int = 0, *, apart: bool = False) -> Iterator[list[Machine]]:
    """So many of them, the last ones plain, on a network of their own below 10.213.0.0/16; if it lies `apart`, this
    machine reaches it only from a namespace.
    """
    system = image(cache)
    folder.mkdir(exist_ok=True)
    new_key(folder / "login_key")
    with _network(apart=apart) as (bridge, network):
        number, namespace = bridge.removeprefix(BRIDGE), bridge if apart else ""
        made = [
            Machine(f"host{each}-{number}", f"{network}.{each + 10}", folder / f"host{each}", each >= count, namespace)
            for each in range(count + plain)
        ]
        running = [each.boot(system, bridge) for each in made]
        try:
            for each in made:
                each.wait()
            yield made
        finally:
            for process in running:
                process.terminate()
            for process in running:
                _end(process)
            for each in made:
                each.tidy()


def _control_groups(name: str) -> list[Path]:
    """Those of one machine, below ours in each hierarchy that systemd uses: two in the same remove each other's."""
    ours = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    return [
        Path(f"{hierarchy}/{ours_there}/{name}")
        for _, controllers, ours_there in ours
        for hierarchy in CONTROL_GROUPS.get(controllers, ())
        if Path(hierarchy, "cgroup.procs").exists()
    ]


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Let it come to its end in order; nothing on it is worth waiting for long."""
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _network(*, apart: bool) -> Iterator[tuple[str, str]]:
    """The bridge of one that nobody uses, and what its addresses begin with; whoever was killed in it has left it
    behind. This machine has an address in it, if it lies `apart` then in a namespace that is named like the bridge.
    """
    number = next(number for number in range(250) if _add(f"{BRIDGE}{number}"))
    bridge, network = f"{BRIDGE}{number}", f"10.213.{number}"
    try:
        _run("ip", "link", "set", bridge, "up")
        with _namespace(bridge) if apart else nullcontext((bridge, ())) as (door, there):
            _run("ip", *there, "address", "add", f"{network}.1/24", "dev", door)
            yield bridge, network
    finally:
        _run("ip", "link", "delete", bridge)


@contextmanager
def _namespace(bridge: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """One that is plugged into the bridge: its door, and how `ip` is told to look there."""
    there = ("-netns", bridge)
    _run("ip", "netns", "add", bridge)
    try:
        _run("ip", "link", "add", f"{bridge}-in", "type", "veth", "peer", "name", "eth0", "netns", bridge)
        _run("ip", "link", "set", f"{bridge}-in", "master", bridge, "up")
        for door in ("lo", "eth0"):
            _run("ip", *there, "link", "set", door, "up")
        yield "eth0", there
    finally:
        _run("ip", "netns", "delete", bridge)


@contextmanager
def resolving(address_of: Callable[[str], str | None]) -> Iterator[None]:
    """What a name server would say, for the time being and for this process."""
    plain = socket.getaddrinfo

    def resolved(name: Any, *more: Any, **how: Any) -> Any:
        return plain(address_of(str(name)) or name, *more, **how)

    socket.getaddrinfo = resolved
    try:
        yield
    finally:
        socket.getaddrinfo = plain


def _add(bridge: str) -> bool:
    command = ["ip", "link", "add", bridge, "type", "bridge"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]} {done.stderr}"
