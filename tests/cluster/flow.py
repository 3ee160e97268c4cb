# SPDX-License-Identifier: Apache-2.0
"""A FLASH FREEZE from draft to ANSWERED, as steps that can be cut anywhere and taken up again."""
import json
import time

from cluster import APPROVER, LugError, wait_for

CHAIN = "bip122:000000000019d6689c085ae165831e93"
ADDRESS = "1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3"
AMOUNT, HELD = "1000000000", "800000000"
ASSET = {"chain": CHAIN, "asset": f"{CHAIN}/slip44:0", "account": f"{CHAIN}:{ADDRESS}",
         "txid": "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16", "output": 0,
         "amount": AMOUNT, "output_value": AMOUNT}
STATES = ["DRAFT", "APPROVAL", "SENT", "DELIVERED", "ACKNOWLEDGED", "ACCEPTED", "ANSWERED"]


def new_args(cluster, case, *more, kind="FREEZE", urgency="FLASH", to="fr", assets=None):
    facts, blocks = cluster.path(f"facts-{case}.txt"), cluster.path(f"assets-{case}.json")
    with open(facts, "w", encoding="utf-8") as f:
        f.write("A ransom was paid; the money was traced to this output.\n")
    with open(blocks, "w", encoding="utf-8") as f:
        json.dump([ASSET] if assets is None else assets, f)
    return ["request", "new", "--type", kind, "--class", urgency, "--to", to, "--case", case, "--authority", "Postal police",
            "--country", "IT", "--offence", "ransomware", "--offence-text", "art. 629 c.p.", "--facts", facts, "--link",
            "proceeds of the ransom", "--necessity", "can be withdrawn within minutes", "--assets", blocks, *more]


class Freeze:
    """One freeze request from Italy to France. Each step of STEPS has a side that makes it, and ends only when both see it."""

    STEPS = ["new", "approve", "deliver", "ack", "ack-seen", "accept", "answer", "answer-seen"]
    OWN = {"new": "it", "approve": "it", "ack": "fr", "accept": "fr", "answer": "fr"}  # steps that a person makes
    AFTER = {"approve": "SENT", "ack": "ACKNOWLEDGED", "accept": "ACCEPTED", "answer": "ANSWERED"}
    SEEN = {"deliver": "DELIVERED", "ack-seen": "ACKNOWLEDGED", "answer-seen": "ANSWERED"}

    def __init__(self, cluster, case):
        self.c, self.case, self.id, self.hash = cluster, case, None, None

    def args(self, step):
        if step == "new":
            return new_args(self.c, self.case)
        if step == "approve":
            return ["request", "approve", self.id, "--hash", self.hash]
        if step == "answer":
            return ["request", "answer", self.id, "--measure", "voluntary-hold", "--held", f"0={HELD}", "--expires",
                    "2036-12-25T12:00:00Z", "--text", "Held in part; the rest had left before."]
        return ["request", step, self.id]

    def officer(self, step):
        return {"officer": APPROVER} if step == "approve" else {}

    def find(self):
        """The request as its author finds it again: by the own reference."""
        for r in self.c.it.requests():
            shown = self.c.it.show(r["id"])
            if shown["request"]["case"] == self.case:
                self.id, self.hash = shown["id"], shown["content_sha256"]
                return True
        return False

    def done(self, step):
        if step == "new":
            return self.find()
        node = self.c.nodes[self.OWN[step]]
        return STATES.index(node.show(self.id)["state"]) >= STATES.index(self.AFTER[step])

    def begin(self, step):
        return self.c.nodes[self.OWN[step]].begin(*self.args(step), **self.officer(step))

    def make(self, step):
        if step in self.OWN:
            reply = self.c.nodes[self.OWN[step]].lug(*self.args(step), **self.officer(step))
            if step == "new":
                self.id, self.hash = reply["id"], reply["content_sha256"]
        self.wait(step)

    def wait(self, step):
        if step in self.SEEN:
            state = self.SEEN[step]
            wait_for(f"Italy sees {state}", lambda: STATES.index(self.c.it.show(self.id)["state"]) >= STATES.index(state))

    def again(self, step):
        """After a crash: look, and make the step only if it was not made. Returns whether it was there."""
        there = self.done(step)
        if not there:
            self.make(step)
        elif step == "new" and self.c.it.show(self.id)["state"] == "DRAFT":
            self.c.it.lug("request", "send", self.id)  # cut between the draft and its way to the second person: both are durable acts
        return there

    def play(self, *steps):
        for step in steps or self.STEPS:
            self.make(step)
        return self

    def check_end(self):
        """Both sides tell the same story, and everything in it happened once."""
        it, fr = self.c.it.show(self.id), self.c.fr.show(self.id)
        assert it["state"] == fr["state"] == "ANSWERED"
        assert it["content_sha256"] == fr["content_sha256"] and it["request"] == fr["request"]
        assert [e["event"] for e in it["events"]] == ["submit", "approve", "deliver", "ack", "accept", "answer"], it["events"]
        made = [e for e in fr["events"] if e["event"] in ("ack", "accept", "answer")]
        assert [e["event"] for e in made] == ["ack", "accept", "answer"], fr["events"]
        assert [e["id"] for e in made] == [e["id"] for e in it["events"] if e["arrived"] and e["event"] != "deliver"]
        outcome = it["events"][-1]["part"]["outcome"]
        assert outcome["items"] == [{"asset": 0, "held": HELD, "requested": AMOUNT}]
        assert it["delivery"]["state"] == "acted"
        for node in (self.c.it, self.c.fr):
            cases = [node.show(r["id"])["request"]["case"] for r in node.requests()]
            assert cases.count(self.case) == 1, f"{self.case} is {cases.count(self.case)} times at {node.name}"


def send_to_r2_ms(cluster, freeze):
    """From the approval's call to the receiver's signed acceptance as the sender has it, by the clock of this process."""
    start = time.monotonic()
    freeze.play("approve", "deliver")
    return 1000 * (time.monotonic() - start)


def refused(code, call, *args, **kw):
    """The call must be refused with this very code; returns the error for a look at its words."""
    try:
        got = call(*args, **kw)
    except LugError as e:
        assert e.code == code, f"wanted {code}, got {e}"
        return e
    raise AssertionError(f"wanted {code}, but it was done: {got!r}")
