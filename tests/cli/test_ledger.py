# SPDX-License-Identifier: Apache-2.0
"""lug ledger and lug tx over chains of chaingen: block files in every state, kills, other memory, a part of a chain; and the errors."""
import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

BIN = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin")
LUG, CHAINGEN = os.path.join(BIN, "lug"), os.path.join(BIN, "chaingen")


def lug(*args, code=0, **env):
    r = subprocess.run([LUG, *map(str, args)], capture_output=True, text=True, timeout=300, env={**os.environ, **env})
    assert r.returncode == code, r.stderr
    return r


def lug_json(*args):
    return json.loads(lug(*args, "--json").stdout)


def chaingen(out, *args):
    subprocess.run([CHAINGEN, "--out", str(out), "--quiet", *map(str, args)], check=True, timeout=300)
    return out / "blocks"


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    d = tmp_path_factory.mktemp("chain")
    chaingen(d, "--transactions", 6000, "--blocks", 160, "--rev", "--file-size", 500000)
    return d


@pytest.fixture(scope="module")
def ledger(chain, tmp_path_factory):
    d = tmp_path_factory.mktemp("ledger") / "l"
    res = lug_json("ledger", "import", chain / "blocks", "--ledger", d)
    assert res["finished"] and res["undo_checked"] == res["added"] - 1 and res["undo_missing"] == 0
    return d


def truth(chain, name):
    with open(chain / "truth" / f"{name}.jsonl", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def tree(d):
    """The files of a ledger that was finished."""
    files = [d / "manifest", *sorted(d.glob("index-*")), *sorted((d / "columns").iterdir())]
    assert len(files) >= 15
    return {f.name: f.read_bytes() for f in files}


def test_verify_against_itself_and_the_block_files(chain, ledger):
    v = lug_json("ledger", "verify", "--ledger", ledger, "--blocks", chain / "blocks")
    modes = {p.name: p.stat().st_mode & 0o777 for p in ledger.rglob("*") if p.is_file()}
    assert modes.pop("key") == 0o640 and set(modes.values()) == {0o644}  # a group can be let read it
    assert v["ok"] and v["blocks_read"]
    assert int(v["mined"]) == int(v["fees"]) + int(v["unspent"]) + int(v["lost"])


def test_every_transaction_of_the_truth_is_there(chain, ledger):
    rows = truth(chain, "transactions")
    random.seed(1)
    for row in random.sample(rows, 60):
        tx = lug_json("tx", row["txid"], "--ledger", ledger, "--limit", 10000)
        assert tx["height"] == row["height"] and not tx["coinbase"]
        assert int(tx["fee"]) == sum(int(i["value"]) for i in tx["inputs"]) - sum(int(o["value"]) for o in tx["outputs"])
        for o in tx["outputs"]:
            if o["spent_by"]:
                spender = lug_json("tx", o["spent_by"]["txid"], "--ledger", ledger, "--limit", 10000)
                back = spender["inputs"][o["spent_by"]["input"]]
                assert (back["txid"], back["output"], back["value"]) == (row["txid"], o["n"], o["value"])


def test_pages_of_a_transaction_join_to_the_whole(chain, ledger):
    for row in truth(chain, "transactions"):
        if row["what"] == "consolidation":
            break
    whole = lug_json("tx", row["txid"], "--ledger", ledger, "--limit", 10000)
    ins, after = [], None
    while True:
        page = lug_json("tx", row["txid"], "--ledger", ledger, "--limit", 2, *(["--after", after] if after is not None else []))
        ins += page["inputs"]
        after = page["next"]
        if after is None:
            break
    assert ins == whole["inputs"] and len(ins) == whole["inputs_n"] > 2


def test_text_for_people_names_amounts_and_places(chain, ledger):
    row = truth(chain, "transactions")[7]
    out = lug("tx", row["txid"], "--ledger", ledger).stdout
    assert row["txid"] in out and f"{row['height']} (" in out and "fee" in out
    info = lug("ledger", "info", LUG_LEDGER=str(ledger)).stdout
    assert "regtest" in info


@pytest.mark.parametrize("options", [["--xor"], ["--stale"], ["--zero-tail"], ["--xor", "--stale", "--zero-tail", "--truncate-tail"]])
def test_block_files_in_every_state(options, chain, ledger, tmp_path):
    blocks = chaingen(tmp_path / "c", "--transactions", 6000, "--blocks", 160, "--rev", "--file-size", 500000, *options)
    res = lug_json("ledger", "import", blocks, "--ledger", tmp_path / "l")
    assert res["finished"] and res["without_parent"] == 0
    assert (res["stale"] > 0) == ("--stale" in options)
    assert (res["cut_off"] > 0) == ("--truncate-tail" in options)
    lug("ledger", "verify", "--ledger", tmp_path / "l", "--blocks", blocks)


def test_killed_at_random_moments(tmp_path):
    blocks = chaingen(tmp_path / "c", "--transactions", 20000, "--blocks", 300, "--no-truth")
    began = time.monotonic()
    lug("ledger", "import", blocks, "--ledger", tmp_path / "once")
    took = time.monotonic() - began
    random.seed(3)
    kills = 0
    while True:
        p = subprocess.Popen([LUG, "ledger", "import", str(blocks), "--ledger", str(tmp_path / "killed"), "--checkpoint", "200k"],
                             stdout=subprocess.DEVNULL)
        try:
            p.wait(random.random() * took if kills < 15 else 120)
        except subprocess.TimeoutExpired:
            p.send_signal(signal.SIGKILL)
            p.wait()
            kills += 1
            continue
        assert p.returncode == 0
        break
    lug("ledger", "verify", "--ledger", tmp_path / "killed", "--blocks", blocks)
    once, killed = tree(tmp_path / "once"), tree(tmp_path / "killed")
    assert kills > 0
    for name, content in once.items():
        if name != "manifest" and not name.startswith("index-"):  # these two depend on the key
            assert content == killed[name], name


def test_interrupt_stops_at_a_checkpoint(tmp_path):
    blocks = chaingen(tmp_path / "c", "--transactions", 60000, "--blocks", 100, "--no-truth")
    p = subprocess.Popen([LUG, "ledger", "import", str(blocks), "--ledger", str(tmp_path / "l"), "--json"], stdout=subprocess.PIPE)
    time.sleep(0.05)
    p.send_signal(signal.SIGINT)
    out, _ = p.communicate(timeout=60)
    if p.returncode >= 0:  # not killed before its handler was in place
        finished = json.loads(out)["finished"]
        assert p.returncode == (0 if finished else 1)
        if not finished:
            assert "has not ended" in lug("ledger", "info", "--ledger", tmp_path / "l", code=1).stderr
    assert lug_json("ledger", "import", blocks, "--ledger", tmp_path / "l")["finished"]
    lug("ledger", "verify", "--ledger", tmp_path / "l", "--blocks", blocks)


def test_any_memory_and_threads(tmp_path):
    blocks = chaingen(tmp_path / "c", "--transactions", 60000, "--rev", "--no-truth")
    lug("ledger", "import", blocks, "--ledger", tmp_path / "usual")
    usual = tree(tmp_path / "usual")
    for options in (["--memory", "1M", "--threads", "3"], ["--memory", "8M", "--threads", "1"], ["--memory", "256M", "--checkpoint", "3M"]):
        d = tmp_path / "other"
        lug("ledger", "import", blocks, "--ledger", d, *options)
        other = tree(d)
        for name, content in usual.items():
            if name != "manifest" and not name.startswith("index-"):  # these two depend on the key
                assert content == other[name], (options, name)
        lug("ledger", "verify", "--ledger", d)
        shutil.rmtree(d)


def test_part_of_a_chain(chain, ledger, tmp_path):
    files = sorted((chain / "blocks").glob("*[0-9].dat"))
    part = tmp_path / "blocks"
    part.mkdir()
    for f in files:
        if "00000" not in f.name:
            shutil.copy(f, part / f.name)
    assert "--from-any" in lug("ledger", "import", part, "--ledger", tmp_path / "l", code=1).stderr
    res = lug_json("ledger", "import", part, "--ledger", tmp_path / "l", "--from-any")
    info = lug_json("ledger", "info", "--ledger", tmp_path / "l")
    whole = lug_json("ledger", "info", "--ledger", ledger)
    assert info["partial"] and info["tip"] == whole["tip"]
    assert info["height"] == whole["height"]  # the first block's coinbase states its height
    assert info["foreign_outputs"] > 0 and res["unknown_outputs"] == 0  # undo files tell them
    lug("ledger", "verify", "--ledger", tmp_path / "l", "--blocks", part)
    rows = [t for t in truth(chain, "transactions") if t["height"] >= info["first_height"]]
    for row in rows[:: len(rows) // 40]:
        a, b = (lug_json("tx", row["txid"], "--ledger", d) for d in (tmp_path / "l", ledger))
        assert (a["fee"], a["inputs"]) == (b["fee"], b["inputs"])
    res = lug_json("ledger", "import", part, "--ledger", tmp_path / "m", "--from-any", "--no-undo")
    assert res["unknown_outputs"] == info["foreign_outputs"]


def test_undo_files_that_disagree_are_named(chain, tmp_path):
    blocks = tmp_path / "blocks"
    shutil.copytree(chain / "blocks", blocks)
    rev = bytearray((blocks / "rev00001.dat").read_bytes())
    rev[2000] ^= 1
    (blocks / "rev00001.dat").write_bytes(rev)
    res = lug_json("ledger", "import", blocks, "--ledger", tmp_path / "l")
    assert res["finished"] and res["undo_missing"] >= 1


def test_errors_say_what_and_where(chain, ledger, tmp_path):
    txid = truth(chain, "transactions")[0]["txid"]
    assert "Which ledger?" in lug("tx", txid, code=2).stderr
    assert "64 hex digits" in lug("tx", "xyz", "--ledger", ledger, code=1).stderr
    assert "No transaction" in lug("tx", "0" * 64, "--ledger", ledger, code=1).stderr
    assert "lug ledger import" in lug("ledger", "info", "--ledger", tmp_path / "none", code=1).stderr
    assert "blk*.dat" in lug("ledger", "import", tmp_path, "--ledger", tmp_path / "l", code=1).stderr
    assert "regtest" in lug("ledger", "import", chain / "blocks", "--ledger", tmp_path / "l", "--network", "bitcoin", code=1).stderr
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(chain / "blocks" / "blk00001.dat", other / "blk00000.dat")
    assert "are these the files" in lug("ledger", "verify", "--ledger", ledger, "--blocks", other, code=1).stderr
    (other / "blk00000.dat").write_bytes(bytes.fromhex("f9beb4d9") + bytes(100))
    assert "blocks of Bitcoin, the ledger is of Bitcoin regtest" in lug("ledger", "verify", "--ledger", ledger, "--blocks", other, code=1).stderr
    broken = tmp_path / "blocks"
    shutil.copytree(chain / "blocks", broken)
    data = bytearray((broken / "blk00000.dat").read_bytes())
    at = 0
    while at < len(data) // 2:
        at += 8 + int.from_bytes(data[at + 4:at + 8], "little")
    assert data[at + 88] < 0xfd  # number of transactions in one byte; then the coinbase's version, which its hash covers
    data[at + 89] ^= 0xff
    (broken / "blk00000.dat").write_bytes(data)
    err = lug("ledger", "import", broken, "--ledger", tmp_path / "l2", code=1).stderr
    assert "blk00000.dat at " in err and "block " in err
    (broken / "blk00001.dat").unlink()
    (broken / "blk00001.dat").mkdir()
    assert "blk00001.dat" in lug("ledger", "import", broken, "--ledger", tmp_path / "l3", code=1).stderr


def test_a_damaged_ledger_is_found_by_verify(ledger, tmp_path):
    random.seed(5)
    for column in ("value", "in-output", "out-address", "txid", "out-spender", "address", "block"):
        d = tmp_path / column
        shutil.copytree(ledger, d)
        f = d / "columns" / column
        data = bytearray(f.read_bytes())
        data[64 + random.randrange(len(data) - 64)] ^= 1 << random.randrange(8)
        f.write_bytes(data)
        assert column in lug("ledger", "verify", "--ledger", d, code=1).stderr
        f.write_bytes(data[: len(data) // 2])
        assert column in lug("ledger", "info", "--ledger", d, code=1).stderr
