# SPDX-License-Identifier: Apache-2.0
"""A FLASH rings duty officers through every channel program, is answered by link or code, and rings at the sender while a node is silent.

The providers are real ones on loopback: an SMTP server (aiosmtpd), an HTTP server, an SMS spool, a program."""
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import stat
import threading
import time

import pytest
from aiosmtpd.controller import Controller

from cluster import OFFICER, LugError, free_port, wait_for
from flow import Freeze, refused

# What the case says (flow.new_args); none of it may reach a provider.
WORDS = ["ransom", "paid", "traced", "output", "1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3", "f4184fc5", "bip122", "1000000000", "Postal",
         "art. 629", "withdrawn", "FREEZE", "duty-case", "facts"]
SECRET = "a secret of this test"


class Mail:
    def __init__(self):
        self.got = []
        self.port = free_port()
        self.server = Controller(self, hostname="127.0.0.1", port=self.port)
        self.server.start()

    async def handle_DATA(self, server, session, envelope):
        self.got.append((envelope.rcpt_tos, envelope.content))
        return "250 taken"


class Hook:
    def __init__(self):
        self.got, self.status = [], 204
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((str(self.headers), body))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ring"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def write(path, text, mode=0o600):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


class Desk:
    def __init__(self, cluster):
        self.c, self.mail, self.hook = cluster, Mail(), Hook()
        self.spool, self.calls, self.answer_port = cluster.path("spool"), cluster.path("calls"), free_port()
        os.makedirs(self.spool, exist_ok=True)
        write(cluster.path("hook.key"), SECRET + "\n")
        write(cluster.path("call"), f"#!/bin/sh\nprintf '%s\\n' \"$@\" >> {self.calls}\n", stat.S_IRWXU)
        for node in (cluster.it, cluster.fr):
            write(os.path.join(node.dir, "notify.conf"),
                  f"mail lug-notify-smtp url=smtp://127.0.0.1:{self.mail.port} from=node@agency.example\n"
                  f"hook lug-notify-webhook key-file={cluster.path('hook.key')}\n"
                  f"sms lug-notify-spool dir={self.spool}\n"
                  f"voice lug-notify-command program={cluster.path('call')}\n"
                  f"broken lug-notify-command program=/nonexistent\n"
                  f"gone /nonexistent/program\n")
        with open(os.path.join(cluster.fr.dir, "lugdunum.conf"), "a", encoding="utf-8") as f:
            f.write(f"\nanswer_listen = 127.0.0.1:{self.answer_port}\nanswer_url = http://127.0.0.1:{self.answer_port}\n")
        for node in (cluster.it, cluster.fr):
            node.restart()
            self.staff(node)
        wait_for("the channels are up", lambda: all(
            c["state"] == "ready" for c in cluster.fr.api("GET", "/v1/duty")["channels"] if c["channel"] != "gone"))

    def person(self, node, name, *channels):
        node.api("POST", "/v1/duty/people", {"officer": name, "languages": ["en"],
                                             "channels": [{"channel": c, "address": a} for c, a in channels]})

    def seat(self, node, name, officer, **more):
        node.api("POST", "/v1/duty/seats", {"seat": name, "zone": "Europe/Paris", "line": "+33 4 00", "layers": [
            {"layer": "all", "rotation": "weekly", "from": "2026-01-05", "handoff": "08:00", "people": [officer]}], **more})

    def staff(self, node):
        self.person(node, OFFICER, ("sms", "+33600000001"), ("mail", "duty@agency.example"))
        self.person(node, "d.two", ("broken", "x"), ("hook", self.hook.url))
        self.person(node, "d.head", ("gone", "x"), ("voice", "+33600000009"))
        self.seat(node, "duty", OFFICER, flash=True, fallback="d.two")
        self.seat(node, "second", "d.two")
        self.seat(node, "head", "d.head")

    def ladder(self, node, side, *steps, repeat=60):
        node.api("POST", "/v1/duty/ladder", {"side": side, "class": "FLASH", "repeat_s": repeat, "steps": [
            {"after_s": s, "target": t, "channel": n} for s, t, n in steps]})

    def texts(self):
        """Every byte that a provider has got so far."""
        out = [content for _, content in self.mail.got] + [part for h, body in self.hook.got for part in (h.encode(), body)]
        paths = [os.path.join(self.spool, f) for f in os.listdir(self.spool) if not f.endswith(".new")] + ([self.calls] if os.path.exists(self.calls) else [])
        for path in paths:
            with open(path, "rb") as f:
                out.append(f.read())
        return out

    def sms(self, reference):
        return [t.decode() for t in self.texts() if t.startswith(b"To: ") and reference.encode() in t]

    def alert(self, node, request_id, everything=True):
        alerts = node.api("GET", f"/v1/duty/alerts?all={int(everything)}")["alerts"]
        return next((a for a in alerts if a["request"] == request_id), None)

    def fetch(self, method, path):
        c = http.client.HTTPConnection("127.0.0.1", self.answer_port, timeout=20)
        c.request(method, path)
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        return r.status, r.getheader("Content-Type"), text


@pytest.fixture(scope="module")
def desk(cluster):
    made = Desk(cluster)
    yield made
    made.mail.server.stop()
    made.hook.server.shutdown()


def test_flash_rings_and_is_answered_by_link(desk):
    fr = desk.c.fr
    sent = time.monotonic()
    flash = Freeze(desk.c, "duty-case-1").play("new", "approve", "deliver")
    reference = flash.id[:13]
    text = wait_for("the first channel rings", lambda: desk.sms(reference))[0]
    assert time.monotonic() - sent < 8
    assert text.startswith("To: +33600000001\n") and "FLASH request from IT" in text
    path = re.search(r"http://127\.0\.0\.1:\d+(/a/[0-9a-f]{64})", text)[1]
    status, kind, page = desk.fetch("GET", path)
    assert status == 200 and kind.startswith("text/html") and "<form" in page and reference in page
    assert fr.show(flash.id)["state"] == "DELIVERED"  # a program that fetches links answers nothing
    status, _, page = desk.fetch("POST", path)
    assert status == 200 and "<form" not in page
    assert fr.show(flash.id)["state"] == "ACKNOWLEDGED"
    flash.wait("ack-seen")
    held = desk.alert(fr, flash.id)
    assert held["state"] == "held" and held["holder"] == OFFICER and held["country"] == "IT" and held["held_until"]
    assert desk.fetch("POST", path)[0] == 404  # once
    assert desk.fetch("GET", "/a/" + "0" * 64)[0] == 404
    assert desk.fetch("GET", "/v1/duty")[0] == 404 and desk.fetch("POST", "/x/v1/duty")[0] == 404  # nothing else is there
    flash.play("accept", "answer", "answer-seen")
    wait_for("the alert is over", lambda: desk.alert(fr, flash.id)["state"] == "over")


def test_each_channel_and_a_failing_provider(desk):
    fr = desk.c.fr
    desk.ladder(fr, "in", (0, "seat:duty", 0), (1, "seat:second", 1), (2, "seat:head", 1), (3, "contacts", 0))
    flash = Freeze(desk.c, "duty-case-2").play("new", "approve", "deliver")
    reference = flash.id[:13]
    wait_for("everybody was rung", lambda: desk.sms(reference) and any(reference.encode() in t for _, t in desk.mail.got)
             and any(reference.encode() in b for _, b in desk.hook.got) and any(reference.encode() in t for t in desk.texts() if b"+33600000009" in t))
    rings = wait_for("all outcomes are there", lambda: (r := desk.alert(fr, flash.id)["rings"]) and
                     not [x for x in r if x["state"] in ("queued", "going")] and r)
    states = {(r["person"], r["channel"]): (r["state"], r["why"]) for r in rings}
    assert states[(OFFICER, "sms")][0] == "sent" and states[(OFFICER, "mail")][0] == "sent"
    assert states[("d.two", "broken")] == ("failed", "cannot start /nonexistent")
    assert states[("d.two", "hook")][0] == "sent"  # the next one, at once
    assert states[("d.head", "gone")][0] == "failed" and states[("d.head", "voice")][0] == "sent"
    recipients, mail = desk.mail.got[-1]
    assert recipients == ["duty@agency.example"] and b"Importance: high" in mail
    headers, body = next((h, b) for h, b in desk.hook.got if reference.encode() in b)
    stamp, mac = re.search(r"Lugdunum-Signature: t=(\d+),v1=([0-9a-f]{64})", headers).groups()
    assert hmac.compare_digest(mac, hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest())
    code = json.loads(body)["code"]
    refused("noent", fr.api, "POST", "/v1/duty/answer", {"code": "000000" if code != "000000" else "000001"})
    fr.api("POST", "/v1/duty/answer", {"code": code})
    flash.wait("ack-seen")
    assert desk.alert(fr, flash.id)["holder"] == OFFICER  # who is signed in, not whose telephone it was
    fr.lug("request", "refuse", flash.id, "--ground", "not-held", "--text", "no such account")


def test_silent_node_rings_at_the_sender(desk):
    it, fr = desk.c.it, desk.c.fr
    desk.ladder(it, "silent", (1, "seat:duty", 0), (2, "contact:1", 1))
    desk.ladder(it, "out", (1, "seat:duty", 1))
    fr.stop()
    flash = Freeze(desk.c, "duty-case-3").play("new", "approve")
    reference = flash.id[:13]
    text = wait_for("our own officer is told", lambda: desk.sms(reference))[0]
    assert "their node has not got it" in text and "+00 000 000" in text
    assert desk.alert(it, flash.id)["side"] == "silent"
    wait_for("their contact point is called", lambda: any(b"+00000000\n" in t and reference.encode() in t for t in desk.texts()))
    it.kill()
    it.start()
    fr.start()
    flash.wait("deliver")
    wait_for("their clock runs", lambda: desk.alert(it, flash.id)["side"] == "out")
    wait_for("nobody answers there", lambda: len(desk.sms(reference)) > 2, 20)
    fr.api("POST", "/v1/duty/answer", {"alert": flash.id})
    flash.wait("ack-seen")
    wait_for("held on both sides", lambda: desk.alert(it, flash.id)["state"] == desk.alert(fr, flash.id)["state"] == "held")
    flash.play("accept", "answer", "answer-seen")


def test_who_answers_now(desk):
    it = desk.c.it
    member = wait_for("the note of France is here", lambda: next(
        (m for m in it.api("GET", "/v1/duty/members")["members"] if m["member"] == "fr" and m["note"] and m["note"]["seats"]), None), 40, 0.5)
    seat = next(s for s in member["note"]["seats"] if s["seat"] == "duty")
    assert seat["state"] == "on" and seat["zone"] == "Europe/Paris" and seat["line"] == "+33 4 00" and seat["name"] == ""
    assert member["note"]["valid"] and not member["silent"] and re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d CES?T$", seat["local_time"])
    assert member["contacts"][0]["state"] == "fresh" and member["contacts"][0]["verified"] is None
    it.lug("duty", "verify", "fr")
    member = it.api("GET", "/v1/duty/members")["members"][0]
    assert member["contacts"][0]["verified"]


def test_drill(desk):
    it, fr = desk.c.it, desk.c.fr
    drill = it.lug("duty", "drill", "fr")
    wait_for("it rings as a drill", lambda: any("DRILL" in t for t in desk.sms(drill["id"][:13])))
    fr.lug("duty", "answer", drill["id"])
    done = wait_for("the time is known", lambda: next((d for d in it.lug("duty", "drill")["drills"] if d["answered"]), None), 20)
    assert done["request"] == drill["id"] and 0 <= done["seconds"] < 60 and done["direction"] == "out"


def test_nothing_of_the_case_goes_out(desk):
    """Runs last: every byte that any provider got in this module."""
    texts = desk.texts()
    assert len(texts) > 8
    for text in texts:
        for word in WORDS:
            assert word.encode() not in text, (word, text)
        for chunk in re.findall(rb"=\?UTF-8\?B\?([^?]+)\?=", text):  # subjects are coded
            decoded = base64.b64decode(chunk)
            assert not [w for w in WORDS if w.encode() in decoded], decoded


def test_a_program_that_misbehaves(desk):
    """It writes nonsense, or says nothing: ended, alarmed, started again later; the others go on."""
    fr = desk.c.fr
    write(desk.c.path("mad"), "#!/bin/sh\necho 'ready 1 mad'\nread x\necho exec rm -rf\nsleep 60\n", stat.S_IRWXU)
    with open(os.path.join(fr.dir, "notify.conf"), "a", encoding="utf-8") as f:
        f.write(f"mad {desk.c.path('mad')}\n")
    fr.restart()
    desk.person(fr, OFFICER, ("mad", "x"), ("sms", "+33600000001"))
    desk.ladder(fr, "in", (0, "seat:duty", 1))
    flash = Freeze(desk.c, "duty-case-4").play("new", "approve", "deliver")
    wait_for("the next channel rings", lambda: desk.sms(flash.id[:13]))
    assert any("channel mad" in a for a in fr.alarms())
    with pytest.raises(LugError):
        fr.api("POST", "/v1/duty/seats", {"seat": "duty", "zone": "Europe/Paris", "flash": True})
    fr.api("POST", "/v1/duty/answer", {"alert": flash.id})
