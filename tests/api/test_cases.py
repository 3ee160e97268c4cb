# SPDX-License-Identifier: Apache-2.0
"""Case files: a list of acts that can be undone and replayed; and labels that are disputed where they are seen."""
import os

from conftest import OFFICER, Node
from test_ledger import asked, chain, finished, refused, scenario, trace  # noqa: F401 (fixtures)


def test_case(asked, scenario):
    victim = scenario["victims"][0]
    assert asked.get("/v1/cases") == {"cases": []}
    case = asked.post("/v1/cases", {"title": "RM 2026/000114"})["id"]
    acts = f"/v1/cases/{case}/acts"
    t = trace(asked, {"seeds": [victim["outpoint"]], "hops": 4, "boxes": 20})
    asked.post(acts, {"do": "trace", "trace": t["id"]})
    asked.post(acts, {"do": "note", "on": victim["address"], "text": "paid at night"})
    asked.post(acts, {"do": "colour", "on": victim["address"], "colour": "red"})
    asked.post(acts, {"do": "colour", "on": victim["address"], "colour": "blue"})
    c = asked.get(f"/v1/cases/{case}")
    assert [a["do"] for a in c["acts"]] == ["trace", "note", "colour", "colour"] and c["acts"][0]["by"] == OFFICER
    assert c["state"]["colours"] == {victim["address"]: "blue"} and c["state"]["traces"][0]["tip"] == scenario["tip"]
    asked.post(acts, {"do": "undo", "act": 4})
    assert asked.get(f"/v1/cases/{case}")["state"]["colours"] == {victim["address"]: "red"}
    asked.post(acts, {"do": "undo", "act": 5})  # undoing the undo
    assert asked.get(f"/v1/cases/{case}")["state"]["colours"] == {victim["address"]: "blue"}
    assert refused(asked, "POST", acts, {"do": "undo", "act": 5}, 404)["field"] == "act"
    shown = asked.get(f"/v1/ledger/traces/{t['id']}?case={case}")
    colours = {n["text"]: n.get("colour") for n in shown["report"]["graph"]["nodes"] if "text" in n}
    assert colours[victim["address"]] == "blue"
    plain = asked.get(f"/v1/ledger/traces/{t['id']}")
    assert not any("colour" in n for n in plain["report"]["graph"]["nodes"])
    again = asked.post(f"/v1/cases/{case}/replay", {})["traces"]
    assert len(again) == 1 and finished(asked, again[0])["report"]["sums"] == t["report"]["sums"]
    for body, field in (({}, "do"), ({"do": "x"}, "do"), ({"do": "note"}, "text"), ({"do": "colour", "on": "x", "colour": "pink"}, "colour"),
                        ({"do": "undo", "act": 0}, "act"), ({"do": "note", "text": "x", "more": 1}, "more"), ({"do": "note", "text": "x" * 5000}, "text")):
        assert refused(asked, "POST", acts, body)["field"] == field
    assert refused(asked, "POST", acts, {"do": "trace", "trace": "00"}, 404)["field"] == "id"
    assert refused(asked, "POST", "/v1/cases", {"title": ""})["field"] == "title"
    seen = [e["event"]["what"] for e in asked.events() if e["event"]["what"].startswith("case.")]
    assert seen == ["case.new"] + ["case.act"] * 6


def test_whose_case(tmp_path):
    n = Node(tmp_path / "node", "--shared-uid")
    assert n.init.returncode == 0, n.init.stderr
    n.start()
    try:
        n.post("/v1/officers", {"officer": "second", "uid": os.getuid(), "roles": ["analyst"]}, officer=OFFICER)
        n.post("/v1/officers", {"officer": "third", "uid": os.getuid(), "roles": ["approver"]}, officer=OFFICER)
        case = n.post("/v1/cases", {"title": "a"}, officer="second")["id"]
        assert n.get("/v1/cases", officer="third")["cases"][0]["id"] == case
        n.post("/v1/officers", {"officer": "fourth", "uid": os.getuid(), "roles": ["officer"]}, officer=OFFICER)
        assert n.get("/v1/cases", officer="fourth")["cases"] == []
        assert refused(n, "GET", f"/v1/cases/{case}", status=404, officer="fourth")["field"] == "id"
        assert refused(n, "POST", f"/v1/cases/{case}/acts", {"do": "note", "text": "x"}, 404, officer="fourth")["field"] == "id"
    finally:
        n.process.kill()
        n.process.wait()


def test_dispute(asked, scenario):
    address = next(d["address"] for d in scenario["deposits"] if d["held"])
    label = asked.get(f"/v1/ledger/addresses/{address}")["labels"][0]
    assert "disputed" not in label
    asked.post("/v1/ledger/disputes", {"address": address, "set": label["set"], "label": label["label"], "text": "it was sold"})
    (said,) = asked.get(f"/v1/ledger/addresses/{address}")["labels"][0]["disputed"]
    assert said["by"] == OFFICER and said["text"] == "it was sold"
    asked.post(f"/v1/ledger/disputes/{said['id']}/remove", {})
    assert "disputed" not in asked.get(f"/v1/ledger/addresses/{address}")["labels"][0]
    assert refused(asked, "POST", f"/v1/ledger/disputes/{said['id']}/remove", {}, 404)["field"] == "id"
    assert refused(asked, "POST", "/v1/ledger/disputes", {"address": address})["field"] == "set"
