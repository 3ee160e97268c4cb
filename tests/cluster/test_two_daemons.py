# SPDX-License-Identifier: Apache-2.0
"""One agency with two daemons on one PostgreSQL database: both serve, one sends each stream, and either may die at any moment."""
import os
import random
import re
import signal

import pytest

from cluster import STORE, LugError, Node, wait_for
from conftest import make
from flow import Freeze, new_args

pytestmark = pytest.mark.skipif(not STORE, reason="two daemons share a store in PostgreSQL only")

TAKEN_OVER_S = 30  # a lease ends within 6 s, and then the back-off of what was cut off


def second_daemon(first):
    """Another folder for the same node: its configuration with another address, the same keys, its own copy of the audit log."""
    twin = Node(first.name, first.dir + "-twin", first.country)
    os.mkdir(twin.dir, 0o700)
    os.symlink(first.dir + "/keys", twin.dir + "/keys")
    with open(first.dir + "/lugdunum.conf", encoding="utf-8") as f:
        conf = re.sub(r"(?m)^listen = .*$", f"listen = 127.0.0.1:{twin.port}", f.read())
    with open(twin.dir + "/lugdunum.conf", "w", encoding="utf-8") as f:
        f.write(conf)
    return twin.start()


@pytest.fixture(scope="module")
def pair(request):
    """Italy with two daemons a and b, and France, which knows both addresses."""
    for c in make(request):
        c.a = c.it
        c.b = second_daemon(c.it)
        c.nodes["it-twin"] = c.b
        note = c.node_note(c.a, "--endpoint", c.b.endpoint)
        for n in (c.a, c.fr):
            n.lug("network", "install", note)
        wait_for("the second daemon knows the new note", lambda: c.b.status()["own_note"] == "fine")
        yield c


def leaders(c, lease):
    return [n for n in (c.a, c.b) if n.running() and lease in n.status()["leases"]]


def one_leader(c, lease="to fr"):
    return wait_for(f"one daemon holds \"{lease}\"", lambda: (lambda found: found[0] if len(found) == 1 else None)(leaders(c, lease)))


def test_both_serve(pair):
    """Drafted at one, approved at the other, answered to whichever; each step is seen at both."""
    f = Freeze(pair, "both-serve")
    for n, step in enumerate(Freeze.STEPS):
        pair.nodes["it"] = (pair.a, pair.b)[n % 2]
        f.make(step)
    for node in (pair.a, pair.b):
        pair.nodes["it"] = node
        f.check_end()
    pair.nodes["it"] = pair.a


def test_one_leads(pair):
    for lease in ("to fr", "audit"):
        one_leader(pair, lease)


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_leader_fails(pair, way):
    """kill -9 of the sender, or SIGSTOP and a late awakening, while both daemons take in work: the other one goes on, nothing is
    lost, nothing comes twice."""
    rng = random.Random(way)
    leader = one_leader(pair)
    other = pair.b if leader is pair.a else pair.a
    key, sent = pair.a.log_key(), []
    kill_at = rng.randrange(2, 8)
    for n in range(10):
        node = other if n >= kill_at or rng.random() < 0.5 else leader
        case = f"fail-over-{way}-{n}"
        reply = node.lug(*new_args(pair, case, kind="INFO", urgency="ROUTINE", assets=[]))
        sent.append((reply["id"], case))
        if n == kill_at:
            leader.kill() if way == "kill" else leader.process.send_signal(signal.SIGSTOP)
    wait_for("all of them are delivered", lambda: all(other.show(i)["state"] == "DELIVERED" for i, _ in sent), TAKEN_OVER_S, 0.2)
    wait_for("the other daemon leads", lambda: {"to fr", "audit"} <= set(other.status()["leases"]), TAKEN_OVER_S)
    leader.start() if way == "kill" else leader.process.send_signal(signal.SIGCONT)
    assert not {"to fr", "audit"} & set(leader.status()["leases"])
    cases = [pair.fr.show(r["id"])["request"]["case"] for r in pair.fr.requests()]
    for i, case in sent:
        assert cases.count(case) == 1, case
        assert leader.show(i)["state"] == "DELIVERED"
    with pytest.raises(LugError) as e:
        leader.lug("request", "send", sent[0][0])
    assert e.value.code == "transition"
    assert leader.verify_audit(key)["signature_checked"]


def test_audit_logs_agree(pair):
    """Each daemon's folder holds the same log, up to where it has come."""
    key = pair.a.log_key()
    for node in (pair.a, pair.b):
        assert node.stop() == 0
    reports = [node.verify_audit(key) for node in (pair.a, pair.b)]
    sizes = [int(r["entries"]) for r in reports]
    assert all(r["signature_checked"] for r in reports) and min(sizes) > 50
    for node in (pair.a, pair.b):
        node.start()

    def equal():
        found = [node.verify_audit(key) for node in (pair.a, pair.b)]
        return found[0]["root"] == found[1]["root"]
    wait_for("the follower has the same tree", equal, TAKEN_OVER_S, 0.3)
