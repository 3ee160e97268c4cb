# SPDX-License-Identifier: Apache-2.0
"""What lug says when something is not as it should be: the allowed words, every file, what a folder is not."""
import json
import os
import subprocess

LUG = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin", "lug")


def lug(*args, env=None):
    return subprocess.run([LUG, *args], capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})})


def test_request_list_names_the_states(tmp_path):
    for option, word in (("--state", "ACKNOWLEDGED"), ("--class", "URGENT"), ("--type", "FREEZE"), ("--direction", "in or out")):
        r = lug("request", "list", option, "FOO", "--node", str(tmp_path))
        assert r.returncode == 2 and word in r.stderr, r.stderr
    r = lug("request", "list", "--state", "FOO", "--node", str(tmp_path), "--json")
    assert json.loads(r.stdout)["error"]["field"] == "state"
    r = lug("request", "list", "--state", "APPROVAL", "--node", str(tmp_path))
    assert r.returncode == 1 and "APPROVAL" not in r.stderr  # a state; no node runs there


def test_extract_names_every_unreadable_file(tmp_path):
    good = tmp_path / "good.txt"
    good.write_text("nothing in it\n")
    missing = [str(tmp_path / f"missing-{i}.txt") for i in range(3)]
    r = lug("extract", missing[0], str(good), missing[1], missing[2])
    assert r.returncode == 1
    at = [r.stderr.find(name) for name in missing]
    assert -1 not in at and at == sorted(at), r.stderr
    assert "0 found" in r.stdout


def test_audit_says_that_a_folder_is_no_log(tmp_path):
    r = lug("audit", "verify", str(tmp_path))
    assert r.returncode == 1 and f"{tmp_path} is no audit log" in r.stderr, r.stderr
    r = lug("audit", "prove", "1", "--log", str(tmp_path / "missing"))
    assert r.returncode == 1 and "No such file" in r.stderr
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "checkpoint").write_text("no checkpoint\n")
    r = lug("audit", "verify", str(tmp_path))
    assert r.returncode == 1 and f"{tmp_path}/audit is." in r.stderr
    r = lug("audit", "verify", str(tmp_path / "audit"))
    assert r.returncode == 1 and "is no audit log" not in r.stderr
