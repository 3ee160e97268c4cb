# SPDX-License-Identifier: Apache-2.0
"""age files, parcels and receipts as docs/protocol/age.md and parcel.md say them."""
import hashlib
import hmac
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from notes import Note, Text, b64, is_name, number, refuse

CLASSES = (b"flash", b"urgent", b"normal", b"bulk")
FILE_MAX, TEXT_MAX, PART_MAX = 8 << 20, 7 << 20, 4 << 20
OUTER_MAX = 8192
MANIFEST_MAX = 8192 + 1 + 2 * (4 + 64 + 1 + 344 + 1)


# ---- age.md ----

def hkdf(key, salt, info):
    """HKDF-SHA-256, 32 bytes."""
    prk = hmac.digest(salt or bytes(32), key, "sha256")
    return hmac.digest(prk, info + b"\x01", "sha256")


def public_of(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def open_sealed(key, nonce, data):
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, data, None)
    except InvalidTag:
        return None


HEADER_MAX, STANZAS_MAX, CHUNK = 65536, 64, 65536
VISIBLE = re.compile(rb"[\x21-\x7e]+\Z")


class Header:
    def __init__(self, data):
        self.data, self.at, self.stanzas = data, 0, []
        self.version(self.line())
        kinds = []
        while True:
            start = self.at
            line = self.line()
            if line.startswith(b"-> "):
                kinds.append(self.stanza(line[3:].split(b" ")))
            elif line.startswith(b"---"):
                break
            else:
                refuse("format")
        self.mac = b64(line[4:], padded=False) if len(line) == 47 and line[3:4] == b" " else None
        if self.mac is None or not kinds or (b"scrypt" in kinds and len(kinds) > 1):
            refuse("format")
        if b"scrypt" in kinds:
            refuse("unsupported")
        self.covered = data[:start + 3]

    def line(self):
        end = self.data.find(b"\n", self.at)
        if (end < 0 and len(self.data) > HEADER_MAX) or end >= HEADER_MAX:
            refuse("oversize")
        if end < 0:
            refuse("truncated")
        line, self.at = self.data[self.at:end], end + 1
        return line

    @staticmethod
    def version(line):
        if line == b"age-encryption.org/v1":
            return
        armor = line.lstrip(b" \t\r\n")
        begin = b"-----BEGIN AGE ENCRYPTED FILE"
        if len(armor) >= 10 and armor[:len(begin)] == begin[:len(armor)]:
            refuse("unsupported")
        rest = line[len(b"age-encryption.org/"):]
        if not line.startswith(b"age-encryption.org/") or not VISIBLE.match(rest):
            refuse("format")
        refuse("version")

    def stanza(self, args):
        if not all(VISIBLE.match(a) for a in args):
            refuse("format")
        kind, share = args[0], None
        if kind == b"X25519":
            if len(self.stanzas) == STANZAS_MAX:
                refuse("oversize")
            share = b64(args[1], padded=False) if len(args) == 2 else None
            if share is None or len(share) != 32:
                refuse("format")
        if kind == b"scrypt":
            salt = b64(args[1], padded=False) if len(args) == 3 else None
            if salt is None or len(salt) != 16 or not re.fullmatch(rb"[1-9][0-9]?", args[2]) or int(args[2]) > 63:
                refuse("format")
        body = self.body()
        if kind in (b"X25519", b"scrypt") and len(body) != 32:
            refuse("format")
        if share:
            self.stanzas.append((share, body))
        return kind

    def body(self):
        out = b""
        while True:
            line = self.line()
            data = b64(line, padded=False) if len(line) <= 64 else None
            if data is None:
                refuse("format")
            out += data
            if len(line) < 64:
                return out


def file_key(header, secrets):
    for share, sealed in header.stanzas:
        for secret in secrets:
            try:
                shared = X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(share))
            except ValueError:  # low order
                refuse("crypto")
            key = hkdf(shared, share + public_of(secret), b"age-encryption.org/v1/X25519")
            found = open_sealed(key, bytes(12), sealed)
            if found is not None:
                return found
    return refuse("no-match")


def open_payload(key, data):
    out, counter = [], 0
    while True:
        chunk, data = data[:CHUNK + 16], data[CHUNK + 16:]
        last = not data
        if len(chunk) < 16:
            refuse("truncated")
        if last and len(chunk) == 16 and counter:
            refuse("format")
        nonce = [counter.to_bytes(11, "big") + bytes([flag]) for flag in (0, 1)]
        text = open_sealed(key, nonce[last], chunk)
        if text is None:
            if len(chunk) == CHUNK + 16 and open_sealed(key, nonce[not last], chunk) is not None:
                refuse("truncated" if last else "trailing")
            refuse("crypto")
        out.append(text)
        counter += 1
        if last:
            return b"".join(out)


def age_open(data, secrets):
    header = Header(data)
    key = file_key(header, secrets)
    if hmac.digest(hkdf(key, b"", b"header"), header.covered, "sha256") != header.mac:
        refuse("crypto")
    rest = data[header.at:]
    if len(rest) < 16:
        refuse("truncated")
    return open_payload(hkdf(key, rest[:16], b"payload"), rest[16:])


# ---- parcel.md 2 and 3 ----

def outer(text):
    t = Text(text, b"parcel")
    o = {"from": t.name("from"), "to": t.name("to")}
    o["epoch"], o["seq"] = [number(w) for w in t.words("stream", 2)]
    prev = t.bytes("prev")
    o.update(prev=prev.hex(), id=t.hex("id", 16), time=t.time("time"), expires=t.time("expires"))
    value = t.value("class", 64)
    o["class"] = value.decode() if value in CLASSES else refuse("format")
    if t.value("suite", 64) != b"age-x25519":
        refuse("unsupported")
    o.update(size=t.number("size", FILE_MAX), sha256=t.bytes("sha256").hex())
    if o["from"] == o["to"]:
        refuse("inval")
    if not o["epoch"] or not o["seq"]:
        refuse("range")
    if (o["seq"] == 1) != (prev == bytes(32)) or o["expires"] <= o["time"]:
        refuse("inval")
    if not o["size"]:
        refuse("range")
    t.end()
    return o


MEDIA_TYPE = re.compile(rb"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+\Z")


def part(t, n):
    index, media_type, size, hashed = t.words("part", 4)
    if number(index, 16) != n:
        refuse("format")
    if len(media_type) > 96:
        refuse("oversize")
    if not MEDIA_TYPE.match(media_type):
        refuse("format")
    size = number(size, PART_MAX)
    if not size:
        refuse("range")
    return {"media_type": media_type.decode(), "size": size, "sha256": t.as_bytes(hashed).hex()}


def manifest(text):
    t = Text(text, b"manifest")
    m = {"from": t.name("from"), "to": []}
    while not m["to"] or t.next_is("to"):
        if len(m["to"]) == 16:
            refuse("range")
        to = t.name("to")
        if to == m["from"] or (m["to"] and m["to"][-1] >= to):
            refuse("inval")
        m["to"].append(to)
    for key in ("officer", "case", "purpose", "basis", "handling", "marking", "grade"):
        word = t.words(key, 1)[0]
        m[key] = word.decode() if len(word) <= 64 else refuse("oversize")
    m["parts"] = []
    while not m["parts"] or t.next_is("part"):
        if len(m["parts"]) == 16:
            refuse("range")
        m["parts"].append(part(t, len(m["parts"]) + 1))
    m["pad"] = t.number("pad", TEXT_MAX)
    t.end()
    m["known"] = bool(re.fullmatch("H[0-3]", m["handling"]) and re.fullmatch("[ABCX][1-4]", m["grade"]) and
                      re.fullmatch(r"TLP:(RED|AMBER\+STRICT|AMBER|GREEN|CLEAR)", m["marking"]))
    return m


def is_bucket(size):
    """4,096, or at most three significant bits above it."""
    return size == 4096 or (size > 4096 and size % (1 << size.bit_length() - 3) == 0)


def inside(text, out, evidence_keys):
    if len(text) > TEXT_MAX:
        refuse("oversize")
    size = int.from_bytes(text[:4], "big")
    if len(text) < 4:
        refuse("truncated")
    if size > MANIFEST_MAX:
        refuse("oversize")
    raw, rest = text[4:4 + size], text[4 + size:]
    if len(raw) < size:
        refuse("truncated")
    note = Note(raw)
    m = manifest(note.text)
    note.verify(evidence_keys)
    if m["from"] != out["from"] or out["to"] not in m["to"]:
        refuse("denied")
    for p in m["parts"]:
        data, rest = rest[:p["size"]], rest[p["size"]:]
        if len(data) < p["size"]:
            refuse("truncated")
        if hashlib.sha256(data).hexdigest() != p["sha256"]:
            refuse("crypto")
    if len(rest) != m["pad"]:
        refuse("truncated" if len(rest) < m["pad"] else "trailing")
    if rest.strip(b"\0") or not is_bucket(len(text)):
        refuse("format")
    return m


def body(data, node_keys, evidence_keys, secrets):
    """Each parcel of a body, opened (parcel.md 1 and 4)."""
    out = []
    while data:
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4:
            refuse("truncated")
        if size > OUTER_MAX:
            refuse("oversize")
        raw, data = data[4:4 + size], data[4 + size:]
        if len(raw) < size:
            refuse("truncated")
        note = Note(raw)
        o = outer(note.text)
        file, data = data[:o["size"]], data[o["size"]:]
        if len(file) < o["size"]:
            refuse("truncated")
        note.verify(node_keys)
        if hashlib.sha256(file).hexdigest() != o["sha256"]:
            refuse("crypto")
        out.append({"outer": o, "text_sha256": hashlib.sha256(note.text).hexdigest(),
                    "manifest": inside(age_open(file, secrets), o, evidence_keys)})
    return {"parcels": out}


# ---- receipts (parcel.md 5) ----

RECEIPTS = ("R1 stored", "R2 accepted", "R2 refused", "R2 quarantined", "R3 seen", "R4 acted")


def receipt(text):
    t = Text(text, b"receipt")
    r = {"from": t.name("from"), "to": t.name("to"), "time": t.time("time"), "id": t.hex("id", 16),
         "sha256": t.bytes("sha256").hex(), "reason": ""}
    value = t.value("receipt", 76)
    for kind in RECEIPTS:
        if value == kind.encode() and kind != "R2 refused":
            r["receipt"] = kind
    if value.startswith(b"R2 refused ") and is_name(value[11:]):
        r["receipt"], r["reason"] = "R2 refused", value[11:].decode()
    if "receipt" not in r:
        refuse("format")
    r["head"] = t.place("head", "inval")
    if r["from"] == r["to"]:
        refuse("inval")
    t.end()
    return r
