# SPDX-License-Identifier: Apache-2.0
"""A full disk: said in words, nothing that was answered is lost, and the node goes on when there is space again.

One node lives in a small tmpfs, in a mount namespace of its own, so that all of its file system is full: store, audit log and
log file alike. That needs root; elsewhere these tests skip."""
import ctypes
import os
import subprocess

import pytest

from cluster import LugError, wait_for
from conftest import make
from flow import Freeze, new_args, refused

CLONE_NEWNS = 0x20000
SMALL, LARGE = "16m", "128m"  # below and above what a node wants free before it takes a FLASH (64 MiB)


def run(*args):
    return subprocess.run(args, capture_output=True, text=True, timeout=20)


def private_mounts():
    """A mount namespace for this process and the nodes that it starts; the mounts end with it."""
    return ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0 and run("mount", "--make-rprivate", "/").returncode == 0


def small_disk(request, tmp_path_factory, name, size):
    folder = str(tmp_path_factory.mktemp(f"disk-{name}"))
    if not private_mounts() or run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", folder).returncode != 0:
        pytest.skip("needs root: a tmpfs of its own for one node")
    for c in make(request, folders={name: os.path.join(folder, name)}):
        c.disk = folder
        yield c
    run("umount", "-l", folder)


@pytest.fixture(scope="module")
def sender(request, tmp_path_factory):
    yield from small_disk(request, tmp_path_factory, "it", LARGE)


@pytest.fixture(scope="module")
def receiver(request, tmp_path_factory):
    yield from small_disk(request, tmp_path_factory, "fr", SMALL)


class Filled:
    """The disk filled to its last block, for the length of a with statement."""

    def __init__(self, folder):
        self.file = os.path.join(folder, "filler")

    def __enter__(self):
        with open(self.file, "wb", buffering=0) as f:
            for size in (1 << 20, 4096):
                try:
                    while f.write(bytes(size)) == size:
                        pass
                except OSError:
                    pass

    def __exit__(self, *_):
        os.unlink(self.file)


def draft_until_full(cluster, case):
    """Files that have room in themselves take some more; then every draft is refused. Returns the ids of those that were taken."""
    done, refusals = [], 0
    for n in range(60):
        try:
            done.append(cluster.it.lug(*new_args(cluster, f"{case}-{n}"))["id"])
        except LugError as e:
            assert e.code == "nospc" and "space" in e.message.lower(), e
            refusals += 1
        if refusals == 3:
            return done
    raise AssertionError("the disk is full and drafts are still taken")


def test_full_disk_at_the_sender(sender):
    it = sender.it
    before = Freeze(sender, "before").play("new")
    with Filled(sender.disk):
        done = draft_until_full(sender, "full")
        refused("nospc", it.lug, "request", "approve", before.id, "--hash", before.hash, officer="second-officer")
        assert it.running()
    here = {r["id"] for r in it.requests()}
    assert here == {before.id, *done}, "what was refused is not there, what was answered is"
    before.play("approve", "deliver", "ack", "ack-seen", "accept", "answer", "answer-seen")
    before.check_end()
    Freeze(sender, "after").play().check_end()


def test_crash_on_a_full_disk(sender):
    it, key = sender.it, sender.it.log_key()
    f = Freeze(sender, "crash-when-full").play("new")
    with Filled(sender.disk):
        done = draft_until_full(sender, "crash")
        it.kill()
    assert it.verify_audit(key)["signature_checked"]
    it.start()
    assert {*done, f.id} <= {r["id"] for r in it.requests()}
    f.play("approve", "deliver", "ack", "ack-seen", "accept", "answer", "answer-seen")
    f.check_end()
    assert it.stop() == 0
    assert it.verify_audit(key)["signature_checked"]
    it.start()


def test_little_space_at_the_receiver_puts_off_and_loses_nothing(receiver):
    """Before the disk is full the receiver takes no more; the sender sees why, tries again and gets through."""
    f = Freeze(receiver, "little-space").play("new", "approve")
    shown = wait_for("the sender sees why", lambda: (r := receiver.it.show(f.id))["delivery"].get("last_error") == "nospc" and r)
    assert shown["state"] == "SENT" and shown["delivery"]["state"] == "queued"
    assert receiver.fr.requests() == []
    assert run("mount", "-o", f"remount,size={LARGE}", receiver.disk).returncode == 0
    f.play("deliver", "ack", "ack-seen", "accept", "answer", "answer-seen")
    f.check_end()
