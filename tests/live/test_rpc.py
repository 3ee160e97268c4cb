# SPDX-License-Identifier: Apache-2.0
"""Following one node by RPC, woken by ZMQ. btcd publishes nothing by ZMQ, so a publisher here says what a Core would."""
import time

import pytest

from node import ANYONE, SUBSIDY, free_port, sha256d, shown, tx
from test_watch import state, wait


@pytest.fixture
def rpc_args(lug):
    def args(n, *extra, password="p"):
        cookie = lug.folder / "cookie"
        cookie.write_text(f"u:{password}\n")
        return ["--rpc", f"http://127.0.0.1:{n.rpc_port}", "--cookie", cookie, *extra]
    return args


def test_rpc(node, lug, chain, rpc_args):
    n = node()
    n.give(chain)
    lug.once(extra=[*rpc_args(n), "--alert"])
    assert lug.info()["tip"] == chain.tip
    lug.run("watch", "add", f"{shown(chain.coin(1)[0])}:0", "--ledger", lug.ledger)
    f = lug.follow(extra=[*rpc_args(n), "--alert"])
    pay = tx([chain.coin(1)], [(SUBSIDY, ANYONE)])
    n.rpc("sendrawtransaction", pay.hex())
    wait(lug, lambda a: state(lug, "tainted", sha256d(pay)) == [("unconfirmed", 0)])
    one = chain.branch(120, 1).mine(12)
    n.give(one)
    f.until(one.tip)
    two = chain.branch(118, 2).mine(15)
    n.give(two)
    f.until(two.tip)
    f.stop()
    lug.verify()


def test_rpc_errors(node, lug, chain, rpc_args):
    n = node()
    n.give(chain)
    f = lug.follow(extra=rpc_args(n, password="wrong"))
    time.sleep(0.5)
    assert "user or password is refused" in f.errors.read_text()
    rpc_args(n)  # the node writes its cookie: the follower goes on by itself
    f.until(chain.tip)
    f.stop()
    r = lug.run(*lug.follow_args(n), *rpc_args(n), check=False)
    assert r.returncode == 2 and "either --peer" in r.stderr
    r = lug.run(*lug.follow_args(), "--rpc", "ftp://x", check=False)
    assert r.returncode == 2 and "not an http" in r.stderr
    lug.folder = lug.folder / "main"
    lug.ledger, lug.blocks = lug.folder / "ledger", lug.folder / "blocks"
    args = [a if a != "regtest" else "bitcoin" for a in lug.follow_args()]
    r = lug.run(*args, *["--rpc", f"http://u:p@127.0.0.1:{n.rpc_port}", "--once"], check=False)
    assert r.returncode == 1 and "not those of this network" in r.stderr


def test_zmq(node, lug, chain, rpc_args):
    zmq = pytest.importorskip("zmq", reason="python3-zmq is not installed: nothing is published")
    n = node()
    n.give(chain)
    socket, port = zmq.Context.instance().socket(zmq.PUB), free_port()
    socket.bind(f"tcp://127.0.0.1:{port}")
    lug.once(extra=[*rpc_args(n), "--alert"])
    lug.run("watch", "add", f"{shown(chain.coin(1)[0])}:0", "--ledger", lug.ledger)
    f = lug.follow(extra=[*rpc_args(n), "--alert", "--zmq", f"tcp://127.0.0.1:{port}"])
    time.sleep(1)  # a subscription takes a moment, and what was published before is lost
    pay = tx([chain.coin(1)], [(SUBSIDY, ANYONE)])  # the node does not have it: only ZMQ can tell
    socket.send_multipart([b"rawtx", pay, b"\0\0\0\0"])
    wait(lug, lambda a: state(lug, "tainted", sha256d(pay)) == [("unconfirmed", 0)])
    for i in range(3):
        chain.mine(1, [pay] if i == 0 else [])
        n.give(chain)
        began = time.time()
        socket.send_multipart([b"hashblock", chain.hashes[-1][::-1], i.to_bytes(4, "little")])
        f.until(chain.tip)
        assert time.time() - began < 20  # without the word it would be a minute
    wait(lug, lambda a: state(lug, "tainted", sha256d(pay)) == [("confirmed", 3)])
    f.stop()
    socket.close(0)
