# SPDX-License-Identifier: Apache-2.0
"""A peer that is down: what is sent waits, and everybody can see how long. test_waiting_peer.py goes on two minutes later."""
from cluster import wait_for


def test_stored_and_its_age_visible(absent):
    it, flash = absent.it, absent.flash
    shown = wait_for("a first try has failed", lambda: (r := it.show(flash.id)) and r["delivery"]["tries"] and r)
    assert shown["state"] == "SENT"
    d = shown["delivery"]
    assert d["state"] == "queued" and d["last_error"] == "offline"
    assert d["posted_at"] == shown["sent_at"] and d["tried_at"] >= d["posted_at"]
    assert "stored_at" not in d


def test_each_recipient_has_its_own_state(absent):
    message = absent.it.api("GET", f"/v1/messages/{absent.it.show(absent.flash.id)['message']}")
    assert [(m["to"], m["state"], m["class"]) for m in message["sent"]] == [("fr", "queued", "flash")]
    assert message["received"] is None
    assert {p["what"] for p in message["proofs"]} <= {"manifest", "parcel"}  # nothing of the peer's yet


def test_the_outbox_of_the_peer_is_counted(absent):
    fr = absent.it.peer("fr")
    assert fr["queued"] == 2 and fr["oldest"] == absent.it.show(absent.flash.id)["sent_at"]
    status = wait_for("the peer is seen to be down", lambda: next(
        (p for p in absent.it.status()["peers"] if not p["reachable"]), None))
    assert status["failures"] >= 1 and "connect" in status["why"].lower()


def test_a_late_receipt_is_flagged(absent):
    """A FLASH wants the receiver's machine receipt within 10 s."""
    wait_for("the FLASH is overdue", lambda: "OVERDUE" in absent.it.show(absent.flash.id)["flags"], 20, 0.2)
    clock = absent.it.show(absent.flash.id)["clocks"]
    assert [c["state"] for c in clock if c["clock"] == "receipt"] == ["overdue"]
    trace = absent.it.show(absent.trace_id)
    assert trace["state"] == "SENT" and trace["flags"] == []  # URGENT has a minute
