# SPDX-License-Identifier: Apache-2.0
"""Directory notes that a node must not take, and what an expired one does to those who would write to its member."""
import re
import time

import pytest

from cluster import APPROVER, LugError, lug, wait_for
from flow import Freeze, new_args, refused
from member import Member


def changed(cluster, node, change, name, key=None):
    """The node's next note with its text changed, signed by the member's identity key (or another)."""
    file = cluster.path(f"{name}.note")
    node.lug("member", "note", "--out", file)
    with open(file, encoding="utf-8") as f:
        text = change(f.read())
    with open(file, "w", encoding="utf-8") as f:
        f.write(text)
    cluster.sign(file, key or f"{node.name}.key")
    return file


def with_times(begin, end):
    return lambda t: re.sub(r"\nfrom \d+\nuntil \d+\n", f"\nfrom {begin}\nuntil {end}\n", t)


def test_expired_note_is_refused(cluster):
    now = int(time.time())
    file = changed(cluster, cluster.fr, with_times(now - 90000, now - 3600), "expired")
    e = refused("expired", cluster.it.lug, "network", "install", file)
    assert e.message and e.field, e


def test_note_that_lives_too_long_is_refused(cluster):
    now = int(time.time())
    file = cluster.path("long.note")
    cluster.fr.lug("member", "note", "--out", file)
    with open(file, encoding="utf-8") as f:
        text = with_times(now, now + 36 * 86400)(f.read())
    with open(file, "w", encoding="utf-8") as f:
        f.write(text)
    refused("range", lug, "network", "sign", file, "--key", cluster.path("offline", "fr.key"))


def test_signature_of_another_member_does_not_do(cluster):
    file = changed(cluster, cluster.fr, lambda t: t, "wrong-signer", key="it.key")
    refused("key-unknown", cluster.it.lug, "network", "install", file)


def test_changed_after_it_was_signed(cluster):
    file = cluster.path("changed.note")
    cluster.fr.lug("member", "note", "--out", file)
    cluster.sign(file, "fr.key")
    with open(file, encoding="utf-8") as f:
        text = f.read()
    with open(file, "w", encoding="utf-8") as f:
        f.write(text.replace("power freeze", "power trace", 1) if "power trace" not in text else text.replace("\npower trace", "", 1))
    refused("signature", cluster.it.lug, "network", "install", file)


def test_member_that_is_none(cluster):
    refused("member-unknown", cluster.it.lug, "network", "install", Member(cluster, "xx", join=False).note)
    refused("member-unknown", cluster.it.lug, *new_args(cluster, "to-a-stranger", to="xx"))


def test_unreadable_files(cluster):
    e = refused("noent", cluster.it.lug, "network", "install", cluster.path("no-such.note"))
    assert "no-such.note" in e.message or "no-such.note" in e.field
    with pytest.raises(LugError) as folder:
        cluster.it.lug("network", "install", cluster.dir)
    assert folder.value.code in ("inval", "io", "format") and cluster.dir in folder.value.message
    args = new_args(cluster, "unreadable")
    args[args.index("--assets") + 1] = cluster.path("no-such.json")
    e = refused("noent", cluster.it.lug, *args)
    assert "no-such.json" in e.message or "no-such.json" in e.field


def test_one_governor_is_not_enough(cluster):
    file = cluster.path("members-2.note")
    lug("network", "draft", "--previous", cluster.path("members.note"), "--without", "fr", "--out", file)
    cluster.sign(file, "governor-1.key")
    refused("signature", cluster.it.lug, "network", "install", file)


def epochs_until(end):
    """Only the first epoch key, and that one until then."""
    def change(text):
        lines = text.splitlines(keepends=True)
        first = next(line for line in lines if line.startswith("epoch "))
        word, number, begin, _, key = first.split()
        return "".join(f"{word} {number} {begin} {end} {key}\n" if line == first else line for line in lines
                       if line == first or not line.startswith("epoch "))
    return change


def test_expired_key_stops_sending_and_says_since_when(cluster):
    """Nothing is encrypted to an old key; the member's next note mends it."""
    end = int(time.time()) + 2
    short = changed(cluster, cluster.fr, epochs_until(end), "short")
    for node in cluster.nodes.values():
        node.lug("network", "install", short)
    wait_for("the key has run out", lambda: next(
        m for m in cluster.it.lug("member", "list")["members"] if m["name"] == "fr")["state"] == "no fresh key", 10, 0.2)
    f = Freeze(cluster, "to-an-expired-key").play("new")
    e = refused("key-expired", cluster.it.lug, "request", "approve", f.id, "--hash", f.hash, officer=APPROVER)
    assert "fr" in e.message and time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)) in e.message, e
    assert cluster.it.show(f.id)["state"] == "APPROVAL"
    mended = cluster.node_note(cluster.fr)
    for node in cluster.nodes.values():
        node.lug("network", "install", mended)
    f.play("approve", "deliver", "ack", "ack-seen", "accept", "answer", "answer-seen")
    f.check_end()
