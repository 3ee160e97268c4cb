# SPDX-License-Identifier: Apache-2.0
"""The case file of a FREEZE that was played through: checked without a node, by lug and by Go's sumdb/note and sumdb/tlog, with the
countersignatures of other members; and every way to tamper with it, which both must refuse."""
import base64
import copy
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cluster import LugError, lug, wait_for
from conftest import make
from flow import Freeze

GOCODE = Path("/usr/share/gocode")
CAST = {"it": ("IT", "it"), "fr": ("FR", "fr"), "jp": ("JP", "ja")}


@pytest.fixture(scope="module")
def casecheck(tmp_path_factory):
    """Go's verifier: (exit code, output) of a case file."""
    if not shutil.which("go") or not (GOCODE / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("golang-go and golang-golang-x-mod-dev are not installed: the case file is not checked by Go")
    program = tmp_path_factory.mktemp("go") / "casecheck"
    env = dict(os.environ, GO111MODULE="off", GOPATH=str(GOCODE), GOFLAGS="", GOCACHE=os.environ["LUG_BUILD"] + "/go-cache")
    source = Path(os.environ["LUG_SOURCE"]) / "tests/interop/casecheck.go"
    r = subprocess.run(["go", "build", "-o", str(program), str(source)], env=env, capture_output=True, timeout=300)
    assert r.returncode == 0, r.stderr.decode()

    def run(path, witnesses, governors):
        r = subprocess.run([str(program), str(path), str(witnesses), *governors], capture_output=True, text=True, timeout=60)
        return r.returncode, r.stdout + r.stderr
    return run


class Court:
    """Somebody with the file and the governors' public keys, and nothing else."""

    def __init__(self, cluster, casecheck, folder):
        self.governors = [cluster.it.lug("network", "show")["members"]["governors"][n] for n in range(3)]
        self.casecheck, self.folder = casecheck, folder

    def ours(self, path, witnesses=2, governors=None):
        keys = [x for g in (self.governors if governors is None else governors) for x in ("--governor", g)]
        return lug("audit", "verify", str(path), "--witnesses", str(witnesses), *keys)

    def theirs(self, path, witnesses=2, governors=None):
        return self.casecheck(path, witnesses, self.governors if governors is None else governors)

    def both_refuse(self, case, what):
        path = self.folder / "spoiled.case"
        path.write_text(json.dumps(case))
        with pytest.raises(LugError) as e:
            self.ours(path)
        code, out = self.theirs(path)
        assert code == 1, (what, out)
        return e.value.code


@pytest.fixture(scope="module")
def made(request, casecheck, tmp_path_factory):
    """A freeze from draft to answer, under the eyes of two witnesses: (court, its file, the request's id)."""
    folder = tmp_path_factory.mktemp("case")
    for c in make(request, cast=CAST):
        freeze = Freeze(c, "2026-118").play()
        last = max(e["audit"] for e in c.it.show(freeze.id)["events"])
        size = wait_for("the last event is sealed", lambda: (lambda n: n if n > last else 0)(c.it.status()["audit"]["entries"]), 60)

        def cosigned():
            path = Path(c.it.dir) / "audit" / "checkpoint.cosigned"
            lines = path.read_text().splitlines() if path.exists() else ["", "0"]
            return int(lines[1]) >= size and sum(" fr/audit " in s or " jp/audit " in s for s in lines) == 2
        wait_for("two nodes countersign the whole case", cosigned, 90, 0.2)
        path = folder / "good.case"
        c.it.lug("request", "export", freeze.id, "--out", str(path))
        yield Court(c, casecheck, folder), path, freeze.id


def test_both_accept(made):
    court, path, request_id = made
    case = json.loads(path.read_text())
    shown = court.ours(path)
    assert shown["request"] == request_id and shown["node"] == "it"
    assert int(shown["messages"]) == len(case["messages"]) >= 4 and int(shown["parts_absent"]) == 0
    assert int(shown["entries"]) == len(case["entries"]) > 10
    assert {w["witness"]: w["entries"] for w in shown["witnesses"]} == {n: shown["entries"] for n in ("fr/audit", "jp/audit")}
    code, out = court.theirs(path)
    assert code == 0, out
    assert int(out.split()[1]) == len(case["entries"])
    kinds = [line for m in case["messages"] for r in m["receipts"] for line in r.splitlines() if line.startswith("receipt ")]
    assert {"receipt R1 stored", "receipt R2 accepted", "receipt R3 seen", "receipt R4 acted"} <= set(kinds)


def test_other_anchors(made):
    """Keys of another network, one governor of two, more witnesses than there are."""
    court, path, _ = made
    with pytest.raises(LugError) as e:
        court.ours(path, governors=court.governors[2:])
    assert e.value.code == "key-unknown" and court.theirs(path, governors=court.governors[2:])[0] == 1
    with pytest.raises(LugError) as e:
        court.ours(path, governors=court.governors[:1])
    assert e.value.code == "key-unknown" and court.theirs(path, governors=court.governors[:1])[0] == 1
    with pytest.raises(LugError) as e:
        court.ours(path, witnesses=3)
    assert e.value.code == "unwitnessed" and court.theirs(path, witnesses=3)[0] == 1
    with pytest.raises(LugError) as e:
        lug("audit", "verify", str(path))
    assert e.value.code == "inval"


def swap(text, old, new):
    assert old in text, (old, text)
    return text.replace(old, new, 1)


def spoil_signature(note, line=-1):
    """Another signature of the same length in one of its lines."""
    lines = note.rstrip("\n").split("\n")
    head, _, data = lines[line].rpartition(" ")
    raw = bytearray(base64.b64decode(data))
    raw[-5] ^= 1
    lines[line] = head + " " + base64.b64encode(raw).decode()
    return "\n".join(lines) + "\n"


def at(*path):
    """Applies a change at a place of the case: at("messages", 0, "manifest")(change)."""
    def with_change(change):
        def run(case):
            o = case
            for key in path[:-1]:
                o = o[key]
            o[path[-1]] = change(o[path[-1]])
        return run
    return with_change


def exchange_receipts(case):
    a, b = case["messages"][0]["receipts"], case["messages"][1]["receipts"]
    a[0], b[0] = b[0], a[0]


def exchange_events(case):
    a, b = case["entries"][0], case["entries"][1]
    for key in ("event", "salt"):
        a[key], b[key] = b[key], a[key]


def exchange_proofs(case):
    a, b = case["entries"][0], case["entries"][1]
    a["proof"], b["proof"] = b["proof"], a["proof"]


def drop_hash(proof):
    head, note = proof.split("\n\n", 1)
    return head.rsplit("\n", 1)[0] + "\n\n" + note


TAMPERED = [
    ("a governor's signature", at("members", 0)(spoil_signature), "signature"),
    ("a member's role", at("members", 0)(lambda n: swap(n, " police ", " customs ")), "signature"),
    ("a node's end", at("nodes", 0)(lambda n: swap(n, "\nuntil 1", "\nuntil 2")), None),
    ("a node's signature", at("nodes", 1)(spoil_signature), "signature"),
    ("a node note is missing", lambda c: c["nodes"].pop(0), "key-unknown"),
    ("the class of a parcel", at("messages", 0, "parcels", 0)(lambda n: swap(n, "class flash", "class urgent")), "signature"),
    ("a parcel's signature", at("messages", 0, "parcels", 0)(spoil_signature), "signature"),
    ("the handling of a manifest", at("messages", 0, "manifest")(lambda n: swap(n, "\nhandling H", "\nhandling G")), "signature"),
    ("a manifest's signature", at("messages", 0, "manifest")(spoil_signature), "signature"),
    ("a byte of a part", at("messages", 0, "parts", 0)(lambda b: base64.b64encode(base64.b64decode(b)[:-1] + b" ").decode()), "crypto"),
    ("a part is missing", at("messages", 0, "parts")(lambda parts: parts[:-1]), "crypto"),
    ("refused made accepted", at("messages", 0, "receipts", 0)(lambda n: swap(n, "R1 stored", "R2 accepted")), "signature"),
    ("a receipt's signature", at("messages", 0, "receipts", 0)(spoil_signature), "signature"),
    ("receipts of two messages exchanged", exchange_receipts, "conflict"),
    ("another id of a message", at("messages", 0, "id")(lambda i: i[:-1] + ("0" if i[-1] != "0" else "1")), "conflict"),
    ("an event", at("entries", 0, "event")(lambda s: swap(s, '"what"', '"whut"')), "corrupt"),
    ("a salt", at("entries", 0, "salt")(lambda s: ("0" if s[0] != "0" else "1") + s[1:]), "corrupt"),
    ("events exchanged", exchange_events, "corrupt"),
    ("proofs exchanged", exchange_proofs, "corrupt"),
    ("a hash of a proof dropped", at("entries", 3, "proof")(drop_hash), "corrupt"),
    ("an index", at("entries", 2, "proof")(lambda p: swap(p, "\nindex ", "\nindex 1")), None),
    ("the size of a checkpoint", at("entries", 2, "proof")(lambda p: swap(p, "it/audit\n", "it/audit\n1")), "signature"),
    ("a checkpoint's signature", at("entries", 2, "proof")(lambda p: spoil_signature(p, -3)), "signature"),
    ("a countersignature", at("entries", 2, "proof")(spoil_signature), "signature"),
    ("a countersignature is missing", at("entries", 2, "proof")(lambda p: p.rstrip("\n").rsplit("\n", 1)[0] + "\n"), "unwitnessed"),
    ("a log of another node", at("node")(lambda _: "fr"), None),
    ("another version", at("type")(lambda t: t[:-1] + "2"), "version"),
]


@pytest.mark.parametrize("what,change,code", TAMPERED, ids=[t[0] for t in TAMPERED])
def test_tampered(made, what, change, code):
    court, path, _ = made
    case = copy.deepcopy(json.loads(path.read_text()))
    change(case)
    got = court.both_refuse(case, what)
    assert code is None or got == code, (what, got)


def test_not_a_case_file(made):
    court, _, _ = made
    path = court.folder / "no.case"
    for text in ("", "{", "[]", "{}", '{"type": "something"}', '{"type": "lugdunum.network/case/v1"}'):
        path.write_text(text)
        with pytest.raises(LugError) as e:
            court.ours(path)
        assert e.value.code == "format"


def test_what_the_entries_are_about(made):
    _, path, request_id = made
    events = [json.loads(e["event"]) for e in json.loads(path.read_text())["entries"]]
    assert {e["target"].split(" ")[0] for e in events} == {"request", "parcel"}
    assert f"request {request_id}" in {e["target"] for e in events}
