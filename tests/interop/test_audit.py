# SPDX-License-Identifier: Apache-2.0
"""Our audit log as Go's sumdb/tlog sees it, and every way to tamper with it: both verifiers must refuse."""
import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import GOCODE, SOURCE, ok, run

BUILD = Path(os.environ["LUG_BUILD"])
LUG = BUILD / "bin" / "lug"
SIZES = ["1", "2", "255", "256", "257", "700"]


@pytest.fixture(scope="session")
def logcheck(tmp_path_factory):
    """Go's verifier of transparency logs."""
    if not shutil.which("go"):
        pytest.skip("go is not installed (Debian package golang-go): the audit log is not checked by it")
    if not (GOCODE / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("golang-golang-x-mod-dev is not installed: the audit log is not checked by Go")
    program = tmp_path_factory.mktemp("go") / "logcheck"
    env = dict(os.environ, GO111MODULE="off", GOPATH=str(GOCODE), GOFLAGS="", GOCACHE=os.environ["LUG_BUILD"] + "/go-cache")
    r = subprocess.run(["go", "build", "-o", str(program), str(SOURCE / "tests/interop/logcheck.go")], env=env,
                       capture_output=True, timeout=300)
    assert r.returncode == 0, r.stderr.decode()
    return lambda *args, data=b"": run([program, *args], data)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A log of 700 entries: (folder, verifier key)."""
    folder = tmp_path_factory.mktemp("log") / "audit"
    return folder, ok([BUILD / "tests" / "make-log", folder, "7", *SIZES]).decode().strip()


@pytest.fixture
def log(made, tmp_path):
    """A copy to spoil."""
    folder = tmp_path / "audit"
    shutil.copytree(made[0], folder)
    return folder, made[1]


def ours(folder, vkey):
    return run([LUG, "audit", "verify", folder, "--key", vkey])


def both_accept(logcheck, folder, vkey, entries, *old):
    r = logcheck("log", folder, vkey, *old)
    assert r.returncode == 0, r.stderr.decode()
    assert int(r.stdout) == entries
    r = ours(folder, vkey)
    assert r.returncode == 0, r.stderr.decode()
    assert f"{entries} entries" in r.stdout.decode()


def both_refuse(logcheck, folder, vkey, word=None):
    assert logcheck("log", folder, vkey).returncode == 1
    r = ours(folder, vkey)
    assert r.returncode == 1
    if word:
        assert word in r.stderr.decode(), r.stderr.decode()


def bundles(path):
    data, out = path.read_bytes(), []
    while data:
        size = 2 + int.from_bytes(data[:2], "big")
        out.append(data[:size])
        data = data[size:]
    return out


def test_log_and_its_growth(logcheck, made):
    folder, vkey = made
    both_accept(logcheck, folder, vkey, 700, *[folder / f"checkpoint.{size}" for size in SIZES])


@pytest.mark.parametrize("size", SIZES)
def test_each_size(logcheck, tmp_path, size):
    folder = tmp_path / "audit"
    vkey = ok([BUILD / "tests" / "make-log", folder, "7", size]).decode().strip()
    both_accept(logcheck, folder, vkey, int(size))


def test_proofs(logcheck, made):
    folder, vkey = made
    for seq in (0, 1, 255, 256, 511, 512, 699):
        proof = ok([LUG, "audit", "prove", seq, "--log", folder])
        r = logcheck("proof", vkey, data=proof)
        assert r.returncode == 0, r.stderr.decode()
        assert f"\nseq {seq}\n" in r.stdout.decode()
        changed = proof.replace(f"index {seq}\n".encode(), f"index {seq ^ 1}\n".encode())
        assert logcheck("proof", vkey, data=changed).returncode == 1


def test_proof_file(made, tmp_path):
    folder, vkey = made
    path = tmp_path / "17.tlog-proof"
    key = tmp_path / "log.key"
    key.write_text(vkey + "\n")
    ok([LUG, "audit", "prove", "17", "--log", folder, "--out", path])
    r = run([LUG, "audit", "verify-proof", path, "--key", key])
    assert r.returncode == 0 and b"entry 17 of it.example/audit (700 entries)" in r.stdout
    path.write_bytes(path.read_bytes().replace(b"\nindex 17\n", b"\nindex 16\n"))
    r = run([LUG, "audit", "verify-proof", path, "--key", key])
    assert r.returncode == 1 and b"Same identifier" in r.stderr


@pytest.mark.parametrize("name,offset", [
    ("tile/entries/000", 100), ("tile/entries/000", 20000), ("tile/entries/002.p/188", 1000), ("tile/0/000", 0),
    ("tile/0/001", 8191), ("tile/0/002.p/188", 3000), ("tile/1/000.p/2", 40), ("checkpoint", 20), ("checkpoint", 60),
    ("checkpoint", 150),
])
def test_flipped_bit(logcheck, log, name, offset):
    folder, vkey = log
    data = bytearray((folder / name).read_bytes())
    data[offset] ^= 0x10
    (folder / name).write_bytes(data)
    both_refuse(logcheck, folder, vkey)


@pytest.mark.parametrize("name", ["000", "001", "002.p/188"])
@pytest.mark.parametrize("place", [0, 100, -1])
def test_dropped_entry(logcheck, log, name, place):
    folder, vkey = log
    path = folder / "tile/entries" / name
    entries = bundles(path)
    del entries[place]
    path.write_bytes(b"".join(entries))
    both_refuse(logcheck, folder, vkey)


@pytest.mark.parametrize("name", ["000", "002.p/188"])
def test_reordered_entries(logcheck, log, name):
    folder, vkey = log
    path = folder / "tile/entries" / name
    entries = bundles(path)
    entries[50], entries[51] = entries[51], entries[50]
    path.write_bytes(b"".join(entries))
    both_refuse(logcheck, folder, vkey, "not the one that was logged")


def test_reordered_bundles(logcheck, log):
    folder, vkey = log
    first, second = folder / "tile/entries/000", folder / "tile/entries/001"
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)
    both_refuse(logcheck, folder, vkey)


@pytest.mark.parametrize("spoil", ["entries", "tile", "both", "half"])
def test_truncated_log(logcheck, log, spoil):
    """The end is missing while the checkpoint still names it."""
    folder, vkey = log
    if spoil in ("entries", "both"):
        shutil.rmtree(folder / "tile/entries/002.p")
    if spoil in ("tile", "both"):
        shutil.rmtree(folder / "tile/0/002.p")
    if spoil == "half":
        path = folder / "tile/entries/002.p/188"
        path.write_bytes(b"".join(bundles(path)[:90]))
    both_refuse(logcheck, folder, vkey, "missing" if spoil != "half" else None)


def test_shrunk_size(logcheck, log):
    """A smaller size under the same signature."""
    folder, vkey = log
    path = folder / "checkpoint"
    path.write_bytes(path.read_bytes().replace(b"\n700\n", b"\n512\n"))
    both_refuse(logcheck, folder, vkey, "ignature")


def test_rewritten_with_another_key(logcheck, log, tmp_path):
    """A whole log made anew, every hash in it right, but not signed by the node."""
    other = tmp_path / "other"
    ok([BUILD / "tests" / "make-log", other, "8", "700"])
    both_refuse(logcheck, other, log[1])


def test_forked_log_is_seen_from_an_old_checkpoint(logcheck, made, tmp_path):
    """A history that was signed again with the right key contradicts any checkpoint that somebody kept."""
    folder, vkey = made
    fork = tmp_path / "fork"
    ok([BUILD / "tests" / "make-log", fork, "7", "700"])
    r = logcheck("log", fork, vkey, folder / "checkpoint.256")
    assert r.returncode == 0, r.stderr.decode()
    old = (folder / "checkpoint.256").read_text().splitlines()
    old[2] = base64.b64encode(bytes(32)).decode()
    seed = bytes([7]) * 32
    text = "\n".join(old[:3]) + "\n"
    signed = ok([BUILD / "tests" / "interop-tool", "sign", "it.example/audit", seed.hex()], text.encode())
    (tmp_path / "kept").write_bytes(signed)
    assert logcheck("log", fork, vkey, tmp_path / "kept").returncode == 1


@pytest.fixture
def with_store(tmp_path):
    """A log with its store in a file: (folder, store, verifier key)."""
    folder, store = tmp_path / "audit", tmp_path / "store"
    r = subprocess.run([BUILD / "tests" / "make-log", folder, "7", "100", "300"], env=dict(os.environ, STORE=str(store)),
                       capture_output=True, timeout=60)
    assert r.returncode == 0, r.stderr.decode()
    return folder, store, r.stdout.decode().strip()


def test_export_opens_the_commitments(with_store):
    folder, store, _ = with_store
    lines = [json.loads(s) for s in ok([LUG, "audit", "export", "--log", folder, "--store", store, "--from", "250",
                                       "--to", "2023-11-14T22:18:00Z"]).splitlines()]
    assert [line["seq"] for line in lines] == [str(n) for n in range(250, 281)]
    for line in lines:
        commitment = hashlib.sha256(bytes.fromhex(line["salt"]) + line["event"].encode()).digest()
        assert base64.b64decode(line["commit"]) == commitment
        assert json.loads(line["event"])["who"] == "officer.7"
    bare = ok([LUG, "audit", "export", "--log", folder]).decode()
    assert json.loads(ok([LUG, "audit", "export", "--log", folder, "--json"])) == [json.loads(s) for s in bare.splitlines()]
    assert json.loads(ok([LUG, "audit", "export", "--log", folder, "--from", "999999999", "--json"])) == []
    assert len(bare.splitlines()) == 300 and "officer" not in bare
    r = run([LUG, "audit", "export", "--log", folder, "--from", "yesterday"])
    assert r.returncode == 2 and b"neither the number" in r.stderr


def test_scrub_finds_changed_rows(with_store):
    import sqlite3
    folder, store, _ = with_store
    assert b"300 entries" in ok([LUG, "audit", "scrub", "--log", folder, "--store", store])
    db = sqlite3.connect(store)
    db.execute("UPDATE audit_event SET event = replace(event, 'officer.7', 'officer.8') WHERE seq = 42")
    db.commit()
    db.close()
    r = run([LUG, "audit", "scrub", "--log", folder, "--store", store])
    assert r.returncode == 1 and b"event of audit entry 42" in r.stderr


def test_adopt_after_a_restore(with_store, tmp_path):
    folder, store, vkey = with_store
    old = tmp_path / "old"
    spare = tmp_path / "spare"
    r = subprocess.run([BUILD / "tests" / "make-log", spare, "7", "100"], env=dict(os.environ, STORE=str(old)), timeout=60)
    assert r.returncode == 0
    r = run([LUG, "audit", "scrub", "--log", folder, "--store", old])
    assert r.returncode == 1 and b"entry 100 is missing" in r.stderr
    assert b"200 entries copied" in ok([LUG, "audit", "adopt", "--log", folder, "--store", old, "--key", vkey])
    ok([LUG, "audit", "scrub", "--log", folder, "--store", old])
    assert b"0 entries copied" in ok([LUG, "audit", "adopt", "--log", folder, "--store", old, "--key", vkey])
