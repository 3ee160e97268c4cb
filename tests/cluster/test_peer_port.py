# SPDX-License-Identifier: Apache-2.0
"""What strangers can do at the peers' port, which is nothing: and the node goes on serving meanwhile."""
import os
import random
import socket
import ssl
import subprocess

import pytest

from cluster import Node, wait_for
from flow import Freeze


def openssl(*args, **kw):
    return subprocess.run(["openssl", *args], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL, **kw)


@pytest.fixture(scope="module")
def stranger(cluster):
    """Key and certificate that no note names."""
    key, cert = cluster.path("stranger.key"), cluster.path("stranger.pem")
    r = openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out",
                cert, "-days", "1", "-subj", "/CN=it")
    assert r.returncode == 0, r.stderr
    return key, cert


def client(cert=None):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    ctx.minimum_version = ssl.TLSVersion.TLSv1_3
    if cert:
        ctx.load_cert_chain(cert[1], cert[0])
    return ctx


def ask(node, ctx):
    """A request by TLS; the bytes of the answer, none if the connection was closed instead. In TLS 1.3 the client's side of the
    handshake is over before the server has looked at its certificate, so the refusal shows when it reads."""
    try:
        with socket.create_connection(("127.0.0.1", node.port), 10) as raw, ctx.wrap_socket(raw) as s:
            assert s.version() == "TLSv1.3"
            s.sendall(b"POST /x/v1/heads HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            return s.recv(4096)
    except (ssl.SSLError, ConnectionError):
        return b""


def still_serves(cluster, case):
    Freeze(cluster, case).play().check_end()


def test_certificate_of_a_stranger_is_refused_in_the_handshake(cluster, stranger):
    assert ask(cluster.fr, client(stranger)) == b""
    assert cluster.fr.status()["keyd"]["restarts"] == 0


def test_no_certificate_is_refused(cluster):
    assert ask(cluster.fr, client()) == b""


@pytest.mark.parametrize("version,negotiated", [("-tls1_3", True), ("-tls1_2", False), ("-tls1_1", False), ("-tls1", False)])
def test_older_tls_is_refused(cluster, version, negotiated, stranger):
    r = openssl("s_client", "-connect", f"127.0.0.1:{cluster.fr.port}", version, "-cipher", "ALL:@SECLEVEL=0", "-key", stranger[0],
                "-cert", stranger[1])
    assert ("Cipher is TLS_" in r.stdout) == negotiated, r.stdout
    assert ("Cipher is (NONE)" in r.stdout) != negotiated, r.stdout


def test_garbage_half_open_and_silent_connections(cluster):
    noise = random.Random(1).randbytes(65536)
    openings = [noise, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + noise, b"\x16\x03\x01", b"", b"\x00" * 70000]
    held = []
    for opening in openings * 6:
        s = socket.create_connection(("127.0.0.1", cluster.fr.port), 10)
        held.append(s)
        try:
            s.sendall(opening)
        except OSError:
            pass  # it was shown the door while it still spoke
    still_serves(cluster, "amid-noise")
    for s in held:
        s.close()
    assert cluster.fr.running() and cluster.fr.status()["keyd"]["restarts"] == 0


def test_people_s_routes_are_not_on_the_peers_port(cluster, stranger):
    """Neither listener serves the other's routes: here from the side that can speak without a pinned key."""
    status, _ = cluster.fr.http("POST", "/x/v1/parcels", b"x")
    assert status == 404


def test_impostor_at_the_peer_s_address_gets_nothing(cluster):
    """Another node, with keys of its own, answers where France should."""
    fr, impostor = cluster.fr, Node("fr", cluster.path("impostor"), "FR", port=cluster.fr.port)
    fr.stop()
    impostor.init()
    impostor.start()
    try:
        f = Freeze(cluster, "impostor").play("new", "approve")
        peer = wait_for("Italy has met the impostor", lambda: next(
            (p for p in cluster.it.status()["peers"] if "pinned" in p["why"] or "public key" in p["why"]), None))
        assert not peer["reachable"]
        assert cluster.it.show(f.id)["state"] == "SENT"
        assert impostor.requests() == [] and impostor.api("GET", "/v1/messages")["messages"] == []
    finally:
        impostor.stop()
    fr.start()
    f.play("deliver", "ack", "ack-seen", "accept", "answer", "answer-seen")
    f.check_end()


def test_restart_of_the_receiver_between_receipt_and_answer_repeats_nothing(cluster):
    """The sender asks again with the same bytes when it does not hear the receipt: the first answer stands."""
    f = Freeze(cluster, "resend").play("new")
    cluster.fr.stop()
    f.play("approve")
    os.kill(cluster.it.process.pid, 9)
    cluster.it.process.wait(10)
    cluster.it.process = None
    cluster.fr.start()
    cluster.it.start()
    f.play("deliver", "ack", "ack-seen", "accept", "answer", "answer-seen")
    f.check_end()
