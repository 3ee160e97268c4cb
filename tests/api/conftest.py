# SPDX-License-Identifier: Apache-2.0
"""A real node for each test: made by lug init, served by lugd, called over its UNIX socket."""
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time

import pytest

STORE = os.environ.get("LUG_TEST_STORE")  # the URI of a database: run on PostgreSQL, else on SQLite
BIN = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin")
OFFICER = "duty-officer"
LEASE_S = 6  # how long a daemon that was killed still counts as the one that seals the log of a shared database


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def new_store(name):
    """A store of its own for one node: None for the file that it makes by itself, or the URI of a new schema."""
    if not STORE:
        return None
    schema = "api_" + hashlib.sha256(name.encode()).hexdigest()[:20]
    subprocess.run(["psql", "-q", STORE, "-c", f"SET client_min_messages = error; CREATE SCHEMA IF NOT EXISTS {schema}"], check=True, timeout=60)
    return f"{STORE}&options=-csearch_path%3D{schema}"


class Node:
    """The folder of a node, and its daemon while it runs."""

    def __init__(self, folder, *options):
        self.folder = str(folder)
        self.process = None
        self.leased_until = 0
        self.log_path = self.folder + ".log"
        uri = new_store(self.folder)
        self.store = uri or self.folder + "/store.db"
        options = [*options, *(["--store", uri] if uri else [])]
        self.init = subprocess.run(
            [BIN + "/lug", "init", self.folder, "--name", "it.rome", "--listen", "127.0.0.1:0", "--officer-id", OFFICER, *options],
            capture_output=True, text=True, timeout=60)

    def conf(self, text=None):
        path = self.folder + "/lugdunum.conf"
        if text is not None:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        with open(path, encoding="utf-8") as f:
            return f.read()

    def start(self, wait=True, env=None):
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([BIN + "/lugd", self.folder], stderr=log, env={**os.environ, **(env or {})})
        end = time.monotonic() + 20
        while wait:
            try:
                return self.get("/v1/status")
            except OSError:
                assert self.process.poll() is None, self.log()
                assert time.monotonic() < end, self.log()
                time.sleep(0.02)
        return None

    def stop(self, sig=signal.SIGTERM):
        if sig == signal.SIGKILL and self.store.startswith(("postgresql:", "postgres:")):
            self.leased_until = time.monotonic() + LEASE_S
        self.process.send_signal(sig)
        status = self.process.wait(timeout=20)
        self.process = None
        return status

    def log(self):
        with open(self.log_path, encoding="utf-8") as f:
            return f.read()

    def call(self, method, path, body=None, officer=None, headers=None, raw=None):
        """Status and answer of one call; the answer is parsed where it is JSON."""
        c = UnixConnection(self.folder + "/lugd.sock")
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        try:
            c.request(method, path, data, {**({"Lugdunum-Officer": officer} if officer else {}), **(headers or {})})
        except BrokenPipeError:
            pass  # refused from the headers alone: the answer is there, the body was not waited for
        r = c.getresponse()
        text = r.read()
        c.close()
        is_json = r.headers.get("Content-Type", "").startswith("application/json")
        return r.status, json.loads(text) if text and is_json else text or None

    def get(self, path, **options):
        status, answer = self.call("GET", path, **options)
        assert status == 200, answer
        return answer

    def post(self, path, body=None, **options):
        status, answer = self.call("POST", path, body, **options)
        assert status in (200, 204), answer
        return answer

    def lug(self, *args):
        return subprocess.run([BIN + "/lug", *args], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "LUG_NODE": self.folder})

    def events(self):
        """Every audit event so far, once they are sealed."""
        time.sleep(max(0, self.leased_until - time.monotonic()))
        time.sleep(2.2)  # an entry waits for at most a second, the appender comes by every second
        r = self.lug("audit", "export", "--store", self.store)
        assert r.returncode == 0, r.stderr
        lines = [json.loads(line) for line in r.stdout.splitlines()]
        return [{**line, "event": json.loads(line["event"])} for line in lines]

    def log_key(self):
        keys = self.get("/v1/status")["keyd"]["keys"]
        return next(k["verifier"] for k in keys if k["kind"] == "log" and k["state"] == "current")


@pytest.fixture
def made(tmp_path):
    """A node that does not run yet."""
    n = Node(tmp_path / "node")
    assert n.init.returncode == 0, n.init.stderr
    yield n
    if n.process:
        n.process.kill()
        n.process.wait()


@pytest.fixture
def node(made):
    made.start()
    return made


@pytest.fixture
def shared(tmp_path):
    """A node on which one user acts as several officers."""
    n = Node(tmp_path / "node", "--shared-uid")
    assert n.init.returncode == 0, n.init.stderr
    n.start()
    n.post("/v1/officers", {"officer": "second", "uid": os.getuid(), "roles": ["approver", "auditor"]})
    yield n
    n.process.kill()
    n.process.wait()
