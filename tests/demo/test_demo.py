# SPDX-License-Identifier: Apache-2.0
"""The main job, played by lug demo: once as it is, then with every process of every node killed before each step."""
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

LUG = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin", "lug")
RUN_S = 170
AT_ONCE = 2
ROOMS = ["make a chain", "import the chain", "load who owns", "make the nodes", "form the network", "publish the node notes",
         "a victim reports", "follow the victim's money", "drafts a FLASH FREEZE", "the same officer tries", "the second officer approves",
         "it rings", "holds part of it", "Rome sees the outcome", "node is down", "comes up again", "of Rome offline",
         "of Paris offline", "of Tokyo offline"]
FIRST_WITH_NODES, ACTS = 4, 17  # --crash counts acts from 0; the last one verifies three logs, a step each


def demo(*options):
    return subprocess.run([LUG, "demo", "--check", "--json", *options], capture_output=True, text=True, timeout=RUN_S)


def check(r):
    """Every step is there, in order, and was proved; nothing is left behind."""
    report = json.loads(r.stdout)
    failed = [f"{s['step']} {s['what']}: {s['proof']}" for s in report["steps"] if not s["ok"]]
    assert r.returncode == 0 and report["ok"] and not failed, (failed, r.stderr)
    assert [s["step"] for s in report["steps"]] == list(range(1, len(ROOMS) + 1))
    for step, words in zip(report["steps"], ROOMS):
        assert words in step["what"], step
        assert step["proof"]
    assert not os.path.exists(report["folder"])
    return report["steps"]


def test_demo_ends_well_and_a_flash_takes_less_than_a_second(capsys):
    steps = check(demo())
    sent = steps[10]
    ms = int(re.search(r"seen here (\d+) ms after the approval", sent["proof"]).group(1))
    assert ms < 1000
    with capsys.disabled():
        print(f"\ndemo: {(steps[-1]['at_ms'] + steps[-1]['took_ms']) / 1000:.1f} s; FLASH from approval to R2 {ms} ms")


def test_demo_for_people():
    r = subprocess.run([LUG, "demo", "--check"], capture_output=True, text=True, timeout=RUN_S)
    assert r.returncode == 0, r.stdout + r.stderr
    assert "proved by" in r.stdout and "FAILED" not in r.stdout


def test_wrong_options_are_refused(tmp_path):
    r = demo("--crash", "many")
    assert r.returncode == 2 and json.loads(r.stdout)["error"]["code"] == "inval"
    r = demo("--real", str(tmp_path))
    report = json.loads(r.stdout)
    assert os.path.exists(report["folder"]), "what failed is kept for a look"
    shutil.rmtree(report["folder"])
    assert r.returncode == 1 and not report["ok"]
    assert "import the chain" in report["steps"][-1]["what"] and not report["steps"][-1]["ok"], report


def test_no_node_stays_after_a_failure(tmp_path):
    """--keep leaves running what works; of a demo that failed nothing is left but its folder."""
    assert subprocess.run([LUG.replace("/lug", "/chaingen"), "--out", tmp_path / "c", "--quiet", "--no-truth"], timeout=60).returncode == 0
    r = demo("--keep", "--real", str(tmp_path / "c" / "blocks"), "--from", "11" * 32, "--dir", str(tmp_path / "d"))
    report = json.loads(r.stdout)
    assert r.returncode == 1 and "follow the victim" in report["steps"][-1]["what"], report
    pids = [int((tmp_path / "d" / n / "lugd.pid").read_text()) for n in ("it", "fr", "jp")]
    assert not [p for p in pids if os.path.exists(f"/proc/{p}")]


@pytest.fixture(scope="module")
def crashed():
    """All runs, two at a time; each test waits for its own."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {n: pool.submit(demo, "--crash", str(n)) for n in range(FIRST_WITH_NODES, ACTS)}


@pytest.mark.parametrize("act", range(FIRST_WITH_NODES, ACTS))
def test_ends_the_same_when_every_process_is_killed(crashed, act):
    check(crashed[act].result())
