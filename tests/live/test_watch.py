# SPDX-License-Identifier: Apache-2.0
"""What is watched while a ledger follows btcd: unconfirmed, confirmed, taken back, confirmed again."""
import hashlib
import json
import time

from node import ANYONE, SUBSIDY, sha256d, shown, tx


def digest(script):
    """The name of a script without an address."""
    return "script:" + hashlib.sha256(script).hexdigest()


PAYEE = b"\x52"  # OP_2: as good as OP_TRUE, with an identity of its own
SERVICE = b"\x53"


def alerts(lug):
    return lug.json("watch", "alerts", "--ledger", lug.ledger)


def wait(lug, what, seconds=60):
    end = time.time() + seconds
    while not what(alerts(lug)):
        assert time.time() < end, alerts(lug)
        time.sleep(0.05)


def state(lug, kind, txid):
    return [(a["state"], a["confirmations"]) for a in alerts(lug) if (a["kind"], a["txid"]) == (kind, shown(txid))]


def test_watch_through_a_reorganisation(node, lug, chain):
    n = node()
    n.give(chain)
    lug.once(n, extra=["--alert"])
    lug.run("watch", "add", digest(PAYEE), "--note", "payee", "--ledger", lug.ledger)
    lug.run("watch", "add", digest(SERVICE), "--service", "--ledger", lug.ledger)
    lug.run("watch", "add", f"{shown(chain.coin(1)[0])}:0", "--policy", "haircut", "--note", "theft", "--ledger", lug.ledger)
    f = lug.follow(n, extra=["--alert"])
    time.sleep(1)

    pay = tx([chain.coin(1), chain.coin(2)], [(SUBSIDY, PAYEE), (SUBSIDY // 2, SERVICE), (SUBSIDY // 4, ANYONE)])
    txid = sha256d(pay)
    n.rpc("sendrawtransaction", pay.hex())
    wait(lug, lambda a: len(a) >= 3)
    found = {(a["kind"], a["position"]): a for a in alerts(lug)}
    assert set(found) == {("received", None), ("tainted", 0), ("tainted", 2)}  # the service raises none
    assert found["tainted", 0]["amount"] == str(SUBSIDY // 2)  # half of what came in was tainted
    assert found["tainted", 2]["amount"] == str(SUBSIDY // 8)
    assert found["received", None]["amount"] == str(SUBSIDY)
    assert found["tainted", 0]["path"] == [f"{shown(chain.coin(1)[0])}:0", f"{shown(txid)}:0"]
    assert {a["state"] for a in found.values()} == {"unconfirmed"}

    one = chain.branch(130, 1).mine(1, [pay])
    n.give(one)
    f.until(one.tip)
    wait(lug, lambda a: state(lug, "tainted", txid) == [("confirmed", 1)] * 2)
    rival = tx([chain.coin(2)], [(SUBSIDY, ANYONE)])
    two = chain.branch(130, 2).mine(1, [rival]).mine(1)  # its second input is gone: it can never be confirmed here
    n.give(two)
    f.until(two.tip)
    wait(lug, lambda a: {s for s, _ in state(lug, "tainted", txid)} == {"retracted"})
    f.stop(kill=True)

    one.mine(3)
    n.give(one)
    f = lug.follow(n, extra=["--alert"])
    f.until(one.tip)
    wait(lug, lambda a: state(lug, "tainted", txid) == [("confirmed", 4)] * 2)
    spend = tx([(txid, 0)], [(SUBSIDY, ANYONE)])
    one.mine(1, [spend])
    n.give(one)
    f.until(one.tip)
    wait(lug, lambda a: state(lug, "sent", sha256d(spend)) == [("confirmed", 1)])
    f.stop()
    lug.run("watch", "scan", "--ledger", lug.ledger)
    items = {i["note"]: i for i in lug.json("watch", "list", "--ledger", lug.ledger)}
    assert items["theft"]["live"] == str(SUBSIDY // 2 + SUBSIDY // 8)
    assert items["theft"]["live_outputs"] == 2


def test_lists(node, lug, chain):
    n = node()
    n.give(chain)
    lug.once(n)
    bad = lug.folder / "list.txt"
    good = digest(PAYEE)
    bad.write_text(f"# comment\n{good}\n\nnothing\nbcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqx  # mistyped\n"
                   "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\n")
    r = lug.run("watch", "import", bad, "--ledger", lug.ledger, check=False)
    assert r.returncode == 1 and "3 entries" in r.stderr
    assert [s.split(":")[0] for s in r.stderr.splitlines() if s[0].isdigit()] == ["4", "5", "6"]
    assert lug.json("watch", "list", "--ledger", lug.ledger) == []
    j = json.loads(lug.run("watch", "import", bad, "--ledger", lug.ledger, "--json", check=False).stdout)
    assert j["invalid"] == 3 and [e["line"] for e in j["entries"]] == [4, 5, 6]
    bad.write_text(f"{good}\n{good}\n")
    assert lug.json("watch", "import", bad, "--note", "list", "--ledger", lug.ledger)["item"] == 1
    assert lug.json("watch", "list", "--ledger", lug.ledger)[0]["entries"] == 1
    assert lug.json("watch", "remove", "1", "--ledger", lug.ledger) == {"removed": 1}
    assert lug.run("watch", "remove", "1", "--ledger", lug.ledger, check=False).returncode == 1
    r = lug.run("watch", "add", good, shown(chain.coin(1)[0]), "--ledger", lug.ledger, check=False)
    assert r.returncode == 2 and "separate items" in r.stderr
