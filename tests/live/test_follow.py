# SPDX-License-Identifier: Apache-2.0
"""A ledger that follows btcd: mined blocks, reorganisations, peers that go, kills; it must equal an import of the same blocks.

The five reorganisation cases are those of the review of pull request 112 of mempool/electrs: (1) a short one, (2) a transaction
confirmed again at the same height and place, (3) at the same height and another place, (4) in a later block, (5) ten blocks."""
import json
import subprocess
import threading

from conftest import LUG
from node import ANYONE, SUBSIDY, sha256d, shown, tx


def seen(lug, txid):
    """What the ledger says of a transaction; None when it knows none."""
    r = lug.run("tx", shown(txid), "--ledger", lug.ledger, "--json", check=False)
    return json.loads(r.stdout) if r.returncode == 0 else None


def test_mined_blocks(node, lug):
    n = node()
    n.rpc("generate", 20)
    lug.once(n)
    assert lug.info()["tip"] == n.tip()
    f = lug.follow(n)
    for _ in range(3):
        n.rpc("generate", 2)
        f.until(n.tip())
    f.stop()
    lug.verify()


def test_five_reorganisations(node, lug, chain):
    n = node()
    n.give(chain)
    f = lug.follow(n)
    f.until(chain.tip)
    pay = tx([chain.coin(1)], [(SUBSIDY - 1000, ANYONE)])
    other = tx([chain.coin(2)], [(SUBSIDY - 1000, ANYONE)])
    txid = sha256d(pay)

    # 1: one block is replaced by two; the coinbase of the first is gone
    one = chain.branch(130, 1).mine(1)
    n.give(one)
    f.until(one.tip)
    gone = sha256d(one.blocks[131].txs[0])
    assert seen(lug, gone)
    two = chain.branch(130, 2).mine(2)
    n.give(two)
    f.until(two.tip)
    assert seen(lug, gone) is None

    # 2: same height, same place
    a = two.branch(132, 3).mine(1, [pay])
    n.give(a)
    f.until(a.tip)
    assert seen(lug, txid)["height"] == 133
    b = two.branch(132, 4).mine(1, [pay]).mine(1)
    n.give(b)
    f.until(b.tip)
    assert (seen(lug, txid)["height"], seen(lug, txid)["position"]) == (133, 1)
    assert seen(lug, txid)["block"] == shown(b.hashes[133])

    # 3: same height, another place
    c = two.branch(132, 5).mine(1, [other, pay]).mine(2)
    n.give(c)
    f.until(c.tip)
    assert (seen(lug, txid)["height"], seen(lug, txid)["position"]) == (133, 2)

    # 4: a later block
    d = two.branch(132, 6).mine(1).mine(1, [pay]).mine(2)
    n.give(d)
    f.until(d.tip)
    assert (seen(lug, txid)["height"], seen(lug, txid)["position"]) == (134, 1)
    assert seen(lug, sha256d(other)) is None

    # 5: ten blocks; and back to the first of two rivals
    e = d.branch(126, 7).mine(11)
    n.give(e)
    f.until(e.tip)
    assert seen(lug, txid) is None
    d.mine(3)
    n.give(d)
    f.until(d.tip)
    assert seen(lug, txid)["height"] == 134
    f.stop()
    lug.verify()


def test_reorganisation_while_down(node, lug, chain):
    n = node()
    n.give(chain)
    lug.once(n)
    rival = chain.branch(100, 9).mine(40)
    n.give(rival)
    lug.once(n)
    assert lug.info()["tip"] == rival.tip
    lug.verify()


def test_killed_at_any_moment(node, lug, chain):
    n = node()
    n.give(chain)
    tip = chain
    for i in range(6):
        f = lug.follow(n)
        tip = tip.branch(tip.height - i, 20 + i).mine(8 + i)
        n.give(tip)
        if i % 2:
            f.until(tip.tip)
        f.stop(kill=True)
    last = sorted(lug.blocks.glob("blk*.dat"))[-1]
    with open(last, "ab") as out:  # what a power failure may leave: a record without its end
        out.write(bytes.fromhex("fabfb5da") + (500).to_bytes(4, "little") + bytes(100))
    lug.once(n)
    assert lug.info()["tip"] == tip.tip
    lug.verify()


def test_two_nodes_disagree(node, lug, chain):
    """Two nodes that do not see each other: the ledger is where most work is, whoever brings it."""
    a, b = node("a"), node("b")
    left, right = chain.branch(125, 1).mine(8), chain.branch(125, 2).mine(9)
    a.give(left)
    b.give(right)
    f = lug.follow(a, b)
    f.until(right.tip)
    left.mine(3)
    a.give(left)
    f.until(left.tip)
    a.stop()
    right.mine(5)
    b.give(right)
    f.until(right.tip)
    f.stop()
    assert "left peer" in f.errors.read_text()
    lug.verify()


def test_readers_meanwhile(node, lug, chain):
    """Who asks while blocks come and go gets an answer of one moment each time, or is told that it is being written."""
    n = node()
    n.give(chain)
    f = lug.follow(n)
    f.until(chain.tip)
    stop, answers, bad = threading.Event(), set(), []

    def ask():
        while not stop.is_set():
            r = subprocess.run([str(LUG), "ledger", "info", "--ledger", str(lug.ledger), "--json"], capture_output=True, text=True)
            if r.returncode == 0:
                i = json.loads(r.stdout)
                answers.add((i["height"], i["tip"], i["transactions"]))
            elif json.loads(r.stdout)["error"]["code"] not in ("busy", "again"):
                bad.append(r.stdout)
    readers = [threading.Thread(target=ask) for _ in range(2)]
    for t in readers:
        t.start()
    tip = chain
    for i in range(12):
        tip = tip.branch(tip.height - i % 3, 40 + i).mine(4)
        n.give(tip)
        f.until(tip.tip)
    stop.set()
    for t in readers:
        t.join()
    f.stop()
    assert not bad
    assert len(answers) > 5
    for height, _, transactions in answers:
        assert transactions == height + 1  # each block here has one
    lug.verify()


def test_folder_of_blocks(node, lug, chain):
    """A node's own folder is refused; copied files, in any order, are taken; a second follower is kept out."""
    n = node()
    n.give(chain)
    genesis = bytes.fromhex(n.rpc("getblock", shown(chain.hashes[0]), 0))
    blocks = [genesis] + [b.bytes for b in chain.blocks[1:]]
    order = blocks[60:] + blocks[:60][::-1]
    lug.blocks.mkdir()
    (lug.blocks / "blk00000.dat").write_bytes(
        b"".join(bytes.fromhex("fabfb5da") + len(b).to_bytes(4, "little") + b for b in order))
    r = lug.run(*lug.follow_args(n), "--once", check=False)
    assert r.returncode == 1 and "only that node may write" in r.stderr
    (lug.blocks / "follow.lock").touch()
    size = (lug.blocks / "blk00000.dat").stat().st_size
    lug.once(n)
    assert lug.info()["tip"] == chain.tip
    assert (lug.blocks / "blk00000.dat").stat().st_size == size  # nothing was fetched again
    f = lug.follow(n)
    chain.mine(2)
    n.give(chain)
    f.until(chain.tip)
    r = lug.run(*lug.follow_args(n), "--once", check=False)
    assert r.returncode == 1 and "another follower" in r.stderr
    f.stop()
    lug.verify()


def test_bad_options(lug):
    for peer in ("", ":", ":8333", "[::1", "[::1]x", "host:"):
        r = lug.run(*lug.follow_args(), "--peer", peer, check=False)
        assert r.returncode == 2 and "peer" in r.stderr, peer
    assert lug.run(*lug.follow_args(), check=False).returncode == 2  # from whom?
    assert lug.run(*lug.follow_args(), "--zmq", "tcp://x", "--peer", "x", check=False).returncode == 2
    r = lug.run(*[a if a != "regtest" else "litecoin" for a in lug.follow_args()], "--peer", "127.0.0.1:1", check=False)
    assert r.returncode == 1 and "by RPC" in r.stderr
