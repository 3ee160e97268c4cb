# SPDX-License-Identifier: Apache-2.0
"""A node that is set back to an older copy of its store: it signs no second history, no number is given twice, and its
own newer requests come back from the peer that had stored them."""
import os
import shutil

import pytest

from cluster import lug, wait_for
from flow import Freeze


def put_back(node, copy):
    for end in ("", "-wal", "-shm"):
        if os.path.exists(os.path.join(node.dir, "store.db" + end)):
            os.unlink(os.path.join(node.dir, "store.db" + end))
    shutil.copy(copy, os.path.join(node.dir, "store.db"))


@pytest.fixture(scope="module")
def restored(cluster):
    """Italy has one freeze answered and one waiting in the outbox when the copy is made; then the one that waits is delivered,
    a third is answered, and the copy is put back. Italy is not running yet."""
    c, it, fr = cluster, cluster.it, cluster.fr
    c.before = Freeze(c, "before-the-copy").play()
    fr.stop()
    c.waiting = Freeze(c, "in-the-outbox").play("new", "approve")
    copy = it.lug("backup", "copy")["path"]
    fr.start()
    c.waiting.play("deliver")
    c.after = Freeze(c, "after-the-copy").play()
    c.old = it.peer("fr")
    key = it.log_key()
    assert it.stop() == 0
    put_back(it, copy)

    it.launch()
    assert it.process.wait(20) == 1
    it.process, c.refusal = None, it.log()
    lug("audit", "adopt", "--store", os.path.join(it.dir, "store.db"), "--log", os.path.join(it.dir, "audit"), "--key", key)
    it.start()
    return c


def test_does_not_start_beside_a_newer_log(restored):
    assert "the store was restored from an older backup. Copy them back with \"lug audit adopt\"" in restored.refusal


def test_numbers_are_not_given_twice(restored):
    wait_for("a new epoch", lambda: int(restored.it.peer("fr")["out"]["epoch"]) == int(restored.old["out"]["epoch"]) + 1)
    wait_for("it is said here", lambda: any("this node was restored" in a for a in restored.it.alarms()))
    wait_for("the peer takes the epoch", lambda: restored.fr.peer("it")["in"]["epoch"] == restored.it.peer("fr")["out"]["epoch"])
    for node, other in ((restored.it, "fr"), (restored.fr, "it")):
        peer = node.peer(other)
        assert not peer["in"]["stopped"] and not peer["out"]["stopped"]


def test_what_was_delivered_meanwhile_is_sent_again_and_recognised(restored):
    f = restored.waiting
    f.play("deliver", "ack", "ack-seen", "accept", "answer", "answer-seen")
    f.check_end()
    f.c = restored
    restored.before.check_end()


def test_own_requests_after_the_copy_come_back(restored):
    """France gives back what it had stored, signed by Italy itself; and its own steps, sent again, find the request."""
    assert restored.after.id in {r["id"] for r in restored.it.requests()}
    wait_for("the answer is there again", lambda: restored.it.show(restored.after.id)["state"] == "ANSWERED")
    it, fr = restored.it.show(restored.after.id), restored.fr.show(restored.after.id)
    assert it["content_sha256"] == fr["content_sha256"] and it["request"] == fr["request"]
    assert [e["event"] for e in it["events"]] == ["recall", "deliver", "ack", "accept", "answer"]
    made = [e["id"] for e in fr["events"] if e["event"] in ("ack", "accept", "answer")]
    assert made == [e["id"] for e in it["events"] if e["arrived"] and e["event"] != "deliver"]
    assert it["delivery"]["state"] == "acted"
    assert any("has given back what it held" in line for line in restored.it.log().splitlines())
    assert not any("refused" in a for a in restored.fr.alarms()), restored.fr.alarms()


def test_new_requests_go_both_to_the_end(restored):
    Freeze(restored, "after-the-restore").play().check_end()
