# SPDX-License-Identifier: Apache-2.0
"""The peer of test_absent_peer.py: at two minutes people are sent to the telephone; when it comes up, all of it is delivered."""
import time

from cluster import wait_for


def test_flash_falls_to_the_phone_list_at_two_minutes(absent):
    left = 120 + 20 - (time.monotonic() - absent.sent)
    alarm = wait_for("the alarm of the waiting FLASH", lambda: next(
        (a for a in absent.it.status()["alarms"] if "phone" in a["text"]), None), max(left, 5), 0.5)
    assert alarm["wake"] and "fr" in alarm["text"]
    assert time.monotonic() - absent.sent >= 119
    assert sum("phone" in a for a in absent.it.alarms()) == 1


def test_delivered_once_when_the_peer_comes_up(absent, capsys):
    it, fr = absent.it, absent.fr
    start = time.monotonic()
    fr.start()
    wait_for("both are delivered", lambda: {it.show(i)["state"] for i in (absent.flash.id, absent.trace_id)} == {"DELIVERED"})
    with capsys.disabled():
        print(f"\nwaited for {start - absent.sent:.0f} s; delivered {time.monotonic() - start:.1f} s after the peer was started")
    assert sorted(r["id"] for r in fr.requests()) == sorted([absent.flash.id, absent.trace_id])
    assert it.peer("fr")["queued"] == 0
    assert it.show(absent.flash.id)["delivery"]["state"] == "accepted"
    message = it.show(absent.flash.id)["message"]
    assert {"stored", "accepted"} <= {p["what"] for p in it.api("GET", f"/v1/messages/{message}")["proofs"]}


def test_and_then_it_is_answered(absent):
    absent.flash.play("ack", "ack-seen", "accept", "answer", "answer-seen")
    absent.flash.check_end()
