# SPDX-License-Identifier: Apache-2.0
"""The daemon says when the node's own note no longer tells the truth: only people can renew it."""
import json
import time

from conftest import OFFICER


def form_network(node, folder):
    """One member under one governor; returns the function that renews the node note."""
    def lug(*args):
        r = node.lug(*args, "--json")
        assert r.returncode == 0, r.stdout + r.stderr
        return json.loads(r.stdout) if r.stdout else None

    governor = lug("network", "keygen", folder + "/governor.key", "--name", "governor-1")["public"]
    identity = lug("network", "keygen", folder + "/identity.key", "--name", "it.rome/identity")["public"]
    lug("network", "draft", "--threshold", "1", "--out", folder + "/members.note", "--governor", governor,
        "--member", f"it.rome,IT,police,{identity}")
    lug("network", "sign", folder + "/members.note", "--key", folder + "/governor.key")
    lug("network", "install", folder + "/members.note")

    def renew(name, *options):
        note = f"{folder}/{name}.note"
        lug("member", "note", *options, "--out", note)
        lug("network", "sign", note, "--key", folder + "/identity.key")
        lug("network", "install", note)

    return renew


def test_own_note(node, tmp_path):
    renew = form_network(node, str(tmp_path))
    assert node.get("/v1/status")["own_note"] == "none"
    renew("first", "--endpoint", "https://127.0.0.1:8443", "--language", "it", "--power", "freeze",
          "--contact", "duty officer,+39 06 1234")
    assert node.get("/v1/status")["own_note"] == "fine"
    for kind in ("node", "evidence", "log"):
        node.post("/v1/keys/rotate", {"kind": kind})
        assert node.get("/v1/status")["own_note"] == "broken", kind
        renew(kind)
        assert node.get("/v1/status")["own_note"] == "fine", kind
    given = [e["event"] for e in node.events() if e["event"]["what"] == "directory.give"]  # by whom, beside what came of it
    assert [(e["who"], e["target"].split("/")[1]) for e in given] == [(OFFICER, "members")] + [(OFFICER, "node")] * 4
    node.post("/v1/keys/rotate", {"kind": "node"})
    end = time.monotonic() + 15
    while not node.get("/v1/status")["alarms"]:
        assert time.monotonic() < end
        time.sleep(0.2)
    (alarm,) = node.get("/v1/status")["alarms"]
    assert alarm["wake"] and "lacks a key in force" in alarm["text"]
    assert "broken: exchange: the node note has expired or lacks a key in force" in node.log()


def test_revoked_key_leaves_the_note(node, tmp_path):
    renew = form_network(node, str(tmp_path))
    renew("first", "--endpoint", "https://127.0.0.1:8443", "--language", "it", "--power", "freeze",
          "--contact", "duty officer,+39 06 1234")

    def keys(kind):
        return [k["verifier"] for k in node.get("/v1/status")["keyd"]["keys"] if k["kind"] == kind]

    (stolen,) = keys("node")
    r = node.lug("member", "note", "--revoke", stolen)
    assert r.returncode == 1 and "key" in r.stderr, r.stderr  # nothing would be left to sign with
    node.post("/v1/keys/rotate", {"kind": "node"})
    renew("second", "--revoke", stolen)
    assert node.get("/v1/status")["own_note"] == "fine"
    renew("third")  # a revocation stays without being named again
    text = (tmp_path / "third.note").read_text()
    assert f" {stolen}\n" in text and text.count(stolen) == 1 and "\nrevoked " in text
    (fresh,) = [k for k in keys("node") if k != stolen]
    assert f" {fresh}\n" in text
