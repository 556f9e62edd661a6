"""What nginx is told once for a host, however many names it serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.proxy_map import CERTIFICATES, HASH, KEYS, SITES, TOLD, USED

USUAL = (80, 443)
DEBIANS_LOG = "/var/log/nginx/access.log"

ALL = """\
# Written by Provisioner, which overwrites what is changed here.
include {folder}/{hash};
map_hash_bucket_size 512;  # the longest name fits

map $host $site_upstream {{
    default "";
    include {folder}/{sites};
}}

map $http_upgrade $site_connection {{
    default upgrade;
    "" close;
}}

# A line with nothing in it for each request to a name that is served: how many, and when the last came. Not by whom.
log_format site_used "";
open_log_file_cache max=1000 inactive=60s valid=60s;

# Tells what has been read, to this host alone.
server {{
{listen}
    server_name {told};
    access_log off;
    default_type text/plain;
    location / {{
        if ($remote_addr != 127.0.0.1) {{
            return 404;
        }}
        return 200 $site_upstream;
    }}
}}

server {{
{listen_by_default}
    server_name "";
{acme}{serving}}}
"""

TLS = """
map $ssl_server_name $site_certificate {{
    default "{certificate}";
    include {folder}/{certificates};
}}

map $ssl_server_name $site_key {{
    default "{key}";
    include {folder}/{keys};
}}

# Whose certificate we have: others are served without, and can so prove to an authority that they are here.
map $host $site_secured {{
    hostnames;
    default "{secured}";
{covers}    include {folder}/{certificates};
}}

server {{
{listen_securely}
    server_name "";
    ssl_certificate $site_certificate;
    ssl_certificate_key $site_key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers off;
    ssl_session_cache shared:provisioner:10m;
    ssl_session_timeout 1d;
    ssl_session_tickets off;
{serving}}}
"""

ACME = """
    location ^~ /.well-known/acme-challenge/ {{
        root {acme};
        default_type text/plain;
    }}
"""

SERVING = """
    server_tokens off;
    client_max_body_size {max_body};
    client_header_timeout 15s;
    client_body_timeout 60s;
    send_timeout 60s;

    root {folder}/pages;  # nginx writes no log of a name where there is none

    location / {{
        error_page 404 /.provisioner/unknown.html;
        error_page 502 504 =503 /.provisioner/unavailable.html;
        if ($site_upstream = "") {{
            return 404;
        }}
{redirect}        access_log {access_log};
        access_log {folder}/{used}/$host site_used if=$site_upstream;
        proxy_pass http://$site_upstream;
        proxy_http_version 1.1;
        proxy_connect_timeout 5s;
        proxy_send_timeout 300s;
        proxy_read_timeout 300s;
        proxy_set_header Host {host};
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $site_connection;
        # Where a request comes from is what we saw, whatever it claims.
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host {host};
        proxy_set_header X-Forwarded-Port $server_port;
        proxy_set_header X-Real-IP $remote_addr;
{dropped}    }}

    location = /.provisioner/unknown.html {{
        internal;
        alias {folder}/pages/unknown.html;
{page}    }}

    location = /.provisioner/unavailable.html {{
        internal;
        alias {folder}/pages/unavailable.html;
        add_header Retry-After 30 always;
{page}    }}
"""

REDIRECT = """\
        if ($site_secured) {{
            return 301 https://{host}$request_uri;
        }}
"""

PAGE_OF_OURS = """\
        types {}
        default_type text/html;
        charset utf-8;
        add_header Cache-Control no-store always;
        add_header Content-Security-Policy "default-src 'none'; style-src 'unsafe-inline'" always;
"""

# Applications and frameworks believe one or another of these.
CLAIMS = (
    "Forwarded",
    "Proxy",
    "X-Forwarded-Prefix",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Scheme",
)

STANDALONE = """\
{user}worker_processes auto;
worker_shutdown_timeout 300s;  # for open connections of workers that a reload replaced
pid {folder}/nginx.pid;
error_log {folder}/logs/error.log warn;

events {{
    worker_connections 4096;
}}

http {{
sendfile on;
tcp_nopush on;
access_log {access_log};
client_body_temp_path {folder}/temp/body;
proxy_temp_path {folder}/temp/proxy;
fastcgi_temp_path {folder}/temp/fastcgi;
uwsgi_temp_path {folder}/temp/uwsgi;
scgi_temp_path {folder}/temp/scgi;

{all}}}
"""

PAGE = """\
<!doctype html>
<html lang="ar" dir="rtl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
  body {{ margin: 0; background: #f4f1ea; color: #1d2b2a; font: 1.05rem/1.7 system-ui, sans-serif; }}
  main {{ max-width: 36rem; margin: 12vh auto; padding: 0 1.25rem; }}
  p {{ background: #fff; border-inline-start: 4px solid #9a6a14; margin-block: 1rem; padding: 1rem 1.25rem; }}
</style>
</head>
<body>
<main>
<p lang="ar" dir="rtl">{ar}</p>
<p lang="fr" dir="ltr">{fr}</p>
<p lang="en" dir="ltr">{en}</p>
</main>
</body>
</html>
"""

PAGES = {
    "unknown.html": PAGE.format(
        title="404",
        ar="لا توجد خدمة تحت هذا العنوان. المرجو التحقق منه.",
        fr="Aucun service ne se trouve à cette adresse. Veuillez la vérifier.",
        en="There is no service at this address. Please check it.",
    ),
    "unavailable.html": PAGE.format(
        title="503",
        ar="الخدمة لا تستجيب حاليا. المرجو المحاولة بعد قليل.",
        fr="Le service ne répond pas pour le moment. Veuillez réessayer dans quelques instants.",
        en="The service does not answer at the moment. Please try again shortly.",
    ),
}


def _listen(port: int, *words: str) -> str:
    has_ipv6 = Path("/proc/net/if_inet6").exists()
    addresses = [str(port), *([f"[::]:{port}"] if has_ipv6 else [])]
    return "\n".join(f"    listen {' '.join((address, *words))};" for address in addresses)


def _host(port: int, variable: str = "$host") -> str:
    """As a browser spells it. `$host`, unlike the header, is always the name that decided on the upstream."""
    return variable if port in USUAL else f"{variable}:{port}"


def access_log(params: dict[str, Any]) -> str:
    return f"{params['folder']}/logs/access.log" if params["standalone"] else DEBIANS_LOG


def serving_of(params: dict[str, Any], port: int, redirect: str) -> str:
    return SERVING.format(
        folder=params["folder"],
        max_body=params["max_body"],
        access_log=access_log(params),
        used=USED,
        host=_host(port),
        redirect=redirect,
        dropped="".join(f'        proxy_set_header {claim} "";\n' for claim in CLAIMS),
        page=PAGE_OF_OURS,
    )


def _tls(params: dict[str, Any]) -> str:
    return TLS.format(
        folder=params["folder"],
        certificates=CERTIFICATES,
        keys=KEYS,
        certificate=params["certificate"] or "",
        key=params["key"] or "",
        secured="1" if params["certificate"] and not params["covers"] else "",
        covers="".join(f"    {name} 1;\n" for name in params["covers"]),
        listen_securely=_listen(params["https_port"], "ssl", "http2", "default_server"),
        serving=serving_of(params, params["https_port"], ""),
    )


def _everything(params: dict[str, Any]) -> str:
    port, tls = params["http_port"], params["tls"]
    everything = ALL.format(
        folder=params["folder"],
        hash=HASH,
        sites=SITES,
        told=TOLD,
        listen=_listen(port),
        listen_by_default=_listen(port, "default_server"),
        acme=ACME.format(acme=params["acme"]) if params["acme"] else "",
        serving=serving_of(params, port, REDIRECT.format(host=_host(params["https_port"])) if tls else ""),
    )
    return everything + (_tls(params) if tls else "")


def configuration(params: dict[str, Any], user: str) -> str:
    """The text of nginx's configuration, from the options of the module host_proxy; no user if nginx cannot choose."""
    if not params["standalone"]:
        return _everything(params)
    told = {"folder": params["folder"], "access_log": access_log(params)}
    return STANDALONE.format(**told, user=f"user {user};\n" if user else "", all=_everything(params))
