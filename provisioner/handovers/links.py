"""How a link for a receiver is spelled."""

from flask import has_request_context, request

from provisioner.config import settings
from provisioner.embedded import listener
from provisioner.embedded.layout import Layout


def link(token: str) -> str:
    """The whole address, below the one of the pages that is set or, where none is, that this call came to."""
    return f"{_pages()}/handover/{token}"


def _pages() -> str:
    own = settings()
    if own.public_url or not has_request_context():
        port = own.port or Layout(own.state_dir).web_port() or listener.PORTS[0]
        return listener.address(own, port).rstrip("/")
    return request.url_root.rstrip("/")
