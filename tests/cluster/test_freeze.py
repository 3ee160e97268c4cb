# SPDX-License-Identifier: Apache-2.0
"""A FLASH FREEZE between two real nodes, and the same one with every process killed at every step."""
import os
import signal
import time

import pytest

from cluster import LugError, wait_for
from flow import Freeze, send_to_r2_ms

BROKEN = {"pipe", "connrefused", "noent", "timedout"}  # what a person sees whose node dies under the call


def test_from_draft_to_answered(cluster, capsys):
    times = []
    for n in range(3):
        f = Freeze(cluster, f"flow-{n}")
        f.play("new")
        times.append(send_to_r2_ms(cluster, f))
        f.play("ack", "ack-seen", "accept", "answer", "answer-seen")
        f.check_end()
    with capsys.disabled():
        print(f"\nFLASH from approval to R2, seen by the sender: {', '.join(f'{t:.0f}' for t in times)} ms")
    assert min(times) < 5000


def kill_keyd(node):
    before = node.status()["keyd"]
    os.kill(before["pid"], signal.SIGKILL)
    return before


def strike(node, process):
    if process == "lugd":
        node.kill()
    else:
        os.kill(node.keyd_pid, signal.SIGKILL)


def recover(node, process, key):
    """What an administrator does: verify what the crash left, start it again."""
    if process == "lugd":
        assert node.verify_audit(key)["signature_checked"]
        node.start()
    else:
        node.keyd_pid = wait_for("lug-keyd runs again", lambda: new_keyd(node))


def new_keyd(node):
    pid = node.status()["keyd"]["pid"]
    return pid if pid != node.keyd_pid else 0


def outcome_of(end):
    try:
        end()
        return "done"
    except LugError as e:
        return e.code


def test_all_steps(cluster):
    f = Freeze(cluster, "undisturbed")
    f.play(*Freeze.STEPS)
    f.check_end()


@pytest.mark.parametrize("side", ["it", "fr"])
@pytest.mark.parametrize("process", ["lugd", "lug-keyd"])
@pytest.mark.parametrize("step", Freeze.STEPS)
def test_kill_at_each_step(cluster, step, process, side):
    node, f = cluster.nodes[side], Freeze(cluster, f"kill-{step}-{process}-{side}")
    key, at = node.log_key(), Freeze.STEPS.index(step)
    f.play(*Freeze.STEPS[:at]) if at else None
    if step in Freeze.OWN:
        end = f.begin(step)
        time.sleep(0.002 * (1 + at + 3 * (side == "it")))  # another moment of the call in each case
        strike(node, process)
        result = outcome_of(end)
        recover(node, process, key)
        assert result == "done" or result in BROKEN, result
        there = f.again(step)
        assert there or result != "done", f"{step} was reported as done and is lost"
    else:
        strike(node, process)
        recover(node, process, key)
    f.play(*Freeze.STEPS[at:] if step not in Freeze.OWN else Freeze.STEPS[at + 1:])
    f.check_end()


def written(node):
    st = os.stat(os.path.join(node.dir, "store.db-wal"))
    return st.st_size, st.st_mtime_ns


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("step", list(Freeze.OWN))
def test_kill_at_the_write(cluster, step, nth):
    """The same at the worst moment: lugd of who makes the step, at the first or second write of the step to its store."""
    node, f, at = cluster.nodes[Freeze.OWN[step]], Freeze(cluster, f"write-{step}-{nth}"), Freeze.STEPS.index(step)
    key = node.log_key()
    f.play(*Freeze.STEPS[:at]) if at else None
    before = written(node)
    end = f.begin(step)
    until = time.monotonic() + 1
    while nth and time.monotonic() < until:
        if (now := written(node)) != before:
            before, nth = now, nth - 1
    node.kill()
    result = outcome_of(end)
    recover(node, "lugd", key)
    assert result == "done" or result in BROKEN, result
    there = f.again(step)
    assert there or result != "done", f"{step} was reported as done and is lost"
    f.play(*Freeze.STEPS[at + 1:])
    f.check_end()


def test_audit_logs_verify_offline_after_all_of_it(cluster):
    for node in cluster.nodes.values():
        events = [e["audit"] for r in node.requests() for e in node.show(r["id"])["events"]]
        key, entries = node.log_key(), wait_for("the last event is sealed", lambda: (lambda n: n if n > max(events) else 0)(
            node.status()["audit"]["entries"]))
        assert len(events) == len(set(events))
        assert node.stop() == 0
        report = node.verify_audit(key)
        assert report["signature_checked"] and int(report["entries"]) >= entries > max(events)
        node.start()
