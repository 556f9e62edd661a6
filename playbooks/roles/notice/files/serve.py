"""Answers every request with the notice that takes the place of a suspended service: `serve.py ADDRESS PORT` or
`serve.py SOCKET`.
"""

from __future__ import annotations

import html
import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = """<!doctype html>
<html lang="ar" dir="rtl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="generator" content="Provisioner notice">
<title>{name_ar}</title>
<style>
  body {{ margin: 0; background: #f4f1ea; color: #1d2b2a; font: 1.05rem/1.7 system-ui, sans-serif; }}
  main {{ max-width: 36rem; margin: 12vh auto; padding: 0 1.25rem; }}
  section {{ background: #fff; border-inline-start: 4px solid #9a6a14; margin-block: 1rem; padding: 1rem 1.25rem; }}
  h1, h2 {{ font-size: 1.15rem; margin: 0 0 .25rem; }}
  p {{ margin: 0; }}
</style>
</head>
<body>
<main>
<section lang="ar" dir="rtl"><h1>{name_ar}</h1>
<p>هذه الخدمة موقوفة. المرجو الاتصال بالإدارة.</p></section>
<section lang="fr" dir="ltr"><h2>{name_fr}</h2>
<p>Ce service est suspendu. Veuillez vous adresser à l’administration.</p></section>
<section lang="en" dir="ltr"><h2>{name_en}</h2>
<p>This service is suspended. Please contact the administration.</p></section>
</main>
</body>
</html>
"""


def page() -> bytes:
    facts = json.loads(Path("facts.json").read_text(encoding="utf-8"))
    facts["name_en"] = facts["name_en"] or facts["name_fr"]
    return PAGE.format(**{name: html.escape(text) for name, text in facts.items()}).encode()


class Notice(BaseHTTPRequestHandler):
    server_version, sys_version = "notice", ""
    shown = page()

    def answer(self) -> None:
        self.send_response(503)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self.shown)))
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.shown)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the base class says how they are called

    def log_message(self, *_: object) -> None:
        """Who asks for a service that is suspended is nobody's business."""


class OverSocket(ThreadingHTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        Path(self.server_address).unlink(missing_ok=True)  # of the service that it takes the place of
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "notice", 0


def served(where: list[str]) -> ThreadingHTTPServer:
    if len(where) == 1:
        return OverSocket(where[0], Notice)
    return ThreadingHTTPServer((where[0], int(where[1])), Notice)


if __name__ == "__main__":
    served(sys.argv[1:]).serve_forever()
