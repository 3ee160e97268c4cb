# SPDX-License-Identifier: Apache-2.0
"""Parties of the ledger, the watch beside it, and how it follows, as a node serves them."""
import json
import time

from test_ledger import asked, chain, refused, run, scenario  # noqa: F401 (fixtures)


def test_entity(asked, chain, scenario):
    ledger = asked.folder + "/ledger"
    deposit = next(d for d in scenario["deposits"] if d["held"])
    assert refused(asked, "GET", f"/v1/ledger/entities/{deposit['address']}", status=404)["field"] == "entity"
    run("lug", "ledger", "cluster", "--ledger", ledger)
    end = time.monotonic() + 5
    while asked.get("/v1/ledger")["entities"] is False:
        assert time.monotonic() < end
        time.sleep(0.1)
    spender = next(t for t in asked.get(f"/v1/ledger/addresses/{deposit['address']}")["page"])
    payer = asked.get(f"/v1/ledger/transactions/{spender['txid']}")["inputs"][0]["address"]
    x = asked.get(f"/v1/ledger/entities/{payer}?members=2&limit=3")
    mine = json.loads(run("lug", "entity", payer, "--ledger", ledger, "--limit", 3, "--json"))
    for key in ("entity", "address", "addresses", "asked", "why", "received", "balance", "page", "next"):
        assert x[key] == mine[key], key
    seen, after = [], ""
    while True:
        page = asked.get(f"/v1/ledger/entities/{x['entity']}?members=3{after}")
        seen += page["members"]
        if not page["members_next"]:
            break
        after = "&members_after=" + page["members_next"]
    assert len(seen) == len(set(seen)) == x["addresses"] and payer in seen
    assert refused(asked, "GET", f"/v1/ledger/entities/{payer}?members=0")["field"] == "members"
    assert refused(asked, "GET", "/v1/ledger/entities/999999999", status=404)
    labelled = asked.get(f"/v1/ledger/entities/{deposit['address']}")["labels"]
    assert any(x["address"] == deposit["address"] and deposit["exchange"] in x["label"] for x in labelled)


def test_exposure(asked, chain, scenario):
    deposit = next(d for d in scenario["deposits"] if d["held"])
    payer = scenario["victims"][0]["address"]
    for side in ("received", "sent"):
        for hops in (1, 5):
            x = asked.get(f"/v1/ledger/exposure/{payer}?side={side}&hops={hops}")
            options = ["--sent"] if side == "sent" else []
            mine = json.loads(run("lug", "exposure", payer, "--ledger", chain / "ledger", "--hops", hops, *options, "--json"))
            assert x == mine
            parts = [int(r["amount"]) for r in x["categories"]]
            rest = [int(x[k]) for k in ("unlabelled", "held", "mined", "joined", "unknown", "fees", "cut")]
            assert sum(parts) + sum(rest) == int(x["total"]) and not x["partial"]
    for query, field in (("side=up", "side"), ("hops=0", "hops"), ("hops=1000", "hops"), ("height=99999999", "height")):
        assert refused(asked, "GET", f"/v1/ledger/exposure/{deposit['address']}?{query}")["field"] == field


def test_watch(asked, scenario):
    ledger = asked.folder + "/ledger"
    victim = scenario["victims"][0]
    assert asked.get("/v1/watch")["items"] == [] and asked.get("/v1/watch/alerts")["alerts"] == []
    text = f"# stolen\n{victim['address']}\n{victim['mistyped_address']}\n\nLM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1 # another chain\n"
    wrong = asked.post("/v1/watch", {"text": text, "note": "case 7"})
    assert wrong["item"] is None and wrong["invalid"] == 2 and wrong["entries"] == 1
    assert [(x["line"], x["code"]) for x in wrong["rejects"]] == [(3, "checksum"), (5, "network")]
    assert asked.get("/v1/watch")["items"] == []
    added = asked.post("/v1/watch", {"text": victim["address"], "note": "case 7"})
    taint = asked.post("/v1/watch", {"text": victim["outpoint"], "note": "ransom", "policy": "poison"})
    allowed = asked.post("/v1/watch", {"text": scenario["deposits"][0]["address"], "kind": "service"})
    assert (added["kind"], taint["kind"], allowed["kind"]) == ("address", "taint", "service")
    items = asked.get("/v1/watch")["items"]
    assert [(i["item"], i["kind"], i["note"]) for i in items] == [
        (added["item"], "address", "case 7"), (taint["item"], "taint", "ransom"), (allowed["item"], "service", "")]
    assert json.loads(run("lug", "watch", "list", "--ledger", ledger, "--json")) == items
    for body, field in (({}, "text"), ({"text": "#"}, "text"), ({"text": f"{victim['address']}\n{victim['outpoint']}"}, "text"),
                        ({"text": "x", "kind": "y"}, "kind"), ({"text": "x", "policy": "fifo"}, "policy"), ({"text": "x", "note": "n" * 300}, "note")):
        assert refused(asked, "POST", "/v1/watch", body)["field"] == field
    asked.post(f"/v1/watch/{added['item']}/remove", {})
    assert refused(asked, "POST", f"/v1/watch/{added['item']}/remove", {}, 404)["field"] == "item"
    assert refused(asked, "POST", "/v1/watch/x/remove", {})["field"] == "id"
    seen = [e["event"] for e in asked.events() if e["event"]["what"].startswith("watch.")]
    assert [e["what"] for e in seen] == ["watch.add"] * 3 + ["watch.remove"] * 2 and seen[0]["detail"]["note"] == "case 7"


def test_alerts(asked, scenario, tmp_path):
    """What a follower found: paged, acknowledged, taken back, and seen by a daemon that runs meanwhile."""
    import sqlite3
    asked.post("/v1/watch", {"text": scenario["victims"][0]["address"], "note": "case 7"})
    run("lug", "watch", "scan", "--ledger", asked.folder + "/ledger")
    db = sqlite3.connect(asked.folder + "/ledger/watch.db")
    for i in range(1, 6):
        db.execute("INSERT INTO watch_alert (id, item, kind, txid, position, amount, state, height, first_s, changed_s, changed, path) "
                   "VALUES (?, 1, 1, ?, -1, 5000, 2, 100, 5, 6, ?, 'a:0 b:1')", (i, bytes([i]) * 32, i))
    db.commit()
    first = asked.get("/v1/watch/alerts?limit=2")
    assert [a["alert"] for a in first["alerts"]] == [5, 4] and first["alerts"][0]["path"] == ["a:0", "b:1"]
    rest = asked.get(f"/v1/watch/alerts?limit=10&before={first['next']}")
    assert [a["alert"] for a in rest["alerts"]] == [3, 2, 1] and rest["next"] is None
    assert [a["alert"] for a in asked.get("/v1/watch/alerts?order=oldest&since=3")["alerts"]] == [4, 5]
    asked.post("/v1/watch/alerts/5/ack", {})
    assert refused(asked, "POST", "/v1/watch/alerts/77/ack", {}, 404)["field"] == "alert"
    found = asked.get("/v1/watch/alerts?limit=1")["alerts"][0]
    assert found["acknowledged"]["by"] == "duty-officer" and found["note"] == "case 7"
    assert [a["alert"] for a in asked.get("/v1/watch/alerts?state=open")["alerts"]] == [4, 3, 2, 1]
    assert [a["alert"] for a in asked.get("/v1/desk")["found"]["alerts"]] == [4, 3, 2, 1]
    for query, field in (("state=x", "state"), ("order=up", "order"), ("limit=0", "limit"), ("limit=100000", "limit")):
        assert refused(asked, "GET", f"/v1/watch/alerts?{query}")["field"] == field
    db.execute("UPDATE watch_alert SET state = 3, acked_s = 0, acked_by = '' WHERE id = 5")
    db.commit()
    db.close()
    back = asked.get("/v1/watch/alerts?state=open&limit=1")["alerts"][0]
    assert back["state"] == "retracted" and back["acknowledged"] is None


def test_follow(asked):
    import os
    assert asked.get("/v1/ledger")["follow"] is None
    os.mkdir(asked.folder + "/ledger/follow")
    path = asked.folder + "/ledger/follow/state.json"
    state = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "doing": "behind", "height": 5, "best_height": 9, "behind": 4, "peers": []}
    with open(path, "w", encoding="ascii") as f:
        json.dump(state, f)
    follow = asked.get("/v1/ledger")["follow"]
    assert follow["behind"] == 4 and not follow["silent"] and follow["age_s"] < 5
    with open(path, "w", encoding="ascii") as f:
        json.dump({**state, "time": "2026-01-01T00:00:00Z"}, f)
    assert asked.get("/v1/ledger")["follow"]["silent"]
    for bad in ("", "{", "[]", '{"time": 5}', "x" * 100000):
        with open(path, "w", encoding="ascii") as f:
            f.write(bad)
        assert asked.get("/v1/ledger")["follow"] is None
