# SPDX-License-Identifier: Apache-2.0
"""A member with keys of its own that speaks the protocol from docs/protocol alone, and can therefore say what lugd never would.

Signed notes, age files and parcels are written here a second time, with the library `cryptography` and nothing of the product."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import ssl
import struct
import subprocess
import time
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cluster import lug

TYPE = "lugdunum.network/"
REQUEST = "application/vnd.lugdunum.request+json"
BUCKET_MIN = 4096


def b64(data, pad=True):
    text = base64.b64encode(data).decode()
    return text if pad else text.rstrip("=")


def sha256(data):
    return hashlib.sha256(data).digest()


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


class Key:
    """An Ed25519 key with its name, as notes are signed."""

    def __init__(self, name):
        self.name, self.secret = name, Ed25519PrivateKey.generate()
        public = b"\x01" + raw(self.secret.public_key())
        self.id = sha256(name.encode() + b"\n" + public)[:4]
        self.vkey = f"{name}+{self.id.hex()}+{b64(public)}"

    def sign(self, text):
        signature = b64(self.id + self.secret.sign(text.encode()))
        return f"{text}\n\u2014 {self.name} {signature}\n"


def hkdf(secret, salt, info):
    return HKDF(hashes.SHA256(), 32, salt or None, info).derive(secret)


def age_encrypt(recipient, text):
    """age v1 to one X25519 recipient (docs/protocol/age.md 2 and 3)."""
    file_key, ephemeral = os.urandom(16), X25519PrivateKey.generate()
    share = raw(ephemeral.public_key())
    wrap = hkdf(ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient)), share + recipient, b"age-encryption.org/v1/X25519")
    sealed = ChaCha20Poly1305(wrap).encrypt(bytes(12), file_key, None)
    header = f"age-encryption.org/v1\n-> X25519 {b64(share, False)}\n{b64(sealed, False)}\n---".encode()
    mac = hmac.new(hkdf(file_key, b"", b"header"), header, hashlib.sha256).digest()
    nonce = os.urandom(16)
    stream, out = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload")), header + b" " + b64(mac, False).encode() + b"\n" + nonce
    chunks = [text[i:i + 65536] for i in range(0, len(text), 65536)] or [b""]
    for n, chunk in enumerate(chunks):
        out += stream.encrypt(n.to_bytes(11, "big") + bytes([n == len(chunks) - 1]), chunk, None)
    return out


def frames(body):
    out = []
    while body:
        n = struct.unpack(">I", body[:4])[0]
        out.append(body[4:4 + n].decode())
        body = body[4 + n:]
    return out


class Member:
    def __init__(self, cluster, name, country="JP", join=True, port=1):
        """join: let governance make it a member, and give its node note to all. port: where it answers; nothing listens on 1."""
        self.c, self.name, self.port = cluster, name, port
        self.node, self.evidence, self.epoch = Key(name), Key(f"{name}/evidence"), X25519PrivateKey.generate()
        self.audit = Key(f"{name}/audit")
        self.seq, self.prev = 1, bytes(32)
        self._make_tls()
        identity = cluster.keygen(f"{name}.key", f"{name}/identity")
        self.note = self.write_node_note()
        if not join:
            return
        members = cluster.path(f"members-with-{name}.note")
        cluster.members_note(members, "--previous", cluster.path("members.note"), "--member", f"{name},{country},police,{identity}")
        for n in cluster.nodes.values():
            n.lug("network", "install", members, self.note)

    def _make_tls(self):
        self.tls = self.c.path(f"{self.name}-tls.key"), self.c.path(f"{self.name}-tls.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                        self.tls[0], "-out", self.tls[1], "-days", "2", "-subj", f"/CN={self.name}"], check=True, capture_output=True,
                       timeout=20)
        spki = subprocess.run(["openssl", "pkey", "-in", self.tls[0], "-pubout", "-outform", "DER"], check=True, capture_output=True,
                              timeout=20).stdout
        self.pin = sha256(spki)

    def write_node_note(self):
        now = int(time.time())
        span = f"{now - 3600} {now + 86400}"
        text = "\n".join([
            TYPE + "node/v1", f"node {self.name}", "version 1", f"previous {b64(bytes(32))}", f"from {now - 3600}",
            f"until {now + 86400}", f"endpoint https://127.0.0.1:{self.port}", f"pin {b64(self.pin)}", f"key node {span} {self.node.vkey}",
            f"key evidence {span} {self.evidence.vkey}",
            f"key audit {span} {self.audit.vkey}", f"epoch 1 {span} {b64(raw(self.epoch.public_key()))}", "language en", ""])
        file = self.c.path(f"{self.name}.note")
        with open(file, "w", encoding="utf-8") as f:
            f.write(text)
        lug("network", "sign", file, "--key", self.c.path("offline", f"{self.name}.key"))
        return file

    # -- writing --

    def request(self, **fields):
        """The JSON part of an INFO request to France."""
        return {"version": 1, "id": str(uuid.UUID(int=int(time.time() * 1000) << 80 | 7 << 76 | 2 << 62 | int.from_bytes(os.urandom(7), "big"))),
                "type": "INFO", "class": "ROUTINE", "from": self.name, "to": "fr", "case": "JP 1", "created_at":
                time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "authority": {"name": "Police", "country": "JP"}, "relation":
                {"kind": "new"}, "offence": {"code": "ransomware", "text": "extortion"}, "facts": "As told.", "language": "en", "link":
                "x", "necessity": "y", "confidentiality": {"subject": "must-not-know", "custodian": "ask-first"}, "reply_language":
                "en", "handling": {"code": "H1", "marking": "TLP:AMBER", "grade": "X4", "purpose": "criminal-investigation", "basis":
                                   "national-law"}, **fields}

    def manifest(self, part, **lines):
        known = {"from": self.name, "to": "fr", "officer": "o-1", "case": "c-1", "purpose": "criminal-investigation", "basis": "national-law",
                 "handling": "H1", "marking": "TLP:AMBER", "grade": "X4", **lines}
        return TYPE + "manifest/v1\n" + "".join(f"{k} {v}\n" for k, v in known.items()) + f"part 1 {REQUEST} {len(part)} {b64(sha256(part))}\n"

    def sealed(self, to_key, part, evidence=None, **lines):
        """The age file of one part, padded to its bucket."""
        head = self.manifest(part, **lines)
        for pad in range(BUCKET_MIN):
            note = (evidence or self.evidence).sign(head + f"pad {pad}\n").encode()
            if 4 + len(note) + len(part) + pad == BUCKET_MIN:
                return age_encrypt(to_key, struct.pack(">I", len(note)) + note + part + bytes(pad))
        raise AssertionError("the part does not fit the smallest bucket")

    def outer(self, file, key=None, **lines):
        now = int(time.time())
        known = {"from": self.name, "to": "fr", "stream": f"1 {self.seq}", "prev": b64(self.prev), "id": os.urandom(16).hex(), "time": now,
                 "expires": now + 3600, "class": "normal", "suite": "age-x25519", "size": len(file), "sha256": b64(sha256(file)), **lines}
        text = TYPE + "parcel/v1\n" + "".join(f"{k} {v}\n" for k, v in known.items())
        note = (key or self.node).sign(text).encode()
        return text, struct.pack(">I", len(note)) + note + file

    # -- speaking --

    def post(self, node, path, body, kind="parcel", headers=None):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
        ctx.load_cert_chain(self.tls[1], self.tls[0])
        c = http.client.HTTPSConnection("127.0.0.1", node.port, timeout=20, context=ctx)
        try:
            c.request("POST", path, body, headers or {"Content-Type": f"application/vnd.lugdunum.{kind}"})
        except (BrokenPipeError, ConnectionResetError):
            pass  # the answer came before the body was read
        r = c.getresponse()
        status, reply = r.status, r.read()
        c.close()
        return status, reply

    def meet(self, node):
        """Show a head (docs/protocol/streams.md 5): nothing received, and how far this stream has come. No parcel is taken before."""
        zeros = b64(bytes(32))
        text = (f"{TYPE}head/v1\nfrom {self.name}\nto {node.name}\ntime {int(time.time() * 1000)}\nreceived 1 0 {zeros}\ntop 0\n"
                f"sent 1 {self.seq - 1} {b64(self.prev)}\nshown 1 0\n")
        note = self.node.sign(text).encode()
        status, reply = self.post(node, "/x/v1/heads", struct.pack(">I", len(note)) + note, "frames")
        assert status == 200, (status, reply)

    def send(self, node, text, parcel):
        """Post one parcel; the receipts and refusals that came back, in words. A stored parcel uses up its number."""
        self.meet(node)
        status, reply = self.post(node, "/x/v1/parcels", parcel)
        assert status == 200, (status, reply)
        out = []
        for note in frames(reply):
            lines = dict(line.split(" ", 1) for line in note.split("\n\n")[0].split("\n")[1:])
            if note.startswith(TYPE + "receipt/v1"):
                out.append(lines["receipt"])
            elif note.startswith(TYPE + "refusal/v1"):
                out.append("refusal " + lines["code"])
        if "R1 stored" in out:
            self.took(text)
        return out

    def took(self, text):
        self.seq, self.prev = self.seq + 1, sha256(text.encode())

    def epoch_key(self, name):
        """The encryption key that the directory of the network names for now."""
        note = self.c.it.api("GET", f"/v1/members/{name}")["node"]
        now = time.time()
        return base64.b64decode(max((e for e in note["epochs"] if e["from"] <= now < e["until"]), key=lambda e: e["number"])["key"])


def part_of(request):
    return json.dumps(request, separators=(",", ":")).encode()
