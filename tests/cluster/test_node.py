# SPDX-License-Identifier: Apache-2.0
"""The life of a node among others: stop, reload, a second daemon, what a crash leaves behind. One node alone: tests/api."""
import os
import signal
import socket
import subprocess

from cluster import BIN, wait_for
from flow import Freeze, refused


def lugd(*args):
    return subprocess.run([os.path.join(BIN, "lugd"), *args], capture_output=True, text=True, timeout=20)


def test_sigterm_stops_cleanly_and_loses_nothing(cluster):
    f = Freeze(cluster, "stopped").play("new", "approve")
    for node in cluster.nodes.values():
        key = node.log_key()
        assert node.stop() == 0
        assert not os.path.exists(os.path.join(node.dir, "lugd.sock"))
        assert node.log().rstrip().endswith("lugd: info: lugd: stopping")
        assert node.verify_audit(key)["signature_checked"]
        node.start()
    f.play(*Freeze.STEPS[2:])
    f.check_end()


def test_not_running_is_said_so(cluster):
    cluster.it.stop()
    e = refused("connrefused", cluster.it.lug, "status")
    assert cluster.it.dir in e.message and "start it with lug serve" in e.message
    cluster.it.start()


def set_conf(node, name, value):
    path = os.path.join(node.dir, "lugdunum.conf")
    with open(path, encoding="utf-8") as f:
        lines = f.read().splitlines()
    at = [i for i, line in enumerate(lines) if line.startswith(f"{name} =")]
    lines = [line for i, line in enumerate(lines) if i not in at] + [f"{name} = {value}"]
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def test_sighup_reads_the_configuration_again(cluster):
    node = cluster.it
    pid = node.status()["pid"]
    set_conf(node, "log_level", "debug")
    node.process.send_signal(signal.SIGHUP)
    wait_for("the log says it", lambda: "configuration read changed=1" in node.log())
    assert node.status()["pid"] == pid
    set_conf(node, "log_level", "loud")
    node.process.send_signal(signal.SIGHUP)
    wait_for("the mistake is named", lambda: "configuration not read, the old one stays" in node.log())
    set_conf(node, "log_level", "info")
    set_conf(node, "peer_idle_s", "61")
    assert node.lug("reload")["needs_restart"] == "peer_idle_s"
    Freeze(cluster, "reloaded").play().check_end()


def test_second_lugd_on_the_folder_is_refused(cluster):
    r = lugd(cluster.it.dir)
    assert r.returncode == 1
    assert f"Another lugd uses {cluster.it.dir}; stop it first." in r.stderr
    assert cluster.it.status()["node"] == "it"  # and the first is not hurt: its socket is still there


def test_socket_and_lock_of_a_crash_are_taken_over(cluster):
    node = cluster.it
    node.kill()
    sock = os.path.join(node.dir, "lugd.sock")
    assert os.path.exists(sock) and os.path.exists(os.path.join(node.dir, "lugd.pid"))
    with socket.socket(socket.AF_UNIX) as s:
        assert s.connect_ex(sock) != 0
    node.start()
    Freeze(cluster, "after-crash").play().check_end()
