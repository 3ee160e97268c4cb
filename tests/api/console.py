# SPDX-License-Identifier: Apache-2.0
"""A browser without a browser: the console's listener over TLS, with session, token and the headers that browsers send; and the rows of
routes.def."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import ssl
import struct
import time

SOURCE = os.environ.get("LUG_SOURCE", ".")
ROUTE = re.compile(r'^ROUTE\((\w+), "([^"]+)", (\w+), ([^,]+), (\w+), [^,]+, (\w+), (\w+), ".*"\)$')
STEP_S = 30


def routes():
    """Every row of routes.def: method, path, listener, body, audit class, handler."""
    rows = []
    with open(os.path.join(SOURCE, "src/lugd/routes.def"), encoding="utf-8") as f:
        for line in f:
            if line.startswith("ROUTE("):
                method, path, listener, _, body, audit, handler = ROUTE.match(line.rstrip("\n")).groups()
                rows.append({"method": method, "path": path, "listener": listener, "body": body, "audit": audit, "handler": handler})
    return rows


def code(secret, at_s):
    tag = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(at_s) // STEP_S), hashlib.sha1).digest()
    off = tag[19] & 15
    return f"{(struct.unpack('>I', tag[off:off + 4])[0] & 0x7fffffff) % 1000000:06d}"


class Console:
    """One browser's place: at most one session."""

    def __init__(self, port):
        self.origin = f"https://127.0.0.1:{port}"
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.port, self.cookie, self.csrf, self.connection = port, None, None, None
        self.connect_from = None

    def call(self, method, path, body=None, headers=None, token=True, origin=True):
        """Status and answer; JSON where it is. A stream is left as soon as it has begun."""
        head = {"Accept": "application/json"}
        data = None
        if self.cookie:
            head["Cookie"] = self.cookie
        if method != "GET":
            data = b"" if body is None else json.dumps(body).encode()
            if data:
                head["Content-Type"] = "application/json"
            if origin:
                head["Origin"] = self.origin
            if token and self.csrf:
                head["X-CSRF-Token"] = self.csrf
        if not self.connection:
            self.connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=30,
                                                          source_address=self.connect_from)
        self.connection.request(method, path, data, {**head, **(headers or {})})
        r = self.connection.getresponse()
        self.headers = r.headers
        if r.headers.get("Content-Type", "").startswith("text/event-stream"):
            self.close()
            return r.status, None
        text = r.read()
        if r.will_close:
            self.close()
        if r.headers.get("Content-Type", "").startswith("application/json"):
            return r.status, json.loads(text) if text else None
        return r.status, text

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def sign_in(self, officer, password, secret):
        status, answer = self.call("POST", "/v1/sign-in", {"officer": officer, "password": password, "code": code(secret, time.time())})
        assert status == 204, answer
        self.take_session()

    def take_session(self):
        """The cookie that the last answer set, and the token that pages carry for it."""
        self.cookie = self.headers["Set-Cookie"].split(";")[0]
        raw = bytes.fromhex(self.cookie.split("=", 1)[1])
        self.csrf = hmac.new(raw, b"lugdunum csrf", hashlib.sha256).hexdigest()[:32]
        status, page = self.call("GET", "/v1/status", headers={"Accept": "text/html"})
        assert status == 200 and f'data-csrf="{self.csrf}"'.encode() in page
