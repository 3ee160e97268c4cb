# SPDX-License-Identifier: Apache-2.0
"""lug ledger cluster, entity, neighbours, utxo, block and tx --explain, against the truth of a generated chain."""
import collections
import json
import os
import subprocess

import pytest

BIN = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin")
LUG = os.path.join(BIN, "lug")


def run(*words, code=0):
    r = subprocess.run([LUG, *map(str, words)], capture_output=True, text=True, timeout=120)
    assert r.returncode == code, r.stderr + r.stdout
    return r


def truth(folder, name):
    with open(folder / "truth" / f"{name}.jsonl", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    d = tmp_path_factory.mktemp("chain")
    subprocess.run([os.path.join(BIN, "chaingen"), "--out", str(d), "--quiet", "--transactions", "8000", "--blocks", "400"],
                   check=True, timeout=120)
    run("ledger", "import", d / "blocks", "--ledger", d / "l", "--quiet")
    return d


@pytest.fixture(scope="module")
def ask(chain):
    return lambda *words: json.loads(run(*words, "--ledger", chain / "l", "--json").stdout)


@pytest.fixture(scope="module")
def owner(chain):
    return {row["address"]: row["owner"] for row in truth(chain, "addresses")}


def pages(ask, *words, limit, rows="page"):
    seen, after = [], []
    while True:
        p = ask(*words, "--limit", limit, *after)
        seen += p[rows]
        if p["next"] is None:
            return p, seen
        after = ["--after", p["next"]]


def exchange(chain):
    return next(row["address"] for row in truth(chain, "addresses") if row["kind"] == "exchange" and row["owner"] == 10)


def test_members_are_one_owner(chain, ask, owner):
    """Multi-input with CoinJoins left out never joins two owners on a generated chain."""
    _, members = pages(ask, "entity", exchange(chain), "--members", limit=19, rows="members")
    assert len(members) == ask("entity", exchange(chain))["addresses"] > 50
    assert len(set(members)) == len(members) and {owner[a] for a in members} == {10}
    one = members[len(members) // 2]
    assert ask("entity", one)["entity"] == ask("entity", ask("entity", one)["entity"])["entity"] == ask("entity", exchange(chain))["entity"]


def test_ties_lead_to_the_entity(chain, ask):
    e = ask("entity", exchange(chain))
    _, members = pages(ask, "entity", e["entity"], "--members", limit=1000, rows="members")
    tied = ask("entity", members[-1])
    assert tied["why"][0]["address"] == members[-1] and tied["why"][-1]["to"] == e["address"]
    h = tied["why"][-1]["height"]
    before = ask("entity", members[-1], "--height", h - 1)
    assert before["entity"] != e["entity"] and before["as_of"] == h - 1
    assert ask("entity", members[-1], "--height", h)["entity"] == e["entity"]


def test_history_in_any_order(chain, ask):
    e, new = pages(ask, "entity", exchange(chain), limit=1000)
    _, old = pages(ask, "entity", exchange(chain), "--oldest-first", limit=333)
    assert [r["txid"] for r in new] == [r["txid"] for r in reversed(old)]
    assert len(new) == e["transactions"] and len({r["txid"] for r in new}) == len(new)
    assert sum(int(r["received"]) for r in new) == int(e["received"]) and sum(int(r["sent"]) for r in new) == int(e["sent"])


@pytest.mark.parametrize("side", [[], ["--sent"]])
@pytest.mark.parametrize("entity", [[], ["--entity"]])
def test_neighbours_add_up(chain, ask, side, entity):
    n, rows = pages(ask, "neighbours", exchange(chain), *side, *entity, limit=50)
    assert len(rows) == n["neighbours"] > 10 and not n["partial"]
    assert sum(int(r["amount"]) for r in rows) + int(n["self"]) + int(n["fees"]) == int(n["total"])
    whole = ask("entity" if entity else "address", exchange(chain))
    whole = whole if entity else whole["addresses"][0]["ledger"]
    assert n["total"] == whole["sent" if side else "received"]
    assert [int(r["amount"]) for r in rows] == sorted((int(r["amount"]) for r in rows), reverse=True)


def test_holdings_and_supply(chain, ask):
    for words in ([exchange(chain)], [exchange(chain), "--entity"], [exchange(chain), "--height", 300]):
        u, rows = pages(ask, "utxo", *words, limit=7)
        assert sum(int(r["value"]) for r in rows) == int(u["balance"]) and len({r["output"] for r in rows}) == len(rows)
    tip = ask("utxo")
    v = ask("ledger", "verify")
    assert int(tip["unspent"]) + int(tip["unspendable"]) == int(v["unspent"])
    early = ask("utxo", "--height", 99)
    assert early["as_of"] == 99 and int(early["unspent"]) == 100 * 50 * 10**8 and early["holders"] <= early["outputs"] == 100


def test_blocks(chain, ask):
    b, rows = pages(ask, "block", 250, limit=6)
    assert ask("block", b["hash"], "--limit", 1)["height"] == 250 and len(rows) == b["transactions"]
    assert sum(int(r["fee"]) for r in rows) == int(b["fees"])
    named = [row["txid"] for row in truth(chain, "transactions") if row["height"] == 250]
    assert [r["txid"] for r in rows[1:]] == named and ask("block", 249, "--limit", 1)["hash"] == b["previous"]


def test_change_is_explained(chain, ask):
    right = collections.Counter()
    for row in truth(chain, "transactions"):
        if row["height"] % 97 or row["what"] not in ("payment", "coinjoin"):
            continue
        t = ask("tx", row["txid"], "--explain")
        assert t["coinjoin"] == row["coinjoin"]
        assert not row["coinjoin"] or t["change"] == []
        for c in t["change"]:
            assert c["because"]
            right[c["heuristic"], c["output"] == row.get("change")] += 1
    assert right["fresh", True] > 4 * right["fresh", False] and right["fresh", True] > 10
    assert "change" not in ask("tx", row["txid"])


def test_sets_stand_beside_each_other(chain, ask):
    plain = ask("ledger", "cluster")
    assert plain["existed"] and plain["heuristics"] == "none"
    more = ask("ledger", "cluster", "--heuristics", "type,fresh")
    assert more["heuristics"] == "type,fresh" and more["entities"] < plain["entities"]
    assert ask("entity", exchange(chain), "--heuristics", "fresh,type")["heuristics"] == "type,fresh"
    assert ask("entity", exchange(chain))["heuristics"] == "none"
    assert ask("ledger", "cluster", "--heuristics", "type,fresh", "--remove") == {"removed": "type,fresh"}
    assert ask("ledger", "cluster")["existed"]
    e = json.loads(run("ledger", "cluster", "--heuristics", "type,fresh", "--remove", "--ledger", chain / "l", "--json", code=1).stdout)
    assert e["error"]["code"] == "noent"


def test_errors(chain, tmp_path):
    where = ["--ledger", chain / "l", "--json"]

    def refused(*words):
        return json.loads(subprocess.run([LUG, *map(str, words), *map(str, where)], capture_output=True, text=True, timeout=60).stdout)["error"]

    assert refused("entity", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")["code"] == "network"
    assert refused("entity", "99999999")["code"] == "noent" and refused("entity", "0")["code"] == "noent"
    assert refused("entity", exchange(chain), "--heuristics", "colour")["field"] == "heuristics"
    assert refused("entity", exchange(chain), "--height", 401)["code"] == "inval"
    assert refused("block", 401)["code"] == "noent" and refused("block", "xyz")["code"] == "format"
    assert refused("neighbours", exchange(chain), "--after", "x")["field"] == "after"
    assert refused("utxo", exchange(chain), "--after", "x")["field"] == "after"
    assert refused("utxo", "--entity")["code"] == "inval"
    where[:] = ["--ledger", tmp_path, "--json"]
    assert refused("ledger", "cluster")["code"] == "noent"


# ---- exposure ----

NAMES = {8: "exchange", 9: "sanction"}


@pytest.fixture(scope="module")
def labelled(chain, tmp_path_factory):
    """All addresses of owner 8 are an exchange's, all of owner 9 are sanctioned."""
    d = tmp_path_factory.mktemp("labels")
    for who, category in NAMES.items():
        rows = [r["address"] for r in truth(chain, "addresses") if r["owner"] == who]
        (d / f"o{who}.txt").write_text("\n".join(rows))
        run("ledger", "labels", "import", d / f"o{who}.txt", "--labels", d / "l", "--currency", "BTC", "--label", f"owner {who}",
            "--category", category)
    return d / "l"


def parts(x):
    return sum(int(r["amount"]) for r in x["categories"]) + sum(int(x[k]) for k in
                                                               ("unlabelled", "held", "mined", "joined", "unknown", "fees", "cut"))


@pytest.mark.parametrize("side", ["received", "sent"])
@pytest.mark.parametrize("entity", [[], ["--entity"]])
def test_exposure_adds_up_and_agrees_with_neighbours(chain, ask, owner, labelled, side, entity):
    where = ["--labels", labelled, *entity, *(["--sent"] if side == "sent" else [])]
    x = ask("exposure", exchange(chain), *where, "--hops", 1)
    assert x["side"] == side and not x["partial"] and parts(x) == int(x["total"]) and x["labels"] > 10
    assert all(int(r["indirect"]) == 0 for r in x["categories"])
    # One hop is what the neighbours say.
    _, rows = pages(ask, "neighbours", exchange(chain), *entity, *(["--sent"] if side == "sent" else []), limit=1000)
    want = collections.Counter()
    for r in rows:
        if r["address"] and owner[r["address"]] in NAMES:
            want[NAMES[owner[r["address"]]]] += int(r["amount"])
    got = {r["category"]: int(r["direct"]) for r in x["categories"]}
    assert set(got) == {k for k, v in want.items() if v}
    for k, v in got.items():
        # The trace rounds once a transaction over all seeds, the neighbours once a transaction, too; seeds that pay seeds are left out there.
        assert abs(v - want[k]) <= len(rows) * 20
    far = ask("exposure", exchange(chain), *where, "--hops", 6)
    assert parts(far) == int(far["total"]) <= int(x["total"])  # further away, more comes back to itself
    assert sum(int(r["amount"]) for r in far["categories"]) > sum(int(r["amount"]) for r in x["categories"])
    assert sum(int(r["indirect"]) for r in far["categories"]) > 0


def test_exposure_by_budget_and_height(chain, ask, labelled):
    cut = ask("exposure", exchange(chain), "--labels", labelled, "--hops", 50, "--max-outputs", 500)
    assert cut["partial"] and parts(cut) == int(cut["total"]) and int(cut["cut"]) > 0
    early = ask("exposure", exchange(chain), "--labels", labelled, "--height", 200)
    late = ask("exposure", exchange(chain), "--labels", labelled)
    assert early["as_of"] == 200 and 0 < int(early["total"]) < int(late["total"])
    shown = run("exposure", exchange(chain), "--labels", labelled, "--ledger", chain / "l").stdout
    assert "share %" in shown and "exchange" in shown
    none = ask("exposure", exchange(chain))
    assert none["labels"] == 0 and none["categories"] == [] and parts(none) == int(none["total"])
