# SPDX-License-Identifier: Apache-2.0
"""Requests between two real nodes, by lug: a freeze from draft to close, four eyes, bad input, a peer that is down, kill -9."""
import json
import signal
import subprocess

import pytest

from cluster import LUG, LugError, lug
from cluster import wait_for as wait
from conftest import make

BTC = "bip122:000000000019d6689c085ae165831e93"
ACCOUNT = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
BLOCK = {
    "chain": BTC, "account": f"{BTC}:{ACCOUNT}", "asset": BTC + "/slip44:0",
    "txid": "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16", "output": 1, "amount": "4000000000",
    "output_value": "4000000000", "observed": {"height": 170, "hash": "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee"},
}


OFFICERS = {"anna": "officer", "bruno": "approver", "dora": "officer,approver", "paul": "duty,officer", "root": "admin"}


def eventually(check, seconds=20):
    return wait("what the test waits for", check, seconds)


class Desk:
    """A node as several officers use it: the first word of each call is who makes it."""

    def __init__(self, node):
        self.node, self.folder, self.start = node, node.dir, node.start
        for officer, roles in OFFICERS.items():
            node.lug("officer", "set", officer, "--roles", roles)

    def lug(self, officer, *args, ok=True):
        try:
            answer = self.node.lug(*map(str, args), officer=officer)
        except LugError as e:
            assert not ok, e
            return {"error": {"code": e.code, "field": e.field, "message": e.message}}
        assert ok, answer
        return answer

    def stop(self, sig):
        assert sig == signal.SIGKILL
        self.node.kill()


@pytest.fixture(scope="module")
def network(request):
    for c in make(request, cast={"fr.paris": ("FR", "fr"), "it.rome": ("IT", "it")}):
        yield {name: Desk(node) for name, node in c.nodes.items()}


@pytest.fixture
def rome(network):
    return network["it.rome"]


@pytest.fixture
def paris(network):
    return network["fr.paris"]


def new(node, tmp_path, *options, block=None, officer="anna", ok=True, kind="FREEZE", urgency="FLASH"):
    assets, facts = tmp_path / "assets.json", tmp_path / "facts.txt"
    assets.write_text(json.dumps({"request_assets": [{**BLOCK, **(block or {})}]}))
    facts.write_text("La vittima ha pagato.\nPoi il denaro e' partito.\n")
    return node.lug(officer, "request", "new", "--type", kind, "--class", urgency, "--to", "fr.paris", "--case", "PROC 2026/114",
                    "--authority", "Postal police", "--country", "IT", "--offence", "ransomware", "--offence-text", "estorsione",
                    "--facts", facts, "--link", "proceeds of the ransom", "--necessity", "can be withdrawn within minutes",
                    "--language", "it", "--assets", assets, *options, ok=ok)


def approved(node, tmp_path, **options):
    made = new(node, tmp_path, **options)
    return node.lug("bruno", "request", "approve", made["id"], "--hash", made["content_sha256"])


def state(node, request, officer):
    return node.lug(officer, "request", "show", request)["state"]


def both(rome, paris, request, wanted):
    eventually(lambda: state(rome, request, "anna") == wanted)
    assert state(paris, request, "paul") == wanted


def test_freeze_from_draft_to_close(rome, paris, tmp_path):
    made = new(rome, tmp_path)
    assert made["state"] == "APPROVAL" and made["request"]["facts"].endswith("partito.")
    sent = rome.lug("bruno", "request", "approve", made["id"], "--hash", made["content_sha256"])
    assert sent["state"] == "SENT"
    eventually(lambda: state(rome, made["id"], "anna") == "DELIVERED")
    waiting = paris.lug("paul", "request", "list", "--direction", "in")["requests"]
    assert made["id"] in [r["id"] for r in waiting]
    paris.lug("paul", "request", "ack", made["id"])
    paris.lug("paul", "request", "accept", made["id"], "--partial", "--text", "one account of two")
    paris.lug("paul", "request", "answer", made["id"], "--interim", "--text", "the exchange was called")
    paris.lug("paul", "request", "answer", made["id"], "--measure", "voluntary-hold", "--held", "0=1500000000", "--expires",
              "2099-01-01T00:00:00Z", "--custodian", "An exchange", "--text", "the rest had left")
    both(rome, paris, made["id"], "ANSWERED")
    rome.lug("anna", "request", "close", made["id"])
    both(rome, paris, made["id"], "CLOSED")
    seen = rome.lug("anna", "request", "show", made["id"])
    item = [e for e in seen["events"] if e["event"] == "answer"][0]["part"]["outcome"]["items"][0]
    assert item == {"asset": 0, "held": "1500000000", "requested": "4000000000"}
    there = paris.lug("paul", "request", "show", made["id"])
    clocks = [{c["clock"]: c["due_at"] for c in r["clocks"] if c["clock"] in ("ack", "answer")} for r in (seen, there)]
    assert clocks[0] == clocks[1] and len(clocks[0]) == 2
    eventually(lambda: rome.lug("anna", "request", "show", made["id"])["delivery"]["state"] == "acted")


def test_texts_for_people_are_whole(rome, paris, tmp_path):
    """What a second person approves, and what the other side answered, is shown to the last line."""
    long_link = "seen in " + "a" * 5000 + " end"
    made = new(rome, tmp_path, "--link", long_link, "--law-requesting", "art. 321 c.p.p.", "--law-requested", "art. 706-141 CPP",
               "--followup", "investigation-order", "--followup-by", "2099-01-01T00:00:00Z", "--term-days", "30")
    rome.lug("bruno", "request", "approve", made["id"], "--hash", made["content_sha256"])
    eventually(lambda: state(rome, made["id"], "anna") == "DELIVERED")
    paris.lug("paul", "request", "ack", made["id"], "--text", "the first line\nand the second")
    eventually(lambda: state(rome, made["id"], "anna") == "ACKNOWLEDGED")
    r = subprocess.run([LUG, "request", "show", made["id"], "--node", rome.folder, "--officer", "anna"], capture_output=True,
                       text=True, timeout=60)
    lines = [line.strip() for line in r.stdout.splitlines()]
    for text in ("facts            La vittima ha pagato.", "Poi il denaro e' partito.", "the first line", "and the second",
                 "law, requesting  art. 321 c.p.p.", "law, requested   art. 706-141 CPP", "follow-up        investigation-order",
                 "shall last       30 days"):
        assert text in lines, text
    assert long_link in r.stdout
    rome.lug("anna", "request", "withdraw", made["id"], "--text", "a test of the display")


def test_for_people(rome, tmp_path):
    r = subprocess.run([LUG, "request", "new", "--type", "SEIZE", "--node", rome.folder, "--officer", "anna"], capture_output=True,
                       text=True, timeout=60)
    assert r.returncode == 2 and r.stderr.startswith("lug: type not in the list of types: FREEZE, "), r.stderr
    made = new(rome, tmp_path)
    r = subprocess.run([LUG, "request", "show", made["id"][:13], "--node", rome.folder, "--officer", "anna"], capture_output=True,
                       text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    for text in ("40.00000000 BTC (4000000000 base units)", "APPROVAL", made["content_sha256"], "extortion with malicious software",
                 "waits for a second person (not anna)", "approval"):
        assert text in r.stdout
    r = subprocess.run([LUG, "request", "list", "--node", rome.folder, "--officer", "anna"], capture_output=True, text=True, timeout=60)
    assert made["id"] in r.stdout and "PROC 2026/114" in r.stdout
    rome.lug("anna", "request", "discard", made["id"])


def error(answer):
    return answer.get("error", answer)["code"]


def test_four_eyes(rome, tmp_path):
    made = new(rome, tmp_path, officer="dora")
    assert error(rome.lug("dora", "request", "approve", made["id"], "--hash", made["content_sha256"], ok=False)) == "four-eyes"
    assert error(rome.lug("bruno", "request", "approve", made["id"], "--hash", "00" * 32, ok=False)) == "stale"
    assert error(rome.lug("anna", "request", "approve", made["id"], "--hash", made["content_sha256"], ok=False)) == "denied"
    assert error(rome.lug("root", "request", "show", made["id"], ok=False)) == "denied"
    rejected = rome.lug("bruno", "request", "reject", made["id"], "--text", "wrong output")
    assert rejected["state"] == "DRAFT"
    assert error(rome.lug("bruno", "request", "approve", made["id"], "--hash", made["content_sha256"], ok=False)) == "transition"
    assert rome.lug("dora", "request", "send", made["id"])["state"] == "APPROVAL"
    assert rome.lug("dora", "request", "discard", made["id"])["state"] == "WITHDRAWN"


@pytest.mark.parametrize("block, code, text", [
    ({"amount": "4000000001"}, "amount", "more than the output holds"),
    ({"account": f"{BTC}:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"}, "checksum", ACCOUNT),
    ({"account": f"{BTC}:LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9"}, "network", "Litecoin"),
    ({"amount": 4000000000}, "inval", "string"),
    ({"!taint": 1}, "field-unknown", ""),
])
def test_bad_assets(rome, tmp_path, block, code, text):
    answer = new(rome, tmp_path, block=block, ok=False)
    assert error(answer) == code
    assert text.lower() in json.dumps(answer).lower()
    assert "assets[0]" in json.dumps(answer)


def test_bad_requests(rome, tmp_path):
    assert error(new(rome, tmp_path, "--handling", "H9", ok=False)) == "handling"
    assert error(new(rome, tmp_path, "--to", "jp.tokyo", ok=False)) == "member-unknown"
    assert error(new(rome, tmp_path, "--valid-until", "2001-01-01T00:00:00Z", ok=False)) == "range"
    assert error(rome.lug("anna", "request", "show", "00000000", ok=False)) == "noent"
    assert error(rome.lug("anna", "request", "show", "../officers", ok=False)) == "inval"
    draft = new(rome, tmp_path, "--draft")
    assert draft["state"] == "DRAFT"
    assert error(rome.lug("anna", "request", "withdraw", draft["id"], "--text", "x", ok=False)) == "transition"
    rome.lug("anna", "request", "discard", draft["id"])


def test_question_and_refusal(rome, paris, tmp_path):
    sent = new(rome, tmp_path, kind="TRACE", urgency="URGENT")
    eventually(lambda: state(rome, sent["id"], "anna") == "DELIVERED")
    paris.lug("paul", "request", "ack", sent["id"])
    paris.lug("paul", "request", "clarify", sent["id"], "--text", "which output?")
    both(rome, paris, sent["id"], "CLARIFICATION")
    assert "PAUSED" in rome.lug("anna", "request", "show", sent["id"])["flags"]
    rome.lug("anna", "request", "clarify", sent["id"], "--reply", "--text", "the second")
    both(rome, paris, sent["id"], "ACKNOWLEDGED")
    assert error(paris.lug("paul", "request", "refuse", sent["id"], "--ground", "not-competent", ok=False)) == "field-missing"
    paris.lug("paul", "request", "refuse", sent["id"], "--ground", "not-competent", "--competent", "Prosecutor, Lyon", "--country", "FR")
    both(rome, paris, sent["id"], "REFUSED")


def test_withdrawal(rome, paris, tmp_path):
    sent = approved(rome, tmp_path)
    eventually(lambda: state(rome, sent["id"], "anna") == "DELIVERED")
    rome.lug("anna", "request", "withdraw", sent["id"], "--text", "the victim was paid back")
    both(rome, paris, sent["id"], "WITHDRAWN")


def test_peer_down_and_killed(rome, paris, tmp_path):
    paris.stop(signal.SIGKILL)
    sent = approved(rome, tmp_path)
    assert state(rome, sent["id"], "anna") == "SENT"
    rome.stop(signal.SIGKILL)
    rome.start()
    assert state(rome, sent["id"], "anna") == "SENT"
    paris.start()
    eventually(lambda: state(rome, sent["id"], "anna") == "DELIVERED", 60)
    paris.lug("paul", "request", "ack", sent["id"])
    both(rome, paris, sent["id"], "ACKNOWLEDGED")


def test_every_step_is_in_the_log(rome, tmp_path):
    made = new(rome, tmp_path)
    rome.lug("anna", "request", "discard", made["id"])
    seen = rome.lug("anna", "request", "show", made["id"])
    assert [e["event"] for e in seen["events"]] == ["submit", "discard"]
    assert all(isinstance(e["audit"], int) for e in seen["events"])
    assert lug("audit", "verify", f"{rome.folder}/audit") is not None
