# SPDX-License-Identifier: Apache-2.0
"""lug trace and lug ledger labels on generated chains whose truth is known, and on real blocks; chaingen itself."""
import csv
import filecmp
import gzip
import io
import json
import os
import re
import shutil
import subprocess

import pytest

BIN = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin")
DATA = os.environ.get("LUG_DATA")
POLICIES = ("poison", "haircut", "fifo")


def run(program, *args):
    return subprocess.run([os.path.join(BIN, program), *map(str, args)], capture_output=True, text=True, timeout=120)


def lug(*args):
    return run("lug", *args)


def ask(*args):
    r = lug(*args, "--json")
    assert r.returncode == 0, r.stdout + r.stderr
    return json.loads(r.stdout)


def refused(*args):
    r = lug(*args, "--json")
    assert r.returncode != 0
    return json.loads(r.stdout)["error"]


def make(path, *options):
    r = run("chaingen", "--out", path, "--quiet", *options)
    assert r.returncode == 0, r.stderr
    return path


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


@pytest.fixture(scope="module")
def ransom(tmp_path_factory):
    path = make(tmp_path_factory.mktemp("ransom"), "--scenario", "ransom", "--seed", 11, "--transactions", 12000)
    ask("ledger", "import", path / "blocks", "--ledger", path / "ledger")
    ask("ledger", "labels", "import", path / "labels.yaml", "--ledger", path / "ledger")
    return path


@pytest.fixture(scope="module")
def scenario(ransom):
    return json.loads((ransom / "scenario.json").read_text())


def check_truth(path, sets):
    """Every unspent output that a policy reaches, to the last unit; nothing more, nothing less; and the fees."""
    truth = lines(path / "truth" / "taint.jsonl")
    assert {t["set"] for t in truth} == set(sets)
    for name in sets:
        mine = [t for t in truth if t["set"] == name]
        seeds = [t["seed"] for t in mine if "seed" in t]
        (total,) = [t for t in mine if "in" in t]
        for policy in POLICIES:
            args = ("trace", *seeds, "--ledger", path / "ledger", "--policy", policy)
            r = lug(*args, "--csv")
            assert r.returncode == 0, r.stderr
            rows = list(csv.DictReader(line for line in io.StringIO(r.stdout) if not line.startswith("#")))
            got = {row["output"]: row["tainted"] for row in rows if row["end"] == "unspent"}
            want = {t["unspent"]: t[policy] for t in mine if "unspent" in t and t[policy] != "0"}
            assert got == want
            sums = ask(*args, "--limit", 1)["sums"]
            assert sums["fees"] == total["fees"][policy]
            assert int(sums["seeds"]) - int(sums["overlap"]) == int(total["in"])
            if policy != "poison":
                assert sum(map(int, got.values())) + int(sums["fees"]) == int(total["in"])


def test_truth_of_the_scenario(ransom):
    check_truth(ransom, ("all", "victim-1", "victim-2", "victim-3"))


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_truth_of_random_thefts(tmp_path, seed):
    make(tmp_path, "--thefts", 6, "--seed", seed, "--transactions", 9000, "--stale", "--xor", "--rev")
    ask("ledger", "import", tmp_path / "blocks", "--ledger", tmp_path / "ledger")
    check_truth(tmp_path, [f"theft-{i}" for i in range(1, 7)])


def test_deposits(ransom, scenario):
    for policy in POLICIES:
        for victim in scenario["victims"]:
            t = ask("trace", victim["outpoint"], "--ledger", ransom / "ledger", "--policy", policy, "--limit", 100000)
            reached = {o["output"]: o for o in t["outputs"]}
            for d in scenario["deposits"]:
                if not d["held"]:
                    continue
                want = d["tainted_sat"][victim["id"]][policy]
                got = reached.get(d["outpoint"])
                assert (got["tainted"] if got else "0") == want
                if got:
                    assert got["end"] == "unspent" and got["address"] == d["address"]
                    assert d["exchange"] in got["labels"][0]["label"]
            assert t["conserved"] and t["policy"] == policy and not t["partial"]
            assert t["tip"] == scenario["tip"] and t["height"] == scenario["height"]
            assert t["program"].startswith("lug ")


def test_labels_reached(ransom, scenario):
    victim = scenario["victims"][0]["outpoint"]
    t = ask("trace", victim, "--ledger", ransom / "ledger")
    names = {g["label"]: g for g in t["labels"]}
    assert set(names) == {"Change Rhone (FR)", "Yokohama Coin (JP)"}
    for g in t["labels"]:
        assert g["shortest"][0]["output"] == victim
        assert int(g["received"]) >= int(g["unspent"]) > 0
    stopped = ask("trace", victim, "--ledger", ransom / "ledger", "--stop-at-labels")
    assert stopped["sums"]["unspent"] != t["sums"]["unspent"]
    for name, g in {g["label"]: g for g in stopped["labels"]}.items():
        # Nothing passes through twice any more, so what was received is all still there.
        assert int(g["received"]) == int(g["unspent"]) + int(g["stopped"]) <= int(names[name]["received"])
    table = lug("trace", victim, "--ledger", ransom / "ledger").stdout
    assert "who holds it now" in table.splitlines()[3]
    assert "Yokohama Coin (JP), exchange" in table


def test_backward(ransom, scenario):
    deposit = [d for d in scenario["deposits"] if d["held"]][0]
    t = ask("trace", deposit["outpoint"], "--back", "--ledger", ransom / "ledger", "--limit", 100000)
    assert t["direction"] == "backward"
    reached = {o["output"]: int(o["tainted"]) for o in t["outputs"]}
    assert all(v["outpoint"] in reached for v in scenario["victims"])
    assert int(t["sums"]["minted"]) == int(deposit["value_sat"])
    # Forward and backward haircut are not inverse, but what the victims' coins gave and what is asked of them is alike.
    one = deposit["tainted_sat"]["victim-1"]["haircut"]
    assert abs(reached[scenario["victims"][0]["outpoint"]] - int(one)) < 100000


def test_stops(ransom, scenario):
    victim, ledger = scenario["victims"][0]["outpoint"], ransom / "ledger"
    hops = ask("trace", victim, "--ledger", ledger, "--hops", 3, "--limit", 100000)
    assert max(o["hops"] for o in hops["outputs"]) == 3 and int(hops["sums"]["hops"]) > 0
    height = ask("trace", victim, "--ledger", ledger, "--height", scenario["height"] - 20, "--limit", 100000)
    assert height["height"] == scenario["height"] - 20
    assert max(o["height"] for o in height["outputs"]) <= scenario["height"] - 20
    dust = ask("trace", victim, "--ledger", ledger, "--min", "0.1")
    assert int(dust["sums"]["dust"]) > 0
    join = ask("trace", victim, "--ledger", ledger, "--stop-at-coinjoin", "--limit", 100000)
    assert int(join["sums"]["coinjoin"]) > 0
    assert not any(d["outpoint"] in {o["output"] for o in join["outputs"]} for d in scenario["deposits"] if d["held"])
    budget = ask("trace", victim, "--ledger", ledger, "--max-outputs", 20)
    assert budget["partial"] and budget["outputs_n"] <= 20 and int(budget["sums"]["budget"]) > 0
    assert "partial" in lug("trace", victim, "--ledger", ledger, "--max-outputs", 20).stdout
    skip, follow = (ask("trace", victim, "--ledger", ledger, "--fees", f) for f in ("skip", "follow"))
    assert int(skip["sums"]["fees"]) > 0 and follow["sums"]["fees"] == "0"


@pytest.mark.parametrize("policy", ("poison", "haircut", "fifo", "lifo", "tiho"))
def test_engines(ransom, scenario, policy):
    """The sweep over the columns and the queue give the same answer, from one seed and from many, forward and back."""
    forward = [v["outpoint"] for v in scenario["victims"]]
    back = [d["outpoint"] for d in scenario["deposits"] if d["held"]]
    for args in ((*forward,), (*forward, "--fees", "follow"), (*back, "--back"), (*back, "--back", "--fees", "follow")):
        sparse, dense = (
            ask("trace", *args, "--ledger", ransom / "ledger", "--policy", policy, "--engine", e, "--limit", 1000000)
            for e in ("sparse", "dense")
        )
        assert (sparse.pop("engine"), dense.pop("engine")) == ("sparse", "dense")
        assert sparse == dense and sparse["conserved"] and len(sparse["outputs"]) > 10
        if policy != "poison":
            assert sparse["sums"]["spread"] == "0"


def test_seeds_of_a_file(ransom, scenario, tmp_path):
    ledger, seeds = ransom / "ledger", [v["outpoint"] for v in scenario["victims"]]
    path = tmp_path / "seeds.txt"
    path.write_text("# victims\n\n" + "".join(f"  {s}  # one\r\n" for s in seeds))
    whole = ask("trace", *seeds, "--ledger", ledger, "--limit", 1000)
    assert ask("trace", "--seeds", path, "--ledger", ledger, "--limit", 1000) == whole
    assert ask("trace", seeds[0], "--seeds", path, "--ledger", ledger, "--limit", 1000) == whole
    assert ask("trace", seeds[0], "--ledger", ledger, "--limit", 1000, "--max-seconds", 60)["sums"] != whole["sums"]
    path.write_text(f"{seeds[0]}\nnot a seed\n")
    e = refused("trace", "--seeds", path, "--ledger", ledger)
    assert e["code"] == "format" and "line 2" in e["message"]
    assert refused("trace", "--ledger", ledger)["field"] == "seed"
    assert refused("trace", "--seeds", tmp_path / "none", "--ledger", ledger)["code"] == "noent"


HOSTILE = "<script>alert(1)</script>\"'=x"
TAGPACK = """title: Hostile
creator: test
confidence: service_data
tags:
  - address: {address}
    currency: BTC
    label: {label}
    category: exchange
    source: https://example.org
    lastmod: 2024-01-01
"""


def test_forms(ransom, scenario, tmp_path):
    """The page, the graph and the rows name what they belong to, load nothing, and take no orders from a label."""
    ledger, victim = ransom / "ledger", scenario["victims"][0]["outpoint"]
    address = next(d["address"] for d in scenario["deposits"] if d["held"])
    (tmp_path / "hostile.yaml").write_text(TAGPACK.format(address=address, label=json.dumps(HOSTILE)))
    ask("ledger", "labels", "import", tmp_path / "hostile.yaml", "--ledger", ledger)
    try:
        trace = ask("trace", victim, "--ledger", ledger, "--graph", "--limit", 100000)
        args = ("trace", victim, "--ledger", ledger)
        page, dot, rows = (lug(*args, f).stdout for f in ("--html", "--dot", "--csv"))
    finally:
        ask("ledger", "labels", "remove", "hostile", "--ledger", ledger)
    assert any(g["label"] == HOSTILE for g in trace["labels"])
    for text in (page, dot, rows):
        assert trace["tip"] in text and trace["program"] in text and "haircut" in text
    assert "&lt;script&gt;" in page and HOSTILE not in page and "<script" not in page
    assert re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!#)", page) == []
    assert page.count("<svg") == 1 and "default-src 'none'" in page
    assert HOSTILE.replace('"', '""') in rows
    graph = trace["graph"]
    assert len(graph["nodes"]) + graph["grouped"] >= len(graph["nodes"]) <= 300
    into = [0] * len(graph["nodes"])
    out = [0] * len(graph["nodes"])
    for e in graph["edges"]:
        into[e["to"]] += int(e["amount"])
        out[e["from"]] += int(e["amount"])
    for i, n in enumerate(graph["nodes"]):
        if n["kind"] == "transaction":
            assert into[i] == int(n["amount"]) >= out[i]
        if n["kind"] == "seed":
            assert out[i] == int(n["amount"]) == int(trace["sums"]["seeds"])
    assert refused("trace", victim, "--ledger", ledger, "--html")["field"] == "csv"


def test_answer(ransom, scenario):
    """What was cut and why; the nearest services; the two paths of a label."""
    ledger, victims = ransom / "ledger", [v["outpoint"] for v in scenario["victims"]]
    t = ask("trace", *victims, "--ledger", ledger, "--stop-at-labels", "--min", "0.01")
    cut = {c["reason"]: c for c in t["cut"]}
    assert set(cut) == {"label", "dust"}
    assert all(int(c["amount"]) == int(t["sums"][r]) > 0 and c["outputs"] > 0 for r, c in cut.items())
    hops = [t["labels"][i]["hops"] for i in t["nearest"]]
    assert hops == sorted(hops) and len(hops) == len(t["labels"]) == t["labels_n"] == 2
    for g in t["labels"]:
        shortest, largest = g["shortest"], g["largest"]
        assert shortest[0]["output"] in victims and largest[0]["output"] in victims
        assert len(shortest) == g["hops"] + 1 <= len(largest)
        assert int(largest[-1]["tainted"]) >= int(shortest[-1]["tainted"])
    assert t["entities"] is None


def test_entities(ransom, scenario, tmp_path):
    """Seeds from an entity are the outputs of its addresses; large entities stop a trace; those reached are summed."""
    ledger = tmp_path / "ledger"
    shutil.copytree(ransom / "ledger", ledger)
    deposit = next(d for d in scenario["deposits"] if d["held"])
    victim = scenario["victims"][0]
    assert refused("trace", "entity:" + deposit["address"], "--ledger", ledger)["field"] == "seed"
    assert refused("trace", victim["outpoint"], "--ledger", ledger, "--stop-at-entities", 5)["field"] == "entities"
    whose = ask("entity", deposit["address"], "--ledger", ledger, "--members", "--limit", 10000)
    members = [m if isinstance(m, str) else m["address"] for m in whose["members"]]
    assert deposit["address"] in members
    by_entity = ask("trace", "entity:" + deposit["address"], "--ledger", ledger, "--limit", 100000)
    by_address = ask("trace", *members, "--ledger", ledger, "--limit", 100000)
    assert by_entity == by_address
    plain = ask("trace", victim["outpoint"], "--ledger", ledger, "--limit", 100000)
    assert plain["entities_n"] == len(plain["entities"]) > 2
    assert sum(int(x["unspent"]) for x in plain["entities"]) == int(plain["sums"]["unspent"])
    largest = max(x["addresses"] for x in plain["entities"])
    stopped = ask("trace", victim["outpoint"], "--ledger", ledger, "--stop-at-entities", largest - 1, "--limit", 100000)
    assert int(stopped["sums"]["entity"]) > 0 and stopped["stops"]["entity_addresses"] == largest - 1
    assert [c["reason"] for c in stopped["cut"]] == ["entity"] and len(stopped["outputs"]) < len(plain["outputs"])
    text = lug("trace", victim["outpoint"], "--ledger", ledger, "--stop-at-entities", largest - 1).stdout
    assert "entities reached" in text and "not followed" in text
    page = lug("trace", victim["outpoint"], "--ledger", ledger, "--html").stdout
    assert "Entities reached" in page


def test_pages(ransom, scenario):
    victim, ledger = scenario["victims"][0]["outpoint"], ransom / "ledger"
    whole = ask("trace", victim, "--ledger", ledger, "--limit", 100000)["outputs"]
    after, pages = 0, []
    while after is not None:
        page = ask("trace", victim, "--ledger", ledger, "--limit", 50, "--after", after)
        pages += page["outputs"]
        after = page["next"]
    assert pages == whole


def test_seeds(ransom, scenario):
    v, ledger = scenario["victims"][0], ransom / "ledger"
    by_address = ask("trace", v["address"], "--ledger", ledger)
    by_output = ask("trace", v["outpoint"], "--ledger", ledger)
    assert by_address["sums"] == by_output["sums"]
    both = ask("trace", v["outpoint"], v["outpoint"], v["address"], "--ledger", ledger)
    assert both["sums"] == by_output["sums"]
    whole = ask("trace", v["txid"], "--ledger", ledger)
    assert int(whole["sums"]["seeds"]) > int(by_output["sums"]["seeds"])


def test_bad_input(ransom, scenario, tmp_path):
    v, ledger = scenario["victims"][0], ransom / "ledger"
    assert refused("trace", v["mistyped_address"], "--ledger", ledger)["code"] == "checksum"
    assert refused("trace", "00" * 32, "--ledger", ledger)["code"] == "noent"
    assert "0 to 1" in refused("trace", v["txid"] + ":7", "--ledger", ledger)["message"]
    assert refused("trace", v["txid"] + ":x", "--ledger", ledger)["code"] == "range"
    assert refused("trace", "1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3", "--ledger", ledger)["code"] == "network"
    assert refused("trace", v["outpoint"], "--ledger", tmp_path)["code"] == "noent"
    assert lug("trace", v["outpoint"], "--ledger", ledger, "--policy", "newest").returncode == 2
    assert lug("trace", v["outpoint"], "--ledger", ledger, "--min", "1,5").returncode == 2
    assert refused("trace", v["outpoint"], "--ledger", ledger, "--height", 5)["code"] == "noent"
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "bad.labels").write_text("x")
    e = refused("trace", v["outpoint"], "--ledger", ledger, "--labels", tmp_path / "labels")
    assert e["code"] == "corrupt" and "bad.labels" in e["message"]


def test_mistyped_input_is_told_apart(ransom, scenario, tmp_path):
    ledger, v = ransom / "ledger", scenario["victims"][0]
    e = refused("trace", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ", "--ledger", ledger)
    assert e["code"] == "checksum" and "character 34 is 'J', probably 'H'" in e["message"]
    e = refused("trace", "neither", "--ledger", ledger)
    assert e["code"] == "format" and "neither TXID:N, TXID nor an address" in e["message"]
    # a folder that is not there is not a folder without labels
    assert refused("trace", v["outpoint"], "--ledger", ledger, "--labels", tmp_path / "none")["code"] == "noent"
    assert refused("ledger", "labels", "list", "--ledger", tmp_path / "none")["code"] == "noent"
    assert refused("ledger", "labels", "import", ransom / "labels.yaml", "--ledger", tmp_path / "none")["code"] == "noent"
    assert refused("trace", v["outpoint"], "--ledger", ledger, "--csv")["code"] == "inval"


def test_labels_verbs(tmp_path):
    pack = tmp_path / "Some Pack.yaml"
    good, bad = "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ"
    pack.write_text(f"title: T\ncurrency: BTC\nlabel: L\ntags:\n- address: {good}\n- address: {bad}\n- address: x\n  currency: DOGE\n")
    (one,) = ask("ledger", "labels", "import", pack, "--labels", tmp_path / "l")
    assert (one["name"], one["labels"], one["quarantined"]) == ("some-pack", 1, 2)
    assert [oct(p.stat().st_mode & 0o777) for p in (tmp_path / "l").iterdir()] == ["0o644"]  # nobody else adds labels
    assert [(q["line"], q["code"]) for q in one["quarantine"]] == [(6, "checksum"), (7, "unsupported")]
    pack.write_text(f"title: T\ncurrency: BTC\nlabel: L\ntags:\n- address: 3P14159f73E4gFr7JterCCQh9QjiTjiZrG\n")
    r = lug("ledger", "labels", "import", pack, "--labels", tmp_path / "l")
    assert "1 added, 1 delisted" in r.stdout
    (listed,) = ask("ledger", "labels", "list", "--labels", tmp_path / "l")
    assert listed["title"] == "T" and listed["quarantined"] == 0
    assert ask("ledger", "labels", "list", "some-pack", "--labels", tmp_path / "l")["quarantine"] == []
    assert refused("ledger", "labels", "list", "other", "--labels", tmp_path / "l")["code"] == "noent"
    assert refused("ledger", "labels", "remove", "other", "--labels", tmp_path / "l")["code"] == "noent"
    assert lug("ledger", "labels", "remove", "some-pack", "--labels", tmp_path / "l").returncode == 0
    assert ask("ledger", "labels", "list", "--labels", tmp_path / "l") == []
    addresses = tmp_path / "case.txt"
    addresses.write_text(good)
    assert refused("ledger", "labels", "import", addresses, "--labels", tmp_path / "l")["code"] == "field-missing"
    packed = tmp_path / "list.txt.gz"
    packed.write_bytes(gzip.compress(good.encode() * 100))
    assert refused("ledger", "labels", "import", packed, "--labels", tmp_path / "l")["code"] == "format"
    assert "unpack" in lug("ledger", "labels", "import", packed, "--labels", tmp_path / "l").stderr
    assert lug("ledger", "labels", "import", tmp_path / "none.yaml", "--labels", tmp_path / "l").returncode == 1
    assert lug("ledger", "labels", "import", addresses).returncode == 2


def test_chaingen_is_deterministic(tmp_path):
    options = ("--scenario", "ransom", "--seed", 5, "--transactions", 4000, "--rev", "--xor", "--stale", "--zero-tail",
               "--file-size", 400000)
    a, b = make(tmp_path / "a", *options), make(tmp_path / "b", *options)
    files = sorted(p.relative_to(a) for p in a.rglob("*") if p.is_file())
    assert len(files) > 8
    assert files == sorted(p.relative_to(b) for p in b.rglob("*") if p.is_file())
    assert all(filecmp.cmp(a / f, b / f, shallow=False) for f in files)
    other = make(tmp_path / "c", *options[:3], 6, *options[4:])
    assert (other / "scenario.json").read_text() != (a / "scenario.json").read_text()


def test_chaingen_folders(tmp_path):
    """What a node's folder can look like: every variant gives a ledger that verifies against the files."""
    for i, extra in enumerate(((), ("--xor",), ("--stale", "--rev"), ("--zero-tail", "--file-size", 300000), ("--truncate-tail",))):
        path = make(tmp_path / str(i), "--seed", 9, "--transactions", 3000, *extra)
        got = ask("ledger", "import", path / "blocks", "--ledger", path / "ledger")
        assert got["height"] == 200 if "--truncate-tail" in extra else 201, got
        assert ask("ledger", "verify", "--ledger", path / "ledger", "--blocks", path / "blocks")["ok"]
        assert bool(got["stale"]) == ("--stale" in extra)
        assert bool(got["undo_checked"]) == ("--rev" in extra)
    for bad in (("--blocks", "x"), ("--scenario", "theft"), ("--scenario", "ransom", "--blocks", 120), ("stray",)):
        assert run("chaingen", "--out", tmp_path / "bad", *bad).returncode == 1
    for bad in (("--time", "2010-01-01T00:00:00Z"), ("--time", "2106-02-07T00:00:00Z"), ("--blocks", 800000)):
        r = run("chaingen", "--out", tmp_path / "bad-time", *bad)
        assert r.returncode == 1 and "do not lie between" in r.stderr, bad
    assert run("chaingen").returncode == 1
    assert run("chaingen", "--out", "").returncode == 1
    before = (tmp_path / "1" / "blocks" / "xor.dat").read_bytes()
    r = run("chaingen", "--out", tmp_path / "1", "--blocks", 5)
    assert r.returncode == 1 and "choose a new folder" in r.stderr
    assert (tmp_path / "1" / "blocks" / "xor.dat").read_bytes() == before


@pytest.mark.skipif(not DATA, reason="LUG_DATA is not set: mainnet blocks 0 to 4312 are not traced")
def test_first_payment(tmp_path):
    """The coins of block 9 go to the first payment between two people, in block 170."""
    ledger, payment = tmp_path / "ledger", "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
    ask("ledger", "import", os.path.join(DATA, "bitcoin", "chain"), "--ledger", ledger)
    block9 = "0437cd7f8525ceed2324359c2d0ba26006d92d856a9c20fa0241106ee5a597c9"
    for policy in POLICIES:
        t = ask("trace", f"{block9}:0", "--ledger", ledger, "--policy", policy)
        (o,) = [o for o in t["outputs"] if o["output"] == f"{payment}:0"]
        assert o["tainted"] == o["value"] == "1000000000" and o["height"] == 170
        assert o["address"] == "1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3" and o["end"] == "unspent"
        assert int(t["sums"]["unspent"]) == 50_0000_0000 + int(t["sums"]["spread"])
        assert policy == "poison" or t["sums"]["spread"] == "0"
        back = ask("trace", f"{payment}:0", "--back", "--ledger", ledger, "--policy", policy)
        assert [o["output"] for o in back["outputs"]] == [f"{payment}:0", f"{block9}:0"]
