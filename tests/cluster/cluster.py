# SPDX-License-Identifier: Apache-2.0
"""Several nodes as real processes: folders, keys, notes and daemons made with the programs of this build, and nothing else.

A Cluster makes the nodes in a folder and forms their network; a Node starts, stops and kills its own lugd and speaks to it by
`lug --json`. Every wait has a limit; close() ends every process that was started; log() is what a failed test prints."""
import ctypes
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import time

BIN = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin")
LUG = os.path.join(BIN, "lug")
STORE = os.environ.get("LUG_TEST_STORE")  # the URI of a database: the nodes' stores are in PostgreSQL, else in SQLite
OFFICER, APPROVER = "duty-officer", "second-officer"
CALL_S, START_S, STOP_S, WAIT_S = 30, 20, 20, 20
LOG_TAIL = 6000
PR_SET_PDEATHSIG = 1


class LugError(Exception):
    """lug's own error answer: code, field and message as a program gets them."""

    def __init__(self, code, field, message, args):
        super().__init__(f"lug {' '.join(args)}: {code} ({field}): {message}")
        self.code, self.field, self.message = code, field, message


def answer_of(args, code, out, err):
    """What `lug ARGS --json` said: its value, or LugError."""
    try:
        value = json.loads(out) if out.strip() else None
    except json.JSONDecodeError as bad:
        raise AssertionError(f"lug {' '.join(args)}: no JSON but {out!r} {err!r}") from bad
    if code == 0:
        return value
    if not isinstance(value, dict) or "error" not in value:
        raise AssertionError(f"lug {' '.join(args)}: status {code} without an error answer: {out!r} {err!r}")
    e = value["error"]
    raise LugError(e.get("code"), e.get("field"), e.get("message"), args)


def lug(*args, **env):
    r = subprocess.run([LUG, *args, "--json"], capture_output=True, text=True, timeout=CALL_S,
                       env={**os.environ, **env} if env else None)
    return answer_of(args, r.returncode, r.stdout, r.stderr)


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_for(what, check, limit_s=WAIT_S, every_s=0.02):
    """check() until it returns something true; its last value and `what` are in the failure."""
    end, value = time.monotonic() + limit_s, None
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(every_s)
    raise AssertionError(f"not within {limit_s} s: {what}; last seen: {value!r}")


def free_port():
    """A port below those that the kernel hands out by itself, so that no outgoing connection takes it while a node is down."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port on loopback")


def process_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def new_store(folder):
    """The URI of a schema of its own for the node of a folder."""
    schema = "c_" + hashlib.sha256(folder.encode()).hexdigest()[:20]
    subprocess.run(["psql", "-q", STORE, "-c", f"CREATE SCHEMA {schema}"], check=True, timeout=CALL_S)
    return f"{STORE}&options=-csearch_path%3D{schema}"


class Node:
    def __init__(self, name, folder, country, port=None):
        self.name, self.dir, self.country = name, folder, country
        self.port = port or free_port()
        self.process = None
        self.limits = None  # called in lugd before it runs, to set resource limits
        self.keyd_pid = 0

    @property
    def endpoint(self):
        return f"https://127.0.0.1:{self.port}"

    # -- life --

    def init(self, *options):
        options += ("--store", new_store(self.dir)) if STORE else ()
        return lug("init", self.dir, "--name", self.name, "--listen", f"127.0.0.1:{self.port}", "--officer-id", OFFICER,
                   "--shared-uid", *options)

    def _child(self):
        die_with_parent()
        if self.limits:
            self.limits()

    def launch(self):
        """Start lugd without waiting for it."""
        assert not self.running()
        with open(os.path.join(self.dir, "lugd.log"), "ab") as log:
            self.process = subprocess.Popen([os.path.join(BIN, "lugd"), self.dir], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=self._child)

    def start(self):
        self.launch()
        self.wait_up()
        return self

    def wait_up(self):
        def up():
            assert self.running(), f"lugd of {self.name} ended with {self.process.returncode}:\n{self.log()}"
            try:
                return self.status()
            except LugError as e:
                if e.code in ("connrefused", "noent"):
                    return None
                raise
        status = wait_for(f"lugd of {self.name} answers", up, START_S)
        self.keyd_pid = status["keyd"]["pid"]
        return status

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_S)
        self.process = None
        return code

    def kill(self):
        """kill -9 of lugd; lug-keyd must end by itself, since its only client is gone."""
        self.process.kill()
        self.process.wait(STOP_S)
        self.process = None
        wait_for(f"lug-keyd of {self.name} ends with lugd", lambda: process_gone(self.keyd_pid), 5)

    def restart(self):
        if self.running():
            self.stop()
        return self.start()

    def close(self):
        if self.running():
            self.process.kill()
            self.process.wait(STOP_S)
        self.process = None

    def log(self):
        try:
            with open(os.path.join(self.dir, "lugd.log"), "rb") as f:
                f.seek(max(0, os.path.getsize(f.name) - LOG_TAIL))
                return f"--- log of {self.name} ---\n" + f.read().decode(errors="replace")
        except OSError as e:
            return f"--- log of {self.name}: {e} ---\n"

    def lines(self):
        with open(os.path.join(self.dir, "lugd.log"), encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()

    # -- calls --

    def _args(self, args, officer):
        return [*args, "--node", self.dir, "--officer", officer]

    def lug(self, *args, officer=OFFICER):
        return lug(*self._args(args, officer))

    def begin(self, *args, officer=OFFICER):
        """The same without waiting: returns a function that waits for the answer."""
        full = self._args(args, officer)
        p = subprocess.Popen([LUG, *full, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)

        def end():
            out, err = p.communicate(timeout=CALL_S)
            return answer_of(full, p.returncode, out, err)
        return end

    def status(self):
        return self.lug("status")

    def show(self, request_id, officer=OFFICER):
        return self.lug("request", "show", request_id, officer=officer)

    def requests(self, *options):
        return self.lug("request", "list", "--all", "--limit", "500", *options)["requests"]

    def http(self, method, path, body=None, officer=OFFICER, headers=None):
        """A bare call to the API of people: status and body, for what lug itself would never send."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(CALL_S)
            s.connect(os.path.join(self.dir, "lugd.sock"))
            c = http.client.HTTPConnection("localhost")
            c.sock = s
            try:
                c.request(method, path, body, {"Lugdunum-Officer": officer, **(headers or {})})
            except BrokenPipeError:
                pass  # the answer came before the body was read
            r = c.getresponse()
            return r.status, r.read()

    def api(self, method, path, body=None, officer=OFFICER):
        text = None if body is None else json.dumps(body)
        status, reply = self.http(method, path, text, officer, {"Content-Type": "application/json"} if text else None)
        value = json.loads(reply) if reply else None
        if status >= 400:
            e = value["error"]
            raise LugError(e.get("code"), e.get("field"), e.get("message"), (method, path))
        return value

    def peer(self, name):
        return next(p for p in self.api("GET", "/v1/peers")["peers"] if p["name"] == name)

    def alarms(self):
        return [a["text"] for a in self.status()["alarms"]]

    def log_key(self):
        """Verifier key of the audit log."""
        return next(k["verifier"] for k in self.status()["keyd"]["keys"] if k["kind"] == "log")

    def verify_audit(self, key):
        """Offline: the folder alone, against a key that was noted before."""
        return lug("audit", "verify", os.path.join(self.dir, "audit"), "--key", key)


class Cluster:
    """Nodes of one network under 2-of-3 governance, each with the notes of all."""

    CAST = {"it": ("IT", "it"), "fr": ("FR", "fr")}  # name: country, language

    def __init__(self, folder, cast=None, folders=None):
        """folders: where a node shall live instead of in the cluster's folder."""
        self.cast = cast or self.CAST
        self.dir = str(folder)
        os.makedirs(os.path.join(self.dir, "offline"), mode=0o700, exist_ok=True)
        self.nodes = {n: Node(n, (folders or {}).get(n, os.path.join(self.dir, n)), country)
                      for n, (country, _) in self.cast.items()}
        try:
            self._form()
        except BaseException as e:
            logs = self.logs()
            self.close()
            raise AssertionError(f"the cluster did not come up: {e}\n{logs}") from e

    def __getattr__(self, name):
        try:
            return self.__dict__["nodes"][name]
        except KeyError:
            raise AttributeError(name) from None

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def keygen(self, file, name):
        return lug("network", "keygen", self.path("offline", file), "--name", name)["public"]

    def sign(self, note, key):
        return lug("network", "sign", note, "--key", self.path("offline", key))

    def members_note(self, file, *options):
        """A members note signed by two governors."""
        lug("network", "draft", "--threshold", "2", "--out", file, *options)
        for n in (1, 2):
            self.sign(file, f"governor-{n}.key")

    def node_note(self, node, *options):
        """The next node note of a node, signed with its offline identity key; returns the file."""
        file = self.path(f"{node.name}.note")
        node.lug("member", "note", "--endpoint", node.endpoint, "--language", self.cast[node.name][1], "--power", "freeze",
                 "--power", "trace", "--contact", f"duty officer {node.name},+00 000 000", "--out", file, *options)
        self.sign(file, f"{node.name}.key")
        return file

    def _form(self):
        governors = [self.keygen(f"governor-{n}.key", f"governor-{n}") for n in (1, 2, 3)]
        options = [x for g in governors for x in ("--governor", g)]
        for n in self.nodes.values():
            identity = self.keygen(f"{n.name}.key", f"{n.name}/identity")
            options += ["--member", f"{n.name},{n.country},police,{identity}"]
            n.init()
            n.start()
            n.lug("officer", "set", APPROVER, "--roles", "approver")
        note = self.path("members.note")
        self.members_note(note, *options)
        for n in self.nodes.values():
            n.lug("network", "install", note)
        notes = [self.node_note(n) for n in self.nodes.values()]
        for n in self.nodes.values():
            n.lug("network", "install", *notes)

    def logs(self):
        return "\n".join(n.log() for n in self.nodes.values())

    def close(self):
        for n in self.nodes.values():
            n.close()
