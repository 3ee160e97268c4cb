# SPDX-License-Identifier: Apache-2.0
"""Following a real node: btcd of a pinned version, built by Go through its module proxy into the build folder."""
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import node as nodes

SOURCE = Path(os.environ["LUG_SOURCE"])
BUILD = Path(os.environ["LUG_BUILD"])
LUG = BUILD / "bin" / "lug"
GENESIS = bytes.fromhex("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")[::-1]


@pytest.fixture(scope="session")
def btcd():
    """The node's program. Built once: its caches stay under the build folder."""
    program, work = BUILD / "btcd" / "btcd", BUILD / "btcd"
    if program.exists():
        return program
    go = next((g for g in ("/usr/bin/go", shutil.which("go")) if g and os.access(g, os.X_OK)), None)  # Debian's has its library compiled
    if not go:
        pytest.skip("go is not installed (Debian package golang-go): nothing is followed from a real node")
    work.mkdir(parents=True, exist_ok=True)
    for name in ("go.mod", "go.sum", "tools.go"):
        shutil.copy(SOURCE / "tests/live/btcd" / name, work / name)
    env = dict(os.environ, GOFLAGS="-mod=mod -modcacherw", GOMODCACHE=str(work / "modules"), GO111MODULE="on",
               GOCACHE=str(work / "cache"), GOTOOLCHAIN="local", CGO_ENABLED="0")
    r = subprocess.run([go, "build", "-o", "btcd.new", "github.com/btcsuite/btcd"], cwd=work, env=env, capture_output=True,
                       text=True, timeout=500)
    if r.returncode != 0:
        offline = any(s in r.stderr for s in ("dial tcp", "no such host", "connection refused", "i/o timeout", "proxyconnect"))
        assert offline, r.stderr
        pytest.skip("btcd cannot be fetched (no Go module proxy within reach): nothing is followed from a real node")
    (work / "btcd.new").rename(program)
    return program


@pytest.fixture
def node(btcd, tmp_path):
    started = []

    def start(name="node", extra=()):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        started.append(nodes.Node(btcd, folder, extra))
        return started[-1]
    yield start
    for n in started:
        n.stop()


@pytest.fixture
def chain():
    """130 blocks, so that the first thirty coinbases can be spent."""
    return nodes.Chain(GENESIS, int(time.time()) - 4000).mine(130)


class Lug:
    def __init__(self, folder):
        self.ledger, self.blocks, self.folder = folder / "ledger", folder / "blocks", folder

    def run(self, *args, check=True):
        r = subprocess.run([str(LUG), *[str(a) for a in args]], capture_output=True, text=True, timeout=120)
        assert not check or r.returncode == 0, r.stderr + r.stdout
        return r

    def json(self, *args):
        return json.loads(self.run(*args, "--json").stdout)

    def info(self):
        return self.json("ledger", "info", "--ledger", self.ledger)

    def follow_args(self, *peers):
        args = ["ledger", "follow", "--ledger", self.ledger, "--blocks", self.blocks, "--network", "regtest"]
        for p in peers:
            args += ["--peer", f"127.0.0.1:{p.p2p}"]
        return [str(a) for a in args]

    def follow(self, *peers, extra=()):
        """Starts a follower in the background."""
        return Follower(self, self.follow_args(*peers) + [str(x) for x in extra])

    def once(self, *peers, extra=()):
        return self.run(*self.follow_args(*peers), "--once", *extra)

    def verify(self):
        """Clean in itself, against its blocks, and equal to an import of the same blocks from nothing."""
        self.run("ledger", "verify", "--ledger", self.ledger, "--blocks", self.blocks)
        fresh = self.folder / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        shutil.copy(self.ledger / "key", fresh / "key")
        self.run("ledger", "import", self.blocks, "--ledger", fresh, "--network", "regtest")
        assert self.json("ledger", "info", "--ledger", fresh)["tip"] == self.info()["tip"]
        for column in sorted((fresh / "columns").iterdir()):
            mine = (self.ledger / "columns" / column.name).read_bytes()
            theirs = column.read_bytes()
            if column.name == "block":  # file and offset say where a block stands, which is the same here
                assert len(mine) == len(theirs)
            assert mine == theirs, column.name


class Follower:
    def __init__(self, lug, args):
        self.lug, self.errors = lug, lug.folder / "follow.err"
        self.err = open(self.errors, "ab")
        self.process = subprocess.Popen([str(LUG), *args], stdout=subprocess.DEVNULL, stderr=self.err)

    def until(self, tip, seconds=90):
        end = time.time() + seconds
        while True:
            r = subprocess.run([str(LUG), "ledger", "info", "--ledger", str(self.lug.ledger), "--json"], capture_output=True)
            if r.returncode == 0 and json.loads(r.stdout)["tip"] == tip:
                return
            assert self.process.poll() is None, self.errors.read_text()
            assert time.time() < end, (tip, r.stdout, self.errors.read_text())
            time.sleep(0.02)

    def stop(self, kill=False):
        if self.process.poll() is None:
            (self.process.kill if kill else self.process.terminate)()
        code = self.process.wait(20)
        self.err.close()
        assert kill or code == 0, self.errors.read_text()


@pytest.fixture
def lug(tmp_path):
    made = Lug(tmp_path)
    followers = []
    begin = made.follow

    def follow(*args, **kw):
        followers.append(begin(*args, **kw))
        return followers[-1]
    made.follow = follow
    yield made
    for f in followers:
        if f.process.poll() is None:
            f.process.kill()
            f.process.wait()
