# SPDX-License-Identifier: Apache-2.0
"""Three nodes countersign each other's audit logs; what a node does without, after a restore, and with a liar."""
import base64
import http.server
import os
import shutil
import socket
import sqlite3
import ssl
import threading

import pytest

from cluster import STORE, LugError, lug, wait_for
from conftest import make
from flow import Freeze, new_args
from member import Key, Member

pytestmark = pytest.mark.skipif(bool(STORE), reason="reads and restores the files of SQLite")
CAST = {"it": ("IT", "it"), "fr": ("FR", "fr"), "jp": ("JP", "ja")}
ADD, WITNESS_SHOW = "/x/v1/witness/add-checkpoint", "/x/v1/witness/checkpoint"


@pytest.fixture(scope="module")
def trio(request):
    for c in make(request, cast=CAST):
        yield c


def witnesses(node):
    return node.status()["witnesses"]


def witnessed(node):
    return wait_for(f"two nodes countersign the log of {node.name}", lambda: (lambda w: w if w["recent"] >= 2 else None)(witnesses(node)),
                    40, 0.1)


def cosigned(node):
    with open(os.path.join(node.dir, "audit", "checkpoint.cosigned"), encoding="utf-8") as f:
        return f.read()


def test_countersigned(trio):
    for node in trio.nodes.values():
        w = witnessed(node)
        assert w["state"] == "fine" and w["needed"] == 2
    keys = {n: node.log_key() for n, node in trio.nodes.items()}
    lines = [line.split(" ")[1] for line in cosigned(trio.it).split("\n") if line.startswith("\u2014")]
    assert lines[0] == "it/audit" and set(lines[1:]) == {"fr/audit", "jp/audit"}
    proof = os.path.join(trio.dir, "0.tlog-proof")
    lug("audit", "prove", "0", "--log", os.path.join(trio.it.dir, "audit"), "--out", proof)
    shown = lug("audit", "verify-proof", proof, "--key", keys["it"], "--witness", keys["fr"], "--witness", keys["jp"])
    assert [c["witness"] for c in shown["cosigned"]] == ["fr/audit", "jp/audit"]
    with pytest.raises(LugError) as e:
        lug("audit", "verify-proof", proof, "--key", keys["it"], "--witness", keys["it"])
    assert e.value.code == "key-unknown"


def age_countersignatures(node, seconds):
    """The node is down: its rows say that it was countersigned so much earlier."""
    with sqlite3.connect(os.path.join(node.dir, "store.db")) as db:
        assert db.execute("UPDATE audit_witness SET signed_s = signed_s - ?, since_s = since_s - ?", (seconds, seconds)).rowcount >= 2


def test_without_witnesses(trio):
    """After an hour without two countersignatures nothing but FLASH goes out, and that is flagged; with them all goes on."""
    it = trio.it
    witnessed(it)
    trio.fr.stop()
    trio.jp.stop()
    it.stop()
    age_countersignatures(it, 3700)
    it.start()
    wait_for("the node says what is missing", lambda: witnesses(it)["state"] == "missing", 30)
    with pytest.raises(LugError) as e:
        it.lug(*new_args(trio, "unwitnessed-info", kind="INFO", urgency="ROUTINE", assets=[]))
    assert e.value.code == "unwitnessed"
    f = Freeze(trio, "unwitnessed-flash").play("new", "approve")
    assert any("not countersigned" in a and f.id in a for a in it.alarms())
    trio.fr.start()
    trio.jp.start()
    wait_for("countersigned again", lambda: witnesses(it)["state"] == "fine", 40, 0.2)
    f.play(*Freeze.STEPS[2:])
    it.lug(*new_args(trio, "witnessed-info", kind="INFO", urgency="ROUTINE", assets=[]))


class Handler(http.server.BaseHTTPRequestHandler):
    """A witness that says of every log that it has seen more of it than there is; asked to show it, it shows what it has signed itself."""
    asked, shown = [], Key("fr/audit").sign("fr/audit\n999999\n" + "A" * 43 + "=\n").encode()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, body))
        status, reply = {"/x/v1/witness/add-checkpoint": (409, b"999999\n"), "/x/v1/witness/checkpoint": (200, self.shown)}.get(
            self.path, (503, b""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def liar(trio):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    member = Member(trio, "vu", "VU", port=port)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(member.tls[1], member.tls[0])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield member
    server.shutdown()
    server.server_close()


def test_lying_witness(trio, liar):
    """One member that says of a log what it cannot prove stops nothing: neither its sealing nor new requests."""
    trio.fr.stop()
    trio.fr.start()  # asks when it starts
    wait_for("France asks it to show what it says", lambda: (WITNESS_SHOW, b"fr/audit\n") in Handler.asked, 30, 0.1)
    assert witnessed(trio.fr)["state"] == "fine"
    before = int(trio.fr.verify_audit(trio.fr.log_key())["entries"])
    trio.fr.lug(*new_args(trio, "beside-a-liar", kind="INFO", urgency="ROUTINE", assets=[], to="it"))
    wait_for("the log is sealed as before", lambda: int(trio.fr.verify_audit(trio.fr.log_key())["entries"]) > before, 20)
    assert not any("not sealed" in a for a in trio.fr.alarms())
    # It cannot speak of the log of another member either, nor see what this witness has of it.
    other = b"old 0\n\n" + cosigned(trio.it).encode()
    assert liar.post(trio.fr, ADD, other, headers={"Content-Type": "text/plain"})[0] == 404
    assert liar.post(trio.fr, WITNESS_SHOW, b"it/audit\n")[0] == 404


def test_equivocation(trio, liar):
    """A member that signs two trees of one size: the witness countersigns one, keeps both, and calls people."""
    def add(old, size, fill):
        root = base64.b64encode(bytes([fill]) * 32).decode()
        note = liar.audit.sign(f"vu/audit\n{size}\n{root}\n")
        return liar.post(trio.fr, ADD, f"old {old}\n\n{note}".encode(), headers={"Content-Type": "text/plain"})
    status, line = add(0, 7, 1)
    assert status == 200 and line.decode().startswith("\u2014 fr/audit ") and line.endswith(b"\n")
    assert add(0, 7, 1) == (409, b"7\n")
    assert add(7, 7, 1)[0] == 200
    assert add(7, 7, 2) == (409, b"7\n")
    assert add(7, 8, 3)[0] == 422
    assert liar.post(trio.fr, WITNESS_SHOW, b"vu/audit\n")[1].startswith(b"vu/audit\n7\n")
    assert sum("contradicts itself" in a for a in trio.fr.alarms()) == 2
    with sqlite3.connect(f"file:{trio.fr.dir}/store.db?mode=ro", uri=True) as db:
        kept = db.execute("SELECT held, other FROM audit_contradiction WHERE origin = 'vu/audit'").fetchall()
    assert len(kept) == 2 and all("\n7\n" in held and "\u2014 vu/audit " in other for held, other in kept)
    assert liar.post(trio.fr, ADD, b"old 0\n\n" + Key("vu/audit").sign("vu/audit\n9\n" + "A" * 43 + "=\n").encode())[0] == 403
    assert liar.post(trio.fr, ADD, b"old 0\n\n" + Key("xx/audit").sign("xx/audit\n9\n" + "A" * 43 + "=\n").encode())[0] == 404
    assert liar.post(trio.fr, ADD, b"new 0\n\n")[0] == 400


def test_restore_of_everything(trio):
    """Store and audit folder are both an old copy: the witnesses are asked first, and nothing smaller is signed."""
    jp = trio.jp
    witnessed(jp)
    key = jp.log_key()
    jp.stop()
    old = trio.path("jp-old")
    shutil.copytree(jp.dir, old)
    for round_n in range(2):  # asks when it starts, and so is countersigned for what it did before
        jp.start()
        jp.lug("officer", "set", f"new-{round_n}", "--roles", "auditor", "--uid", str(4000 + round_n))
        wait_for("countersigned", lambda: witnesses(jp)["state"] == "fine" and witnesses(jp)["recent"] >= 1, 30)
        jp.stop()
    size = int(jp.verify_audit(key)["entries"])
    for name in ("audit", "store.db", "store.db-wal", "store.db-shm"):
        path = os.path.join(jp.dir, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.unlink(path)
    shutil.copytree(old + "/audit", jp.dir + "/audit")
    shutil.copy(old + "/store.db", jp.dir + "/store.db")
    jp.start()
    wait_for("it knows that it is behind", lambda: witnesses(jp)["state"] == "behind", 30)
    before = jp.verify_audit(key)
    jp.lug("officer", "set", "after", "--roles", "auditor", "--uid", "4010")
    assert any("restored from an older copy" in a for a in jp.alarms())
    assert jp.stop() == 0
    after = jp.verify_audit(key)
    assert after["root"] == before["root"] and int(after["entries"]) < size
