# SPDX-License-Identifier: Apache-2.0
"""lug address with a ledger: totals and pages of a generated chain add up, and the scenario's mistyped addresses are told apart."""
import json
import os
import subprocess

import pytest

BIN = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin")


def lug(*args):
    return subprocess.run([os.path.join(BIN, "lug"), *map(str, args)], capture_output=True, text=True, timeout=120)


def ask(*args):
    r = lug("address", "--json", *args)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)["addresses"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    d = tmp_path_factory.mktemp("ransom")
    subprocess.run([os.path.join(BIN, "chaingen"), "--out", str(d), "--quiet", "--scenario", "ransom"], check=True, timeout=300)
    with open(d / "scenario.json", encoding="utf-8") as f:
        scenario = json.load(f)
    ledger = d / "ledger"
    r = lug("ledger", "import", d / scenario["blocks"], "--ledger", ledger, "--quiet")
    assert r.returncode == 0, r.stderr
    return scenario, ledger


def test_deposits_are_where_the_truth_says(world):
    scenario, ledger = world
    for deposit in scenario["deposits"] + scenario["victims"]:
        (a,) = ask(deposit["address"], "--ledger", ledger)
        assert a["networks"] == ["regtest"] and a["canonical"] == deposit["address"]
        seen = a["ledger"]
        assert seen["seen"] and int(seen["received"]) >= int(deposit["value_sat"])
        assert int(seen["received"]) - int(seen["sent"]) - int(seen["lost"]) == int(seen["balance"])
        row = next(m for m in seen["page"] if m["txid"] == deposit["txid"])
        assert row["height"] == deposit["height"] and int(row["received"]) >= int(deposit["value_sat"])
        if deposit.get("held"):
            assert int(seen["balance"]) >= int(deposit["value_sat"])


def test_pages_are_the_whole_in_either_order(world):
    scenario, ledger = world
    address = scenario["victims"][0]["address"]
    whole = ask(address, "--ledger", ledger)[0]["ledger"]
    for order in ([], ["--oldest-first"]):
        rows, after = [], []
        while True:
            page = ask(address, "--ledger", ledger, "--limit", 1, *order, *after)[0]["ledger"]
            assert len(page["page"]) <= 1
            rows += page["page"]
            if not page["next"]:
                break
            after = ["--after", page["next"]]
        assert len(rows) == whole["transactions"]
        assert rows == (whole["page"][::-1] if order else whole["page"])
        assert sum(int(r["received"]) for r in rows) == int(whole["received"])
        assert sum(int(r["sent"]) for r in rows) == int(whole["sent"])


def test_mistyped_addresses_are_explained(world):
    scenario, ledger = world
    for victim in scenario["victims"]:
        r = lug("address", victim["mistyped_address"], "--ledger", ledger)
        assert r.returncode == 1
        assert "probably exchanged: " + victim["address"] in r.stderr


def test_other_networks_and_unseen(world):
    scenario, ledger = world
    mainnet, unseen = "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    r = lug("address", mainnet, "--ledger", ledger)
    assert r.returncode == 1 and "another chain" in r.stderr
    a, b, c = ask(mainnet, unseen, scenario["victims"][0]["address"], "--ledger", ledger)
    assert a["ledger"] is None and b["ledger"]["seen"] is False and c["ledger"]["seen"]
    assert "never seen" in lug("address", unseen, "--ledger", ledger).stdout
    assert lug("address", unseen, "--ledger", ledger / "none").returncode == 1
    assert lug("address", unseen, "--limit", 0, "--ledger", ledger).returncode == 2
    env = {**os.environ, "LUG_LEDGER": str(ledger)}
    r = subprocess.run([os.path.join(BIN, "lug"), "address", "--json", unseen], capture_output=True, text=True, env=env, timeout=60)
    assert "ledger" in json.loads(r.stdout)["addresses"][0]
