"""The tracker as a WSGI application at the root of its address."""

from pathlib import Path

from roundup.cgi.wsgi_handler import RequestDispatcher

HOME = Path(__file__).resolve().parent.parent / "tracker"

tracker = RequestDispatcher(str(HOME), feature_flags={"cache_tracker": True})
