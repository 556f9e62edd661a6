"""Says its argument in many forms, on both outputs."""

import base64
import json
import shlex
import sys
from urllib.parse import quote

secret = sys.argv[1]
forms = [
    secret,
    json.dumps({"password": secret}),
    json.dumps({"stdout": json.dumps({"password": secret})}),
    repr(secret),
    shlex.quote(secret),
    quote(secret, safe=""),
    secret.encode().hex(),
    base64.b64encode(secret.encode()).decode(),
    base64.urlsafe_b64encode(secret.encode()).decode(),
    base64.b64encode(f"admin:{secret}@host".encode()).decode(),
    "x" * (64 * 1024 - 100) + secret * 10,  # so that it is cut in the middle
]
for out in (sys.stdout, sys.stderr):
    print(*forms, sep="\n", file=out)
