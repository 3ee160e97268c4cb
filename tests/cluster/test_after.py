# SPDX-License-Identifier: Apache-2.0
"""What comes after an answer: a longer term, deletion with proof, a legal hold; the deleting node is killed in between."""
import json

from cluster import APPROVER, wait_for
from flow import Freeze, new_args, refused


def state(node, request_id):
    return next((r["state"] for r in node.requests() if r["id"] == request_id), None)


def both(c, request_id, wanted):
    wait_for(f"both see {wanted}", lambda: state(c.it, request_id) == state(c.fr, request_id) == wanted)


def term(node, request_id):
    return next(k["due_at"] for k in node.show(request_id)["clocks"] if k["clock"] == "term")


def begin(c, verb, request_id, *more):
    """Italy asks for it, France acknowledges and accepts."""
    about = c.it.lug("request", verb, request_id, *more)["id"]
    both(c, about, "DELIVERED")
    c.fr.lug("request", "ack", about)
    c.fr.lug("request", "accept", about)
    return about


def test_longer_term(cluster):
    c, f = cluster, Freeze(cluster, "longer").play()
    assert term(c.it, f.id) == term(c.fr, f.id) == "2036-12-25T12:00:00Z"
    more = begin(c, "extend", f.id, "--days", "31", "--text", "the letter of request is on its way")
    assert c.fr.show(more)["request"]["case"] == "longer"
    c.fr.kill()
    c.fr.start()
    c.fr.lug("request", "answer", more)
    both(c, more, "ANSWERED")
    assert term(c.it, f.id) == term(c.fr, f.id) == "2037-01-25T12:00:00Z"
    assert [x["id"] for x in c.it.show(f.id)["about"]] == [more]


def test_no_term_to_extend(cluster):
    c = cluster
    r = c.it.lug(*new_args(c, "no-term", kind="INFO", urgency="URGENT"))["id"]
    refused("inval", c.it.lug, "request", "extend", r, "--days", "3")
    refused("transition", c.it.lug, "request", "erase", r)


def test_deleted_with_proof(cluster):
    c, f = cluster, Freeze(cluster, "deleted").play()
    c.it.lug("request", "close", f.id)
    both(c, f.id, "CLOSED")
    gone = begin(c, "erase", f.id, "--text", "the person was acquitted")
    c.fr.lug("request", "hold", f.id, "--reason", "order of the court", officer=APPROVER)
    assert "order of the court" in refused("legal-hold", c.fr.lug, "request", "answer", gone).message
    c.fr.lug("request", "release", f.id, "--reason", "order lifted", officer=APPROVER)
    c.fr.kill()
    c.fr.start()
    c.fr.lug("request", "answer", gone)
    both(c, gone, "ANSWERED")
    there, here = c.fr.show(f.id), c.it.show(f.id)
    assert there["erased_at"] and "request" not in there and there["may"] == []
    assert here["about"] == [{"id": gone, "type": "WITHDRAW", "state": "ANSWERED"}]
    proof = c.it.show(gone)["events"][-1]
    assert proof["part"]["deleted_sha256"] == here["content_sha256"]
    assert any(n["what"] == "manifest" for n in c.it.api("GET", f"/v1/messages/{proof['message']}")["proofs"])
    assert json.dumps(there).find("ransom was paid") < 0
