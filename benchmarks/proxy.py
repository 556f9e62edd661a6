"""What it costs a host's proxy that a name is added: one map of all names beside a server block for each.

Both have the same settings for a request, and lead one name to a second nginx that answers at once. Under load a name
is added every second and nginx reloaded; the slowest and the failed are requests on a connection of their own.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from getpass import getuser
from importlib import import_module
from pathlib import Path
from statistics import median

import ansible.module_utils

sys.path.append(str(Path(__file__).parents[1]))

from machine import load

from tests.playbooks.proxies import NGINX, Nginx
from tests.playbooks.runs import PLAYBOOKS
from tests.running import wait_for
from tests.ssh import free_port

ansible.module_utils.__path__.append(str(PLAYBOOKS / "module_utils"))
proxy_config, proxy_map = (import_module(f"ansible.module_utils.proxy_{name}") for name in ("config", "map"))

FEW, MANY = 2_000, 20_000
RELOADS, ROUNDS, SECONDS = 5, 3, 8
ASKED, ALONE = "n0.example", "Connection: close"
OF = "| of the first"
UNITS = {"us": 0.001, "ms": 1, "s": 1000}
UNKNOWN = """\
        if ($site_upstream = "") {
            return 404;
        }
"""
ANSWERS = """\
pid {folder}/up.pid; error_log {folder}/up.log; worker_processes 1; {user}
events {{ worker_connections 1024; }}
http {{ access_log off; server {{ listen {socket}; location / {{ return 200 "salam"; }} }} }}
"""
BLOCKS = """\
include {folder}/told.conf;
server_names_hash_max_size 65536;
server_names_hash_bucket_size 512;
map $http_upgrade $site_connection {{ default upgrade; "" close; }}
log_format site_used "";
open_log_file_cache max=1000 inactive=60s valid=60s;
server {{ listen {port} default_server; return 404; }}
include {folder}/blocks.conf;
"""
TOLD = "server {{ listen {port}; server_name {told}; location / {{ return 200 {generation}; }} }}\n"


def socket_of(folder: Path, number: int) -> str:
    """The first is answered; the others have the length that they have on a host."""
    return f"unix:{folder}/a.sock" if not number else f"unix:/srv/provisioner/instances/a{number:09}/run/web.sock"


@dataclass
class Way:
    """One way to lead names to instances, in a running nginx."""

    label: str
    names: int
    nginx: Nginx
    generation: int = 1
    added: int = 0

    def fill(self) -> None:
        raise NotImplementedError

    def add(self, number: int) -> None:
        """One name more, of the next generation."""
        raise NotImplementedError

    def reload(self) -> float:
        """Milliseconds until the new workers answer, for a name that was added."""
        self.add(self.names + self.added)
        self.added += 1
        began = time.monotonic()
        subprocess.run(self.nginx.plain_reload, stderr=subprocess.DEVNULL, check=True)
        while proxy_map.told(self.nginx.http_port) < self.generation:
            time.sleep(0.002)
        return (time.monotonic() - began) * 1000

    def memory(self) -> float:
        """MiB of all its processes once the old workers have gone; what they share is divided between them."""
        assert self.nginx.process
        master = self.nginx.process.pid
        children = Path(f"/proc/{master}/task/{master}/children")
        time.sleep(1)  # they are told a little later
        wait_for("the old workers to go", lambda: "shutting" not in _lines(children.read_text().split()))
        return sum(map(_kibibytes, [str(master), *children.read_text().split()])) / 1024


def _lines(pids: list[str]) -> str:
    return " ".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in pids if Path(f"/proc/{pid}").exists())


def _kibibytes(pid: str) -> int:
    found = re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found.group(1)) if found else 0


class OneMap(Way):
    def fill(self) -> None:
        folder, proxy = self.nginx.folder, proxy_map.Proxy(str(self.nginx.folder), [])
        lines = (f"n{number}.example {socket_of(folder, number)}; # 1\n" for number in range(self.names))
        (folder / proxy_map.SITES).write_text(f"{proxy_map.TOLD} 1;\n{''.join(lines)}")
        for file in (proxy_map.CERTIFICATES, proxy_map.KEYS):
            (folder / file).write_text(proxy.text(file))
        self.generation = proxy.renew()
        self.nginx.main.write_text(proxy_config.configuration(PARAMETERS | self.nginx.parameters, getuser()))

    def add(self, number: int) -> None:
        entries = {proxy_map.SITES: f"{socket_of(self.nginx.folder, number)};"}
        entries |= dict.fromkeys((proxy_map.CERTIFICATES, proxy_map.KEYS), "")
        proxy = proxy_map.Proxy(str(self.nginx.folder), [])
        self.generation = proxy.change(f"n{number}.example", entries)[1]


class Blocks(Way):
    def fill(self) -> None:
        folder, port = self.nginx.folder, self.nginx.http_port
        given = PARAMETERS | self.nginx.parameters
        self.serving = proxy_config.serving_of(given, port, "").replace(UNKNOWN, "")
        (folder / "blocks.conf").write_text("".join(map(self._block, range(self.names))))
        told = {"folder": folder, "access_log": proxy_config.access_log(given)}
        everything = BLOCKS.format(folder=folder, port=port)
        self.nginx.main.write_text(proxy_config.STANDALONE.format(**told, user=f"user {getuser()};\n", all=everything))
        self._tell()

    def _block(self, number: int) -> str:
        serving = self.serving.replace("$site_upstream", socket_of(self.nginx.folder, number))
        return f"server {{ listen {self.nginx.http_port}; server_name n{number}.example; {serving} }}\n"

    def _tell(self) -> None:
        words = {"port": self.nginx.http_port, "told": proxy_map.TOLD, "generation": self.generation}
        (self.nginx.folder / "told.conf").write_text(TOLD.format(**words))

    def add(self, number: int) -> None:
        with (self.nginx.folder / "blocks.conf").open("a") as stream:
            stream.write(self._block(number))
        self.generation += 1
        self._tell()


PARAMETERS = {"max_body": "2000m", "tls": False, "acme": None}


@dataclass(frozen=True)
class Load:
    """What those saw who kept asking."""

    requests: int
    failed: int
    slowest: float  # ms
    reloads: int


def asked(port: int, *headers: str) -> subprocess.Popen[str]:
    words = [word for header in (f"Host: {ASKED}", *headers) for word in ("-H", header)]
    command = ["wrk", "-t1", "-c8", f"-d{SECONDS}s", *words, f"http://127.0.0.1:{port}/"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def seen(said: str, reloads: int) -> Load:
    told = re.search(r"Latency +\S+ +\S+ +([\d.]+)(us|ms|s)", said)
    requests = re.search(r"(\d+) requests in", said)
    if not told or not requests:
        raise SystemExit(said)
    errors = re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", said)
    return Load(int(requests.group(1)), sum(map(int, errors)), float(told.group(1)) * UNITS[told.group(2)], reloads)


def under_load(way: Way, *headers: str, reloads: bool) -> Load:
    process, before = asked(way.nginx.http_port, *headers), way.added
    while process.poll() is None:
        if reloads:
            way.reload()
        time.sleep(1)
    return seen(process.stdout.read() if process.stdout else "", way.added - before)


@contextmanager
def running(kind: type[Way], label: str, names: int) -> Iterator[Way]:
    with tempfile.TemporaryDirectory(prefix="proxy-") as name:
        folder = Path(name)
        for below in ("logs", "temp", "pages", "used"):
            (folder / below).mkdir()
        way = kind(label, names, Nginx(folder, free_port(), free_port()))
        way.fill()
        behind = folder / "behind.conf"
        user = f"user {getuser()};" if getuser() == "root" else ""
        behind.write_text(ANSWERS.format(folder=folder, socket=f"unix:{folder}/a.sock", user=user))
        with subprocess.Popen([NGINX, "-c", behind, "-g", "daemon off;"], stderr=subprocess.DEVNULL) as process:
            way.nginx.start()
            try:
                yield way
            finally:
                way.nginx.stop()
                process.terminate()


@dataclass
class Figures:
    reload: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    still: list[Load] = field(default_factory=list)
    changing: list[Load] = field(default_factory=list)
    kept: list[Load] = field(default_factory=list)  # changing, with connections that are kept

    def row(self, way: Way, first: "Figures") -> str:
        slowest = [max(one.slowest for one in loads) for loads in (self.still, self.changing)]
        failed = sum(one.failed for one in self.still + self.changing)
        asked = sum(one.requests for one in self.still + self.changing)
        cells = [
            f"{way.label}, {way.names:,}",
            f"{median(self.reload):,.0f}",
            f"{median(self.reload) / median(first.reload):.3f}",
            f"{median(self.memory):,.1f}",
            f"{median(self.memory) / median(first.memory):.3f}",
            *(f"{each:,.0f}" for each in slowest),
            f"{failed} of {asked:,}",
            f"{sum(one.failed for one in self.kept) / sum(one.reloads for one in self.kept):.1f}",
        ]
        return f"| {' | '.join(cells)} |"


def measure(ways: list[Way]) -> list[Figures]:
    figures = [Figures() for _ in ways]
    for _ in range(RELOADS):
        for way, found in zip(ways, figures, strict=True):
            found.reload.append(way.reload())
            found.memory.append(way.memory())
    for _ in range(ROUNDS):
        for way, found in zip(ways, figures, strict=True):
            found.still.append(under_load(way, ALONE, reloads=False))
            found.changing.append(under_load(way, ALONE, reloads=True))
            found.kept.append(under_load(way, reloads=True))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=FEW, help="how many server blocks")
    blocks = parser.parse_args().blocks
    if not shutil.which("wrk") or not NGINX:
        print("The proxy is left out: this takes nginx and wrk")
        return
    print(f"The proxy of a host; {load()}")
    with ExitStack() as stack:
        kinds = (Blocks, "a server block each", blocks), (OneMap, "one map", FEW), (OneMap, "one map", MANY)
        ways = [stack.enter_context(running(*kind)) for kind in kinds]
        figures = measure(ways)
        print(f"| | reload ms {OF} | MiB {OF} | slowest ms | with reloads | failed | kept ones ended |")
        for way, found in zip(ways, figures, strict=True):
            print(found.row(way, figures[0]))


if __name__ == "__main__":
    main()
