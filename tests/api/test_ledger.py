# SPDX-License-Identifier: Apache-2.0
"""Questions to the ledger of a node: look-ups, a search over pasted text, and traces that run in a thread of their own."""
import json
import os
import shutil
import subprocess
import time

import pytest

from conftest import BIN, OFFICER, Node


def run(program, *args):
    r = subprocess.run([os.path.join(BIN, program), *map(str, args)], capture_output=True, text=True, timeout=120)
    assert r.returncode == 0, r.stderr + r.stdout
    return r.stdout


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    path = tmp_path_factory.mktemp("chain")
    run("chaingen", "--out", path, "--quiet", "--scenario", "ransom", "--seed", 11, "--transactions", 12000)
    run("lug", "ledger", "import", path / "blocks", "--ledger", path / "ledger", "--quiet")
    run("lug", "ledger", "labels", "import", path / "labels.yaml", "--ledger", path / "ledger")
    return path


@pytest.fixture(scope="module")
def scenario(chain):
    return json.loads((chain / "scenario.json").read_text())


@pytest.fixture
def asked(made, chain):
    """A node with a ledger of its own copy."""
    ledger = made.folder + "/ledger"
    shutil.copytree(chain / "ledger", ledger)
    made.conf(made.conf() + "\nledger = ledger\n")
    made.start()
    return made


def finished(node, wanted, **options):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        t = node.get(f"/v1/ledger/traces/{wanted}", **options)
        if t["state"] in ("done", "failed"):
            return t
        time.sleep(0.02)
    raise AssertionError(t)


def trace(node, body, **options):
    return finished(node, node.post("/v1/ledger/traces", body, **options)["id"], **options)


def refused(node, method, path, body=None, status=400, **options):
    got, answer = node.call(method, path, body, **options)
    assert got == status, answer
    return answer["error"]


def test_without_a_ledger(node):
    for method, path, body in (
        ("GET", "/v1/ledger", None),
        ("GET", "/v1/ledger/addresses/1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3", None),
        ("POST", "/v1/ledger/search", {"text": "x"}),
        ("POST", "/v1/ledger/traces", {"seeds": ["x"]}),
    ):
        assert refused(node, method, path, body, 404)["field"] == "ledger"
    assert node.get("/v1/ledger/traces")["traces"] == []


def test_look_ups(asked, chain, scenario):
    info = asked.get("/v1/ledger")
    assert info["tip"] == scenario["tip"] and info["tip_height"] == scenario["height"] and info["labels"] > 0
    deposit = next(d for d in scenario["deposits"] if d["held"])
    a = asked.get(f"/v1/ledger/addresses/{deposit['address']}?limit=1&order=oldest")
    mine = json.loads(run("lug", "address", deposit["address"], "--ledger", chain / "ledger", "--json"))
    assert a["received"] == mine["addresses"][0]["ledger"]["received"] and a["seen"] and len(a["page"]) == 1
    assert deposit["exchange"] in a["labels"][0]["label"] and a["entity"] is None
    txid = deposit["outpoint"].split(":")[0]
    t = asked.get(f"/v1/ledger/transactions/{txid}")
    assert t["txid"] == txid and t["outputs"] and "coinjoin" in t and "change" in t
    assert refused(asked, "GET", "/v1/ledger/transactions/" + "00" * 32, status=404)["field"] == "txid"
    assert refused(asked, "GET", f"/v1/ledger/addresses/{deposit['address']}?order=up")["field"] == "order"
    assert refused(asked, "GET", "/v1/ledger/addresses/nonsense")["code"] == "format"


def test_search(asked, scenario):
    v = scenario["victims"][0]
    text = f"Ho pagato a {v['address']} con {v['outpoint']};\nnon a {v['mistyped_address']} né {'ab' * 32}"
    found = asked.post("/v1/ledger/search", {"text": text})
    assert not found["more"]
    by_kind = {}
    for i in found["items"]:
        by_kind.setdefault(i["kind"], []).append(i)
        assert text.encode()[i["offset"] : i["offset"] + i["length"]].decode().startswith(i["text"][:20])
    assert by_kind["address"][0]["ledger"]["address"] == v["address"]
    tx, other = by_kind["transaction"]
    assert tx["ledger"]["txid"] == v["outpoint"].split(":")[0] and tx["output"] == int(v["outpoint"].split(":")[1])
    assert other["ledger"] is None
    (wrong,) = by_kind["look-alike"]
    assert wrong["reason"] and wrong["ledger"] is None and v["address"] in [g["text"] for g in wrong["guesses"]]
    assert refused(asked, "POST", "/v1/ledger/search", {"text": ""})["field"] == "text"
    seen = [e["event"] for e in asked.events() if e["event"]["what"] == "ledger.search"]
    assert len(seen) == 1 and v["address"] in json.dumps(seen)


def test_trace(asked, chain, scenario):
    seeds = [v["outpoint"] for v in scenario["victims"]]
    t = trace(asked, {"seeds": seeds, "stop_at_labels": True, "csv": True, "rows": 50})
    assert t["state"] == "done" and t["error"] is None and t["progress"]["reached"] >= 0
    mine = json.loads(run("lug", "trace", *seeds, "--ledger", chain / "ledger", "--stop-at-labels", "--graph", "--limit", 50, "--json"))
    report = t["report"]
    assert report.pop("program").split()[1] == mine.pop("program").split()[1]
    assert report == mine
    for form, begins in (("html", "<!doctype html>"), ("dot", "// lug"), ("json", "{"), ("csv", "# program,")):
        text = export(asked, t["id"], form)
        assert text.startswith(begins) and report["tip"] in text
    assert refused(asked, "GET", f"/v1/ledger/traces/{t['id']}/export?form=odt")["field"] == "form"
    assert [x["id"] for x in asked.get("/v1/ledger/traces")["traces"]] == [t["id"]]
    assert asked.call("POST", f"/v1/ledger/traces/{t['id']}/forget")[0] in (200, 204)
    assert refused(asked, "GET", f"/v1/ledger/traces/{t['id']}", status=404)["field"] == "id"
    seen = [e["event"] for e in asked.events() if e["event"]["what"] == "ledger.trace"]
    assert len(seen) == 1 and seeds[0] in json.dumps(seen)


def export(node, wanted, form):
    from conftest import UnixConnection
    c = UnixConnection(node.folder + "/lugd.sock")
    c.request("GET", f"/v1/ledger/traces/{wanted}/export?form={form}")
    r = c.getresponse()
    text = r.read().decode()
    assert r.status == 200, text
    c.close()
    return text


def test_paper(asked, scenario, tmp_path):
    """A tagged PDF with the tables, an SVG that stands alone, and the hash of what went out in the audit log."""
    import hashlib
    import xml.etree.ElementTree as ET
    from conftest import UnixConnection
    seeds = [v["outpoint"] for v in scenario["victims"]]
    body = {"seeds": seeds, "stop_at_labels": True, "rows": 20, "boxes": 30}
    without = trace(asked, body)
    assert refused(asked, "GET", f"/v1/ledger/traces/{without['id']}/export?form=pdf", status=422)["field"] == "form"
    t = trace(asked, {**body, "pdf": True})
    svg = ET.fromstring(export(asked, t["id"], "svg"))
    assert svg.tag.endswith("svg") and len(svg.findall(".//{http://www.w3.org/2000/svg}rect")) == len(t["report"]["graph"]["nodes"])
    if not shutil.which("weasyprint") or not shutil.which("pdfinfo"):
        pytest.skip("weasyprint and poppler-utils are not installed")
    end = time.monotonic() + 180
    while True:
        c = UnixConnection(asked.folder + "/lugd.sock")
        c.request("GET", f"/v1/ledger/traces/{t['id']}/export?form=pdf")
        r = c.getresponse()
        pdf = r.read()
        c.close()
        if r.status != 503:
            break
        assert time.monotonic() < end
        time.sleep(0.2)
    assert r.status == 200 and pdf.startswith(b"%PDF-"), pdf[:200]
    (tmp_path / "x.pdf").write_bytes(pdf)
    info = subprocess.run(["pdfinfo", tmp_path / "x.pdf"], capture_output=True, text=True, check=True).stdout
    assert "Tagged:          yes" in info and "Trace of" in info
    text = subprocess.run(["pdftotext", "-layout", tmp_path / "x.pdf", "-"], capture_output=True, text=True, check=True).stdout
    assert t["report"]["tip"] in text and "Who holds it now" in text and "haircut" in text
    seen = [e["event"] for e in asked.events() if e["event"]["what"] == "api_ledger_traces_export"]
    assert hashlib.sha256(pdf).hexdigest() in [e["detail"]["sha256"] for e in seen if e.get("detail")]


def test_trace_by_rules(asked, scenario):
    seed = scenario["victims"][0]["outpoint"]
    for policy in ("poison", "haircut", "fifo", "lifo", "tiho"):
        t = trace(asked, {"seeds": [seed], "policy": policy, "fees": "follow", "hops": 4, "min": "1000", "boxes": 20})
        assert t["report"]["policy"] == policy and t["report"]["conserved"]
        assert len(t["report"]["graph"]["nodes"]) <= 20 and t["report"]["stops"]["hops"] == 4
    back = trace(asked, {"seeds": [seed], "direction": "backward"})
    assert back["report"]["direction"] == "backward"
    small = trace(asked, {"seeds": [seed], "max_outputs": 20})
    assert small["report"]["partial"] and any(c["reason"] == "budget" for c in small["report"]["cut"])


def test_relations_and_why(asked, chain, scenario):
    """Both levels say the same amounts; each edge and label says what it rests on, and the command gives the same answer."""
    run("lug", "ledger", "cluster", "--ledger", asked.folder + "/ledger")
    time.sleep(0.5)
    t = trace(asked, {"seeds": [scenario["victims"][0]["outpoint"]], "stop_at_labels": True, "hops": 9})
    report = t["report"]
    graph, relations = report["graph"], report["relations"]
    assert {n["kind"] for n in relations["nodes"]} <= {"seed", "party", "group"} and len(relations["edges"]) > 2
    for e in relations["edges"]:
        assert e["from"] != e["to"]
    seed = next(n for n in relations["nodes"] if n["kind"] == "seed")
    assert seed["column"] == 0 and int(seed["amount"]) >= int(report["sums"]["seeds"])
    by_output = {o["output"]: o for o in report["outputs"]}
    for level, g in (("transactions", graph), ("relations", relations)):
        for i, e in enumerate(g["edges"]):
            w = asked.get(f"/v1/ledger/traces/{t['id']}/why?level={level}&edge={i}")
            assert w["edge"] == e and w["from"] == g["nodes"][e["from"]] and w["tip"] == report["tip"]
            for o in e["outputs"]:
                assert by_output[o["output"]]["tainted"] == o["tainted"]
            if e["count"] == len(e["outputs"]):
                assert sum(int(o["tainted"]) for o in e["outputs"]) == int(e["amount"])
    command = w["command"].split()
    assert command[0] == "lug" and command[-1] == "LEDGER"
    again = json.loads(run("lug", *command[1:-1], asked.folder + "/ledger"))
    assert again["sums"] == report["sums"] and again["relations"] == relations
    ranks = sorted((x["rank"], x["hops"]) for x in report["labels"] if "rank" in x)
    assert [r for r, _ in ranks] == list(range(1, len(ranks) + 1)) and [h for _, h in ranks] == sorted(h for _, h in ranks)
    w = asked.get(f"/v1/ledger/traces/{t['id']}/why?label=0")
    assert w["label"] == report["labels"][0] and w["label"]["shortest"][-1]["address"]
    assert refused(asked, "GET", f"/v1/ledger/traces/{t['id']}/why?edge=9999", status=404)["field"] == "edge"
    assert refused(asked, "GET", f"/v1/ledger/traces/{t['id']}/why?label=x")["field"] == "label"


def test_bad_wishes(asked, scenario):
    seed = scenario["victims"][0]["outpoint"]
    for body, field in (
        ({}, "seeds"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [1]}, "seeds"),
        ({"seeds": [seed], "policy": "newest"}, "policy"),
        ({"seeds": [seed], "hops": -1}, "hops"),
        ({"seeds": [seed], "max_outputs": 1e9}, "max_outputs"),
        ({"seeds": [seed], "min": "0.1"}, "min"),
        ({"seeds": [seed], "colour": "red"}, "colour"),
    ):
        assert refused(asked, "POST", "/v1/ledger/traces", body)["field"] == field
    for seed, code in (("nonsense", "format"), ("00" * 32, "noent"), (scenario["victims"][0]["mistyped_address"], "checksum")):
        t = trace(asked, {"seeds": [seed]})
        assert t["state"] == "failed" and t["error"]["code"] == code and "report" not in t
        assert refused(asked, "GET", f"/v1/ledger/traces/{t['id']}/export", status=503)["field"] == "id"
    failed = trace(asked, {"seeds": [scenario["victims"][0]["outpoint"]], "stop_at_entities": 5})
    assert failed["error"]["field"] == "stop_at_entities"


def test_another_officer(tmp_path, chain, scenario):
    """What one officer asked is no other's, and an auditor may not ask."""
    n = Node(tmp_path / "node", "--shared-uid")
    assert n.init.returncode == 0, n.init.stderr
    n.conf(n.conf() + f"\nledger = {chain / 'ledger'}\n")
    n.start()
    try:
        n.post("/v1/officers", {"officer": "second", "uid": os.getuid(), "roles": ["analyst"]}, officer=OFFICER)
        n.post("/v1/officers", {"officer": "third", "uid": os.getuid(), "roles": ["auditor"]}, officer=OFFICER)
        wanted = n.post("/v1/ledger/traces", {"seeds": [scenario["victims"][0]["outpoint"]]}, officer=OFFICER)["id"]
        assert finished(n, wanted, officer=OFFICER)["state"] == "done"
        assert refused(n, "GET", f"/v1/ledger/traces/{wanted}", status=404, officer="second")["field"] == "id"
        assert refused(n, "POST", f"/v1/ledger/traces/{wanted}/forget", status=404, officer="second")["field"] == "id"
        assert n.get("/v1/ledger/traces", officer="second")["traces"] == []
        assert n.get("/v1/ledger", officer="second")["tip"] == scenario["tip"]
        assert refused(n, "GET", "/v1/ledger", status=403, officer="third")["code"] == "denied"
    finally:
        n.process.kill()
        n.process.wait()


def test_change(asked, scenario, tmp_path):
    """Labels that come while the daemon runs are seen; a reader that was only asked once does not keep others out."""
    address = next(d["address"] for d in scenario["deposits"] if not d["held"])
    before = len(asked.get(f"/v1/ledger/addresses/{address}")["labels"])
    (tmp_path / "new.txt").write_text(address + "\n")
    run("lug", "ledger", "labels", "import", tmp_path / "new.txt", "--ledger", asked.folder + "/ledger",
        "--currency", "BTC", "--label", "new one", "--category", "exchange")
    time.sleep(0.3)
    labels = asked.get(f"/v1/ledger/addresses/{address}")["labels"]
    assert len(labels) == before + 1 and "new one" in [x["label"] for x in labels]
    time.sleep(2.5)
    import fcntl
    with open(asked.folder + "/ledger/lock", "rb+") as f:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as an import that takes blocks back


def test_many(asked, scenario):
    """Eight may wait, a ninth has to; stopping ends what runs."""
    body = {"seeds": [v["outpoint"] for v in scenario["victims"]], "csv": True, "rows": 10000}
    ids, status = [], 200
    while status == 200 and len(ids) < 200:
        status, answer = asked.call("POST", "/v1/ledger/traces", body)
        ids += [answer["id"]] if status == 200 else []
    assert status == 429 and answer["error"]["code"] == "quota" and len(ids) >= 8
    assert asked.stop() == 0
