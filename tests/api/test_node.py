# SPDX-License-Identifier: Apache-2.0
"""The node itself: start, stop, reload, officers, backup, keys; and what it refuses."""
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

import pytest

from conftest import BIN, OFFICER, STORE, Node

ROOT = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to call as another user")


def error(answer):
    return answer["error"]["code"], answer["error"]["field"]


# ---- start and stop ----

def test_life(node):
    s = node.get("/v1/status")
    assert s["node"] == "it.rome" and s["officer"] == OFFICER and s["peers"] == [] and s["alarms"] == []
    assert s["own_note"] == "none"
    assert {(k["kind"], k["state"]) for k in s["keyd"]["keys"]} == {
        ("node", "current"), ("evidence", "current"), ("log", "current"), ("tls", "current"), ("epoch", "current"), ("epoch", "next")}
    assert oct(os.stat(node.folder + "/lugd.sock").st_mode & 0o777) == "0o660"
    for name in (*([] if STORE else ["store.db"]), "keys", "lugdunum.conf", "lugd.pid"):
        assert os.stat(f"{node.folder}/{name}").st_mode & 0o077 == 0, name
    key = node.log_key()
    keyd = s["keyd"]["pid"]
    assert node.stop() == 0
    assert not os.path.exists(node.folder + "/lugd.sock")
    assert not os.path.exists(f"/proc/{keyd}")
    r = node.lug("audit", "verify", "--key", key)
    assert r.returncode == 0, r.stderr
    assert node.start()["node"] == "it.rome"


def test_killed(node):
    """What was answered is there after kill -9, and lug-keyd does not outlive its parent."""
    node.post("/v1/officers", {"officer": "second", "uid": 4242, "roles": ["duty"]})
    keyd = node.get("/v1/status")["keyd"]["pid"]
    node.stop(signal.SIGKILL)
    end = time.monotonic() + 5
    while os.path.exists(f"/proc/{keyd}") and time.monotonic() < end:
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{keyd}")
    node.start()
    assert [o["officer"] for o in node.get("/v1/officers")["officers"]] == [OFFICER, "second"]
    assert node.lug("audit", "verify", "--key", node.log_key()).returncode == 0
    events = [e["event"] for e in node.events()]
    assert "officer.set" in {e["what"] for e in events}
    assert any(e["what"] == "key.maintain" and e["detail"]["made"] >= 5 for e in events)  # those of the first start


def test_keyd_killed(node):
    os.kill(node.get("/v1/status")["keyd"]["pid"], signal.SIGKILL)
    node.post("/v1/officers", {"officer": "second", "uid": 4242, "roles": ["duty"]})
    end = time.monotonic() + 10
    while node.get("/v1/status")["keyd"]["restarts"] != 1:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert "broken: keyd: lug-keyd killed by signal 9" in node.log()
    assert node.lug("audit", "verify", "--key", node.log_key()).returncode == 0


def test_only_one(node):
    r = subprocess.run([BIN + "/lugd", node.folder], capture_output=True, text=True, timeout=20)
    assert r.returncode == 1 and "Another lugd uses" in r.stderr
    assert node.get("/v1/status")["node"] == "it.rome"


def test_stop_while_called(node):
    """A stop under load: every call gets an answer, or no connection; the exit is clean."""
    script = ("import http.client,socket,sys\n"
              "n=0\n"
              "while True:\n"
              "    try:\n"
              "        s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
              "        c=http.client.HTTPConnection('x'); c.sock=s\n"
              "        c.request('GET','/v1/officers'); r=c.getresponse(); r.read()\n"
              "        assert r.status in (200, 503), r.status\n"
              "        n+=1\n"
              "        if n==1: print('ready', flush=True)\n"
              "    except (OSError, http.client.HTTPException): break\n"
              "print(n)\n")
    callers = [subprocess.Popen(["python3", "-c", script, node.folder + "/lugd.sock"], stdout=subprocess.PIPE, text=True)
               for _ in range(4)]
    assert [c.stdout.readline() for c in callers] == ["ready\n"] * 4
    assert node.stop() == 0
    for c in callers:
        out, _ = c.communicate(timeout=20)
        assert c.returncode == 0 and int(out) > 0
    node.start()
    assert node.lug("audit", "verify", "--key", node.log_key()).returncode == 0


@pytest.mark.parametrize("change, says", [
    (lambda t: t + "colour = blue\n", "no setting is called \"colour\""),
    (lambda t: t.replace("listen = 127.0.0.1:0", "listen = nowhere"), "listen: must be address:port"),
    (lambda t: t.replace("node = it.rome", "#node = it.rome"), "node is missing"),
    (lambda t: t.replace("listen = 127.0.0.1:0", "listen = 192.0.2.1:1"), "Cannot listen on 192.0.2.1:1"),
    (lambda t: t + "keyd = /nonexistent\n", "Cannot start /nonexistent"),
    (lambda t: t + "passphrase_file = /nonexistent\n", "Cannot open /nonexistent"),
    (lambda t: t + "socket_group = no-such-group\n", "no group no-such-group"),
])
def test_does_not_start(made, change, says):
    made.conf(change(made.conf()))
    made.start(wait=False)
    assert made.process.wait(timeout=20) == 1
    assert says in made.log(), made.log()
    assert "broken: lugd:" in made.log()


def test_damaged_key(made):
    keys = [n for n in os.listdir(made.folder + "/keys") if n.endswith(".key")]
    with open(f"{made.folder}/keys/{keys[0]}", "r+b") as f:
        f.seek(40)
        byte = f.read(1)
        f.seek(40)
        f.write(bytes([byte[0] ^ 1]))
    made.start(wait=False)
    assert made.process.wait(timeout=20) == 1
    assert keys[0] in made.log() and "was changed or damaged" in made.log()


def test_port_in_use(made):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        made.conf(made.conf().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        made.start(wait=False)
        assert made.process.wait(timeout=20) == 1
    assert "Address already in use" in made.log()


def test_init_refuses(tmp_path, made):
    again = Node(made.folder)
    assert again.init.returncode == 1 and "there already" in again.init.stderr
    assert Node(tmp_path / "b", "--roles", "duty").init.returncode == 1
    assert not os.path.exists(tmp_path / "b" / "lugdunum.conf")
    r = subprocess.run([BIN + "/lug", "init", str(tmp_path / "c"), "--name", "It.Rome", "--officer-id", "x"],
                       capture_output=True, text=True, timeout=60)
    assert r.returncode != 0 and "must be lower-case" in r.stderr
    for options, words in ((("--officer-id", "two words"), '"two words" is no id'), (("--officer-id", "x", "--uid", "root"), "--uid root"),
                           (("--officer-id", "x", "--passphrase-file", "none"), "cannot use none")):
        r = subprocess.run([BIN + "/lug", "init", str(tmp_path / "d"), "--name", "it.rome", *options], capture_output=True, text=True,
                           timeout=60)
        assert r.returncode != 0 and words in r.stderr and "usage" not in r.stderr, r


def test_passphrase(tmp_path):
    secret = tmp_path / "pass"
    secret.write_text("correct horse\n")
    n = Node(tmp_path / "node", "--passphrase-file", os.path.relpath(secret))
    assert n.init.returncode == 0, n.init.stderr
    assert not os.path.exists(n.folder + "/keys/sealing-key")
    n.start()
    assert n.stop() == 0
    secret.write_text("wrong\n")
    n.start(wait=False)
    assert n.process.wait(timeout=20) == 1
    assert "passphrase does not fit" in n.log() and "correct horse" not in n.log()


def test_service_manager(made, tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(10)
        made.start(env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000000"})
        assert s.recv(100) == b"READY=1"
        assert s.recv(100) == b"WATCHDOG=1"
        made.process.send_signal(signal.SIGHUP)
        got = {s.recv(100) for _ in range(4)}
        assert b"RELOADING=1" in got and b"READY=1" in got
        assert made.stop() == 0
        while True:
            if s.recv(100) == b"STOPPING=1":
                break


# ---- configuration ----

def test_reload(node):
    node.conf(node.conf() + "log_level = debug\n")
    assert node.post("/v1/reload") == {"changed": 1, "needs_restart": None}
    node.conf(node.conf().replace("127.0.0.1:0", "127.0.0.1:1"))
    assert node.post("/v1/reload") == {"changed": 0, "needs_restart": "listen"}
    node.conf(node.conf() + "log_level = loud\n")
    status, answer = node.call("POST", "/v1/reload")
    assert status == 409 and error(answer) == ("duplicate", "log_level")
    node.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 5
    while "configuration not read, the old one stays" not in node.log():
        assert time.monotonic() < end
        time.sleep(0.02)


# ---- officers ----

def test_officers(node):
    second = {"officer": "second", "uid": 4242, "roles": ["duty", "approver"]}
    (_, got) = node.post("/v1/officers", second)["officers"]
    assert {k: got[k] for k in second} == second and got["active"]
    for body, want in [
        ({"officer": "third", "uid": 4242, "roles": ["duty"]}, (409, "exist", "uid")),
        ({"officer": OFFICER, "uid": os.getuid(), "roles": ["duty"]}, (400, "inval", "roles")),
        ({"officer": OFFICER, "uid": os.getuid(), "roles": ["admin"], "active": False}, (400, "inval", "roles")),
        ({"officer": "third", "uid": 4343, "roles": ["king"]}, (400, "inval", "roles")),
        ({"officer": "third", "uid": 4343, "roles": []}, (400, "field-missing", "roles")),
        ({"officer": "third", "uid": 4343}, (400, "field-missing", "roles")),
        ({"officer": "Third", "uid": 4343, "roles": ["duty"]}, (400, "inval", "officer")),
        ({"officer": "third", "uid": -1, "roles": ["duty"]}, (400, "range", "uid")),
        ({"officer": "third", "uid": "root", "roles": ["duty"]}, (400, "inval", "uid")),
        ({"officer": "third", "uid": 4343, "roles": ["duty"], "rank": 1}, (400, "field-unknown", "rank")),
        ({"uid": 4343, "roles": ["duty"]}, (400, "field-missing", "officer")),
    ]:
        status, answer = node.call("POST", "/v1/officers", body)
        assert (status, *error(answer)) == want, body
        assert answer["error"]["message"] and answer["error"]["remedy"]
    assert len(node.get("/v1/officers")["officers"]) == 2
    # who has left makes room for another officer of that user
    node.post("/v1/officers", {**second, "active": False})
    node.post("/v1/officers", {"officer": "third", "uid": 4242, "roles": ["duty"]})


def test_one_user_is_one_officer(node):
    assert node.get("/v1/status", officer=OFFICER)["officer"] == OFFICER
    status, answer = node.call("GET", "/v1/status", officer="second")
    assert status == 403 and error(answer) == ("denied", "officer")


def test_shared_uid(shared):
    assert "shared_uid is on" in shared.log()
    status, answer = shared.call("GET", "/v1/status")
    assert status == 400 and error(answer) == ("inval", "officer")
    assert shared.get("/v1/status", officer="second")["roles"] == ["approver", "auditor"]
    status, answer = shared.call("GET", "/v1/status", officer="nobody")
    assert status == 403
    status, answer = shared.call("POST", "/v1/officers", {"officer": "x", "uid": 1, "roles": ["duty"]}, officer="second")
    assert status == 403 and error(answer) == ("denied", "officer")
    # the setting taken away, the same rows let nobody in
    shared.stop()
    shared.conf(shared.conf().replace("shared_uid = yes", "shared_uid = no"))
    with pytest.raises(AssertionError):
        shared.start()
    assert shared.call("GET", "/v1/status", officer=OFFICER)[0] == 403


# ---- every route, by its description ----

def operations(node):
    for path, item in node.get("/v1/openapi.json")["paths"].items():
        for method, op in item.items():
            yield method.upper(), path, op


def test_description(node):
    ids = [op["operationId"] for _, _, op in operations(node)]
    assert len(ids) == len(set(ids))
    for method, path, op in operations(node):
        assert op["summary"] and not op["summary"].endswith("."), path
        assert op["x-roles"], path
        assert {p["name"] for p in op["parameters"]} == {part[1:-1] for part in path.split("/") if part.startswith("{")}
    printed = json.loads(subprocess.run([BIN + "/lugd", "--print", "openapi"], capture_output=True, text=True, check=True).stdout)
    assert printed == node.get("/v1/openapi.json")


def test_every_route_asks_for_a_role(shared):
    """With a role that the route does not name there is no answer, whatever the body; and each refusal is on record."""
    refused = 0
    admin = ["admin"]
    for role in ("auditor", "secretary", "analyst"):
        shared.post("/v1/officers", {"officer": "probe", "uid": os.getuid(), "roles": [role]}, officer=OFFICER)
        for method, path, op in operations_as(shared, OFFICER):
            if role in op["x-roles"]:
                continue
            status, answer = shared.call(method, path.replace("{", "").replace("}", ""),
                                         {} if "requestBody" in op else None, officer="probe")
            assert (status, error(answer)[0]) == (403, "denied"), (method, path, role)
            refused += 1
    assert refused > 10 and admin
    refusals = [e for e in shared.events() if e["type"] == "refusal" and e["event"]["who"] == "probe"]
    assert len(refusals) == refused


def operations_as(node, officer):
    for path, item in node.get("/v1/openapi.json", officer=officer)["paths"].items():
        for method, op in item.items():
            yield method.upper(), path, op


def test_bad_bodies_everywhere(node):
    """No body makes a 5xx, none is read past its limit, and every error has its four parts."""
    bodies = [b"", b"{", b"[]", b"null", b"{}", b'{"a":1,"a":2}', b'{"x":"\\ud800"}', b"\xff\xfe", b'{"a":' + b"[" * 40 + b"]" * 40 + b"}"]
    for method, path, op in operations(node):
        if "requestBody" not in op:
            continue
        limit = op["requestBody"]["x-limit-bytes"]
        place = path.replace("{", "").replace("}", "")
        for raw in bodies:
            status, answer = node.call(method, place, raw=raw)
            assert 400 <= status < 500, (path, raw, answer)
            assert set(answer["error"]) == {"code", "field", "message", "remedy"}
        status, answer = node.call(method, place, headers={"Content-Length": str(limit + 1)})
        assert status == 413 and error(answer) == ("oversize", "body"), path


@ROOT
def test_another_user():
    """Any user may find the socket; only an officer gets an answer, and the refusal is on record."""
    folder = tempfile.mkdtemp(prefix="lug-api-", dir="/tmp")
    os.chmod(folder, 0o755)
    n = Node(folder + "/n")
    try:
        n.conf(n.conf() + "socket_mode = 0666\n")
        os.chmod(n.folder, 0o755)
        n.start()
        script = ("import http.client,socket,sys\n"
                  "s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
                  "c=http.client.HTTPConnection('x'); c.sock=s\n"
                  "c.request('GET','/v1/status',headers={'Lugdunum-Officer':'duty-officer'})\n"
                  "r=c.getresponse(); print(r.status, r.read().decode())")
        r = subprocess.run(["/usr/bin/python3", "-c", script, n.folder + "/lugd.sock"], capture_output=True, text=True, timeout=20,
                           user=65534, group=65534, extra_groups=[], cwd="/")
        assert r.stdout.startswith("403 ") and "User 65534 is no officer" in r.stdout, r.stdout + r.stderr
        assert ("refusal", "uid:65534") in {(e["type"], e["event"]["who"]) for e in n.events()}
    finally:
        if n.process:
            n.process.kill()
            n.process.wait()
        shutil.rmtree(folder)


# ---- care ----

@pytest.mark.skipif(not STORE, reason="SQLite makes copies of its own")
def test_no_backup(node):
    status, answer = node.call("POST", "/v1/backup", {"name": "2026-11-22"})
    assert status == 422 and error(answer) == ("unsupported", "backup") and "pg_dump" in answer["error"]["message"]


@pytest.mark.skipif(bool(STORE), reason="PostgreSQL is saved with its own tools")
def test_backup(node):
    path = node.post("/v1/backup", {"name": "2026-11-22"})["path"]
    assert path == node.folder + "/backup/2026-11-22.db"
    assert os.stat(path).st_mode & 0o077 == 0
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT id FROM officer").fetchall() == [(OFFICER,)]
    status, answer = node.call("POST", "/v1/backup", {"name": "2026-11-22"})
    assert status == 409 and error(answer)[0] == "exist"
    for name in ("../x", "a/b", "", "A", "."):
        status, answer = node.call("POST", "/v1/backup", {"name": name})
        assert status == 400 and error(answer)[1] == "name", name


def test_looks_are_recorded(node):
    node.get("/v1/officers")
    looks = [e["event"] for e in node.events() if e["type"] == "view"]
    assert {(e["who"], e["what"], e["target"]) for e in looks} == {(OFFICER, "api_officers_list", "/v1/officers")}


def test_rotate(node):
    old = node.log_key()
    node.post("/v1/officers", {"officer": "second", "uid": 4242, "roles": ["duty"]})
    keys = node.post("/v1/keys/rotate", {"kind": "log"})["keys"]
    assert sum(k["kind"] == "log" for k in keys) == 2
    new = node.log_key()
    assert new != old
    node.events()
    assert node.lug("audit", "verify", "--key", new).returncode == 0
    assert node.lug("audit", "verify", "--key", old).returncode != 0
    assert node.stop() == 0
    node.start()
    # rotated and stopped before anything was sealed under the new key: the next start takes over
    node.post("/v1/keys/rotate", {"kind": "log"})
    node.stop(signal.SIGKILL)
    node.start()
    node.events()
    assert node.lug("audit", "verify", "--key", node.log_key()).returncode == 0
    for kind in ("epoch", "king"):
        status, answer = node.call("POST", "/v1/keys/rotate", {"kind": kind})
        assert status == 400 and error(answer) == ("inval", "kind")


def test_paths(node):
    for path in ("/", "/v1", "/v1/nothing", "/v1/status/", "/v1//status", "/v1/%2e%2e/status", "/x/v1/parcels"):
        assert node.call("GET", path)[0] == 404, path
    assert node.call("DELETE", "/v1/status")[0] == 404
    assert node.call("GET", "/v1/status?a=1&a=2")[0] == 409
    assert node.call("GET", "/v1/status?" + "a" * 600)[0] == 413


@pytest.mark.skipif(not STORE, reason="a file of SQLite lies in the node's own folder")
def test_store_of_another_node(made, tmp_path):
    r = subprocess.run([BIN + "/lug", "init", str(tmp_path / "other"), "--name", "fr", "--officer-id", OFFICER, "--store", made.store],
                       capture_output=True, text=True, timeout=60)
    assert r.returncode != 0 and "belongs to the node it.rome" in r.stderr
