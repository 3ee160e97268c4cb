# SPDX-License-Identifier: Apache-2.0
"""Networks of real nodes on loopback, made with lug alone: folders, keys, governance, notes, daemons."""
import json
import os
import signal
import socket
import subprocess
import time

import pytest

LUG = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin", "lug")
OFFICERS = {"anna": "officer", "bruno": "approver", "dora": "officer,approver", "paul": "duty,officer", "root": "admin"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def lug(*args, ok=True, officer=None, node=None, stdin=None):
    """Run lug --json and give its answer; with ok=False the error object."""
    where = (["--node", str(node)] if node else []) + (["--officer", officer] if officer else [])
    r = subprocess.run([LUG, *map(str, args), *where, "--json"], capture_output=True, text=True, timeout=60, input=stdin)
    assert (r.returncode == 0) == ok, f"lug {args}: {r.returncode} {r.stdout} {r.stderr}"
    return json.loads(r.stdout) if r.stdout.strip() else None


def eventually(what, seconds=20):
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            assert value
            return value
        time.sleep(0.05)


class Node:
    def __init__(self, folder, name):
        self.folder, self.name, self.port, self.process = folder, name, free_port(), None
        lug("init", folder, "--name", name, "--listen", f"127.0.0.1:{self.port}", "--officer-id", "root", "--roles", "admin",
            "--shared-uid")

    def start(self):
        log = open(str(self.folder) + ".log", "a", encoding="utf-8")
        self.process = subprocess.Popen([LUG, "serve", str(self.folder)], stderr=log, stdout=log)
        log.close()
        eventually(self.answers)

    def answers(self):
        assert self.process.poll() is None, open(str(self.folder) + ".log", encoding="utf-8").read()
        r = subprocess.run([LUG, "status", "--node", str(self.folder), "--officer", "root", "--json"], capture_output=True, timeout=60)
        return r.returncode == 0

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        self.process.wait(timeout=20)

    def lug(self, officer, *args, **options):
        return lug(*args, officer=officer, node=self.folder, **options)


class Network:
    def __init__(self, folder, names):
        self.nodes = {name: Node(folder / name, name) for name in names}
        for node in self.nodes.values():
            node.start()
            for officer, roles in OFFICERS.items():
                if officer != "root":
                    node.lug("root", "officer", "set", officer, "--roles", roles)
        self.form(folder)

    def form(self, folder):
        governors = [lug("network", "keygen", folder / f"g{i}.key", "--name", f"governor-{i}")["public"] for i in (1, 2, 3)]
        members = []
        for name in self.nodes:
            key = lug("network", "keygen", folder / f"{name}.key", "--name", f"{name}/identity")["public"]
            members += ["--member", f"{name},{name[:2].upper()},police,{key}"]
        notes = [folder / "members.note"]
        lug("network", "draft", "--threshold", 2, *(x for g in governors for x in ("--governor", g)), *members, "--out", notes[0])
        for i in (1, 2):
            lug("network", "sign", notes[0], "--key", folder / f"g{i}.key")
        for name, node in self.nodes.items():
            notes.append(folder / f"{name}.note")
            node.lug("root", "member", "note", "--endpoint", f"https://127.0.0.1:{node.port}", "--language", "en", "--power", "freeze",
                     "--contact", "duty officer,+39 06 1234", "--out", notes[-1])
            lug("network", "sign", notes[-1], "--key", folder / f"{name}.key")
        for node in self.nodes.values():
            node.lug("root", "network", "install", *notes)

    def __getitem__(self, name):
        return self.nodes[name]

    def close(self):
        for node in self.nodes.values():
            if node.process and node.process.poll() is None:
                node.process.kill()
                node.process.wait()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    net = Network(tmp_path_factory.mktemp("network"), ["fr.paris", "it.rome"])
    yield net
    net.close()
