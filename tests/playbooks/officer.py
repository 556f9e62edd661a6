"""An officer at the pages of an instance on Roundup, as a browser would be one."""

import re
import urllib.request
from dataclasses import dataclass, field
from html import unescape
from http.cookiejar import CookieJar
from secrets import token_hex
from typing import Self
from urllib.parse import urlencode

from .inventory import SECRETS

CSRF = re.compile(r'name="@csrf"\s+value="([^"]+)"')


@dataclass(frozen=True)
class Attachment:
    name: str
    content: bytes
    kind: str = "application/octet-stream"


@dataclass
class Officer:
    """Signed in once, keeps the cookies."""

    address: str
    opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    )

    @classmethod
    def signed_in(cls, address: str, name: str = "admin", password: str = SECRETS["admin_password"]) -> Self:
        officer = cls(address)
        said = {"__login_name": name, "__login_password": password, "@action": "login"}
        officer.send("", urlencode(said | {"@csrf": officer.token("?@template=login")}).encode())
        return officer

    def get(self, path: str) -> tuple[str, bytes]:
        """Media type and content."""
        return self.send(path, None)

    def page(self, path: str) -> str:
        return self.get(path)[1].decode()

    def send(self, path: str, body: bytes | None, **headers: str) -> tuple[str, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            f"{self.address}/{path}", data=body, headers={"Referer": f"{self.address}/", **named}
        )
        with self.opener.open(request, timeout=10) as answer:
            return answer.headers.get_content_type(), answer.read()

    def token(self, path: str) -> str:
        """What proves that a form came from the page at `path`."""
        return unescape(CSRF.search(self.page(path)).group(1))

    def submit(
        self, form: str, values: dict[str, str], attachment: Attachment | None = None, proof: str | None = None
    ) -> str:
        """Send a page its form, and give the page that follows; `proof` is where its token comes from, if elsewhere."""
        named = values | {"@template": "item", "@csrf": self.token(proof or form)}
        if attachment:
            named["@link@files"] = "file-1"
        boundary = token_hex(8)
        body = b"".join(parts(named, attachment, boundary)) + f"--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        return self.send(form.partition("?")[0], body, Content_Type=kind)[1].decode()

    def enter(self, direction: str, values: dict[str, str], attachment: Attachment | None = None) -> str:
        """Enter mail."""
        form = f"mail?@template=item&direction={direction}"
        return self.submit(form, values | {"@action": "new", "direction": direction}, attachment)


def parts(values: dict[str, str], attachment: Attachment | None, boundary: str) -> list[bytes]:
    texts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in values.items()
    ]
    if not attachment:
        return texts
    name = attachment.name.replace('"', "%22")  # as browsers do
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file-1@content"; filename="{name}"\r\n'
    return [*texts, f"{head}Content-Type: {attachment.kind}\r\n\r\n".encode(), attachment.content, b"\r\n"]
