#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the conformance vectors, tests/vectors/conformance: make_vectors.py DIR. A second writer of every format, made from the
documents; all randomness is SHA-256 of a counter. What must happen to a case stands here, beside how it is made."""
import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import logs
from decode import decode

RAW = (Encoding.Raw, PublicFormat.Raw)


def b64(data):
    return base64.b64encode(data).decode()


def b64raw(data):
    return b64(data).rstrip("=")


def sha(data):
    return hashlib.sha256(data).digest()


class Random:
    """The fixed randomness: SHA-256 of a label and a counter."""

    def __init__(self, label):
        self.label, self.n = label, 0

    def __call__(self, size):
        out = b""
        while len(out) < size:
            out += sha(f"{self.label} {self.n}".encode())
            self.n += 1
        return out[:size]


class Key:
    def __init__(self, name):
        self.name = name
        self.seed = sha(f"seed of {name}".encode())
        self.private = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public = self.private.public_key().public_bytes(*RAW)
        self.vkey = f"{name}+{self.id(1).hex()}+{b64(bytes([1]) + self.public)}"

    def id(self, algorithm):
        return sha(self.name.encode() + b"\n" + bytes([algorithm]) + self.public)[:4]

    def line(self, text):
        return f"\u2014 {self.name} {b64(self.id(1) + self.private.sign(text))}\n".encode()

    def cosign(self, text, time):
        signature = self.private.sign(b"cosignature/v1\ntime %d\n" % time + text)
        return f"\u2014 {self.name} {b64(self.id(4) + time.to_bytes(8, 'big') + signature)}\n".encode()


def sign(text, *keys):
    text = text if isinstance(text, bytes) else text.encode()
    return text + b"\n" + b"".join(k.line(text) for k in keys)


IT, FR, JP, XX = Key("it.example"), Key("fr.example"), Key("jp.example"), Key("xx.example")
EVIDENCE, AUDIT, WITNESS = Key("it.example/evidence"), Key("it.example/audit"), Key("fr.example/audit")
GOVERNORS = [Key(f"governor-{i}") for i in (1, 2, 3)]
SECRETS = {name: sha(f"epoch of {name}".encode()) for name in ("fr.example", "jp.example", "xx.example")}
ZERO = b64(bytes(32))
HASH = b64(sha(b"a hash"))
NOW = 1700000000


def x25519_public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(*RAW)


# ---- cases ----

GROUPS = {}


def case(group, name, kind, data, result, **more):
    """One case; its fields are those of the second decoder, which must come to the same result."""
    c = {"name": name, "kind": kind, "result": result, **more}
    if data is not None:
        data = data if isinstance(data, bytes) else data.encode()
        try:
            c.update({"base64": b64(data)} if b"\0" in data else {"text": data.decode()})
        except UnicodeDecodeError:
            c["base64"] = b64(data)
    got = decode(c)
    if got["result"] != result:
        sys.exit(f"{group}, {name}: {result} is wanted, the decoder says {got}")
    if result == "ok":
        c["fields"] = got["fields"]
    GROUPS.setdefault(group, []).append(c)


def variants(group, kind, good, rows, **more):
    """Each row changes one thing of a good text: (name, what, by what, result)."""
    case(group, f"a good {kind}", kind, good, "ok", **more)
    for name, old, new, result in rows:
        if old not in good:
            sys.exit(f"{group}, {name}: {old!r} is not in the text")
        case(group, f"{kind}: {name}", kind, good.replace(old, new, 1), result, **more)


COMMON = [
    ("another version", "/v1\n", "/v2\n", "version"),
    ("version 0 of the type", "/v1\n", "/v0\n", "version"),
    ("another type", "lugdunum.network/", "lugdunum.example/", "key-type"),
    ("carriage return", "\n", "\r\n", "format"),
]


def with_common(rows):
    return COMMON + rows


# ---- notes ----

def notes():
    keys = [IT.vkey, EVIDENCE.vkey, FR.vkey]
    text = "lugdunum.network/example/v1\nname it.example\n"

    def one(name, data, result):
        case("note", name, "note", data, result, keys=keys)

    one("one signature", sign(text, IT), "ok")
    one("two signatures", sign(text, IT, FR), "ok")
    one("an unknown key beside a known one is skipped", sign(text, XX, EVIDENCE), "ok")
    one("empty lines in the text", sign("a\n\nb \u00e9\u65e5\n\n\n", IT), "ok")
    one("the largest text", sign("a\n" + "b" * 8189 + "\n", IT), "ok")
    one("a text of one byte more", sign("a\n" + "b" * 8190 + "\n", IT), "oversize")
    one("only an unknown key", sign(text, XX), "key-unknown")
    one("a known key's signature of another text", sign(text, IT).replace(b"it.example\n", b"it.exampl3\n", 1), "signature")
    one("one that holds, one that does not", sign(text, IT) + FR.line(b"other\n"), "signature")
    good = sign(text, IT)
    raw = base64.b64decode(good.split(b" ")[-1])
    high = raw[:36] + (int.from_bytes(raw[36:], "little") + 2**252 + 27742317777372353535851937790883648493).to_bytes(32, "little")
    for name, data in (("S is not below the group's order", high), ("a signature of 63 bytes", raw[:-1]),
                       ("a signature of 65 bytes", raw + b"\0"), ("R of small order", raw[:4] + b"\1" + bytes(31) + raw[36:])):
        one(name, good.replace(b64(raw).encode(), b64(data).encode()), "signature")
    one("a small-order key, which signs everything", b"a\n\n\xe2\x80\x94 weak " + b64(key_id("weak", b"\1" + bytes(31)) + b"\1" + bytes(63)).encode() +
        b"\n", "key-unknown")
    case("note", "the same, when the key is known", "note", b"a\n\n\xe2\x80\x94 weak " +
         b64(key_id("weak", b"\1" + bytes(31)) + b"\1" + bytes(63)).encode() + b"\n", "signature",
         keys=[f"weak+{key_id('weak', bytes([1]) + bytes(31)).hex()}+{b64(bytes([1, 1]) + bytes(31))}"])
    one("sixteen unknown signatures and no known one", text + "\n" + "".join(
        f"\u2014 k{i} {b64(bytes([i]) * 68)}\n" for i in range(16)), "key-unknown")
    one("seventeen signatures", text + "\n" + "".join(f"\u2014 k{i} {b64(bytes([i]) * 68)}\n" for i in range(17)), "oversize")
    one("a signature of 256 bytes of an unknown algorithm", good + b"\xe2\x80\x94 k " + b64(bytes(256)).encode() + b"\n", "ok")
    one("a signature of 257 bytes", good + b"\xe2\x80\x94 k " + b64(bytes(257)).encode() + b"\n", "oversize")
    one("name of 64 bytes", good + "\u2014 ".encode() + b"k" * 64 + b" AAAAAAE=\n", "ok")
    for name, data in MALFORMED:
        one(name, data, "format")
    good = IT.vkey
    variants("note", "vkey", good, [
        ("another id", f"+{IT.id(1).hex()}+", "+00000000+", "checksum"),
        ("id in upper case", f"+{IT.id(1).hex()}+", f"+{IT.id(1).hex().upper()}+", "format"),
        ("a name with a capital", "it.", "It.", "format"),
        ("no name", "it.example", "", "format"),
        ("another algorithm", b64(b"\1" + IT.public), b64(b"\2" + IT.public), "unsupported"),
        ("a key of 31 bytes", b64(b"\1" + IT.public), b64(b"\1" + IT.public[:31]), "unsupported"),
        ("base64 without padding", b64(b"\1" + IT.public), b64(b"\1" + IT.public[:30]).rstrip("="), "format"),
    ])


def key_id(name, key):
    return sha(name.encode() + b"\n\x01" + key)[:4]


DASH = "\u2014 ".encode()
MALFORMED = [
    ("nothing", b""), ("no signature", b"a\n\n"), ("no empty line", b"a\n" + DASH + b"k AAAAAAE=\n"),
    ("empty first line", b"\n\n" + DASH + b"k AAAAAAE=\n"), ("no line feed at the end", b"a\n\n" + DASH + b"k AAAAAAE="),
    ("carriage return", b"a\r\n\n" + DASH + b"k AAAAAAE=\n"), ("tabulator", b"a\t\n\n" + DASH + b"k AAAAAAE=\n"),
    ("control character U+0085", b"a\xc2\x85\n\n" + DASH + b"k AAAAAAE=\n"), ("not UTF-8", b"a\xff\n\n" + DASH + b"k AAAAAAE=\n"),
    ("overlong UTF-8", b"a\xc0\xaf\n\n" + DASH + b"k AAAAAAE=\n"), ("a surrogate", b"a\xed\xa0\x80\n\n" + DASH + b"k AAAAAAE=\n"),
    ("empty line behind", b"a\n\n" + DASH + b"k AAAAAAE=\n\n"), ("a hyphen instead of a dash", b"a\n\n- k AAAAAAE=\n"),
    ("no key name", b"a\n\n" + DASH + b" AAAAAAE=\n"), ("plus in the key's name", b"a\n\n" + DASH + b"k+l AAAAAAE=\n"),
    ("no-break space in the key's name", b"a\n\n" + DASH + b"k\xc2\xa0l AAAAAAE=\n"),
    ("two spaces", b"a\n\n" + DASH + b"k  AAAAAAE=\n"), ("key id without signature", b"a\n\n" + DASH + b"k AAAAAA==\n"),
    ("base64 without padding", b"a\n\n" + DASH + b"k AAAAAAE\n"), ("base64 with trailing bits", b"a\n\n" + DASH + b"k AAAAAAF=\n"),
    ("base64 of the URL alphabet", b"a\n\n" + DASH + b"k AAAA_AE=\n"),
    ("a name of 65 bytes", b"a\n\n" + DASH + b"k" * 65 + b" AAAAAAE=\n"),
    ("one name and key id twice", b"a\n\n" + DASH + b"k AAAAAAE=\n" + DASH + b"k AAAAAAI=\n"),
]


# ---- age ----

def hkdf(key, salt, info):
    prk = hmac.digest(salt or bytes(32), key, "sha256")
    return hmac.digest(prk, info + b"\x01", "sha256")


def stanza(random, key, recipient):
    secret = random(32)
    share = x25519_public(secret)
    shared = X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(recipient))
    wrap = hkdf(shared, share + recipient, b"age-encryption.org/v1/X25519")
    sealed = ChaCha20Poly1305(wrap).encrypt(bytes(12), key, None)
    return f"-> X25519 {b64raw(share)}\n{b64raw(sealed)}\n".encode()


def age(label, text, *recipients, header=lambda h: h, chunks=None):
    random = Random(label)
    key = random(16)
    head = b"age-encryption.org/v1\n" + b"".join(stanza(random, key, x25519_public(SECRETS[r])) for r in recipients)
    head = header(head) + b"---"
    head += b" " + b64raw(hmac.digest(hkdf(key, b"", b"header"), head, "sha256")).encode() + b"\n"
    nonce = random(16)
    aead, out = ChaCha20Poly1305(hkdf(key, nonce, b"payload")), b""
    pieces = chunks or [text[i:i + 65536] for i in range(0, len(text), 65536)] or [b""]
    for i, piece in enumerate(pieces):
        out += aead.encrypt(i.to_bytes(11, "big") + bytes([i == len(pieces) - 1]), piece, None)
    return head + nonce + out


def ages():
    secrets = [SECRETS["fr.example"].hex()]

    def one(name, data, result, **more):
        case("age", name, "age", data, result, secrets=more.get("secrets", secrets))

    good = age("age", b"freeze it\n", "fr.example")
    one("one recipient", good, "ok")
    one("empty text", age("empty", b"", "fr.example"), "ok")
    one("two recipients, the second is ours", age("two", b"text", "jp.example", "fr.example"), "ok")
    big = bytes(range(256)) * 257
    one("a chunk and a bit", age("chunk", big, "fr.example"), "ok")
    other = b"-> other some arguments\n" + b"A" * 64 + b"\nAAAA\n"
    one("a stanza of another kind is passed over", age("other", b"text", "fr.example", header=lambda h: h + other), "ok")
    one("for somebody else", age("else", b"text", "jp.example"), "no-match")
    one("no stanza of this kind", age("none", b"text", header=lambda h: h + other), "no-match")
    one("no stanza", age("no", b"text"), "format")
    one("another version", good.replace(b"/v1\n", b"/v2\n"), "version")
    one("not age", b"something else\n", "format")
    one("armored", b"-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n", "unsupported")
    one("a passphrase", age("scrypt", b"text", header=lambda h: h + b"-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\n" + b"A" * 43 + b"\n"), "unsupported")
    one("a passphrase beside a recipient", age("both", b"text", "fr.example", header=lambda h: h +
                                               b"-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\n" + b"A" * 43 + b"\n"), "format")
    zero = b"-> X25519 " + b64raw(bytes(32)).encode() + b"\n" + b"A" * 43 + b"\n"
    one("a share of low order", age("low", b"text", "fr.example", header=lambda h: b"age-encryption.org/v1\n" + zero), "crypto")
    one("a share of 31 bytes", age("short", b"text", "fr.example", header=lambda h: h + zero.replace(b"A" * 43 + b"\n", b"A" * 42 + b"\n", 1)), "format")
    one("a sealed key of 31 bytes", age("shortkey", b"text", "fr.example", header=lambda h: h + zero[:-44] + b"A" * 42 + b"\n"), "format")
    one("base64 with padding", age("pad", b"text", "fr.example", header=lambda h: h + zero[:-1] + b"=\n"), "format")
    one("sixty-four recipients", age("many", b"text", *["jp.example"] * 63, "fr.example"), "ok")
    one("sixty-five recipients", age("more", b"text", *["jp.example"] * 64, "fr.example"), "oversize")
    one("a header above its limit", age("long", b"text", "fr.example", header=lambda h: h + b"-> x\n" + (b"A" * 64 + b"\n") * 1020 + b"\n"), "oversize")
    end = good.index(b"\n---") + 1
    mac = good[end + 4:end + 47]
    one("the MAC changed", good.replace(mac, b64raw(sha(b"other")).encode()), "crypto")
    one("cut off in the header", good[:40], "truncated")
    one("cut off in the nonce", good[:end + 48 + 7], "truncated")
    one("cut off before the payload", good[:end + 48 + 16], "truncated")
    one("cut off in the last chunk", good[:-1], "crypto")
    one("a byte behind", good + b"\0", "crypto")
    one("a bit of the payload changed", good[:-20] + bytes([good[-20] ^ 1]) + good[-19:], "crypto")
    one("the last chunk is gone", age("chunk", big, "fr.example")[:-(256 + 16)], "truncated")
    one("a chunk behind the last", age("full", big[:65536], "fr.example") + bytes(20), "trailing")
    one("an empty last chunk", age("emptylast", b"", "fr.example", chunks=[big[:65536], b""]), "format")


# ---- parcels ----

REQUEST = b'{"type":"FREEZE","class":"FLASH"}'
PARTS = [("application/vnd.lugdunum.request+json", REQUEST), ("text/plain", "Quattro milioni, partiti oggi 14:02.\n".encode())]


def is_bucket(n):
    return n == 4096 or (n > 4096 and n % (1 << n.bit_length() - 3) == 0)


def manifest_text(parts, pad, **change):
    f = {"from": "it.example", "to": ["fr.example", "jp.example"], "officer": "o-17", "case": "2026/118-A", "purpose": "freeze",
         "basis": "cybercrime-art-25", "handling": "H1", "marking": "TLP:AMBER+STRICT", "grade": "A1", **change}
    lines = ["lugdunum.network/manifest/v1", f"from {f['from']}"] + [f"to {to}" for to in f["to"]]
    lines += [f"{k} {f[k]}" for k in ("officer", "case", "purpose", "basis", "handling", "marking", "grade")]
    lines += [f"part {i} {kind} {len(data)} {b64(sha(data))}" for i, (kind, data) in enumerate(parts, 1)]
    return "\n".join(lines + [f"pad {pad}"]) + "\n"


def age_text(parts, key=EVIDENCE, spoil=lambda note: note, tail=None, **change):
    """manifest_len | manifest note | parts | padding, which fills a bucket."""
    bodies = b"".join(data for _, data in parts)

    def made(pad):
        note = spoil(sign(manifest_text(parts, pad, **change), key))
        return len(note).to_bytes(4, "big") + note + bodies
    size = 4096
    while True:
        left = size - len(made(0)) + 1
        for digits in range(1, 8):
            pad = left - digits
            if pad >= 0 and len(str(pad)) == digits:
                return made(pad) + (bytes(pad) if tail is None else tail(pad))
        size += 1
        while not is_bucket(size):
            size += 1


def outer_text(file, **change):
    f = {"from": "it.example", "to": "fr.example", "stream": "1 1", "prev": ZERO, "id": "018bcfe5680070018002000000000000", "time": NOW,
         "expires": NOW + 86400, "class": "flash", "suite": "age-x25519", "size": len(file), "sha256": b64(sha(file)), **change}
    return "lugdunum.network/parcel/v1\n" + "".join(f"{k} {v}\n" for k, v in f.items())


def parcel(file, key=IT, **change):
    note = sign(outer_text(file, **change), key)
    return len(note).to_bytes(4, "big") + note + file


def parcels():
    more = {"keys": [IT.vkey], "evidence_keys": [EVIDENCE.vkey], "secrets": [SECRETS["fr.example"].hex()]}

    def one(name, data, result):
        case("parcel", name, "parcel", data, result, **more)

    def sealed(label, text):
        return age(label, text, "fr.example", "jp.example")
    file = sealed("parcel", age_text(PARTS))
    good = parcel(file)
    one("a good parcel", good, "ok")
    second = sealed("second", age_text([("text/plain", bytes(range(256)) * 20)]))
    one("two of one stream", good + parcel(second, stream="1 2", prev=b64(sha(outer_text(file).encode())),
                                           id="018bcfe5680070018002000000000001", **{"class": "normal"}), "ok")
    one("no parcel at all", b"", "ok")
    one("an unknown handling code: quarantine", parcel(sealed("h9", age_text(PARTS, handling="H9"))), "ok")
    one("cut off in the length", good[:3], "truncated")
    one("cut off in the note", good[:100], "truncated")
    one("cut off in the file", good[:-1], "truncated")
    one("a byte behind", good + b"\0", "truncated")
    one("a note above its limit", (8193).to_bytes(4, "big") + good[4:], "oversize")
    one("signed by a key that is not known", parcel(file, key=XX), "key-unknown")
    one("signed by the evidence key", parcel(file, key=EVIDENCE), "key-unknown")
    changed = good[4:].replace(b"class flash\n", b"class bulk\n", 1)
    one("the class changed after signing", (int.from_bytes(good[:4], "big") - 1).to_bytes(4, "big") + changed, "signature")
    one("the file changed", good[:-1] + bytes([good[-1] ^ 1]), "crypto")
    one("another size, and the file as long", parcel(file + b"\0", size=len(file) + 1, sha256=b64(sha(file))), "crypto")
    one("for somebody else", parcel(age("not ours", age_text(PARTS), "jp.example")), "no-match")
    one("the manifest by a key that is not known", parcel(sealed("mk", age_text(PARTS, key=XX))), "key-unknown")
    one("the manifest by the node key", parcel(sealed("mn", age_text(PARTS, key=IT))), "key-unknown")
    one("the manifest changed after signing", parcel(sealed("mc", age_text(PARTS, spoil=lambda n: n.replace(b"H1", b"H2")))), "signature")
    one("another agency speaks inside", parcel(sealed("from", age_text(PARTS, **{"from": "de.example"}))), "denied")
    one("we are not among the recipients", parcel(sealed("to", age_text(PARTS, to=["jp.example"]))), "denied")
    one("a part changed", parcel(sealed("part", age_text(PARTS).replace(b"FREEZE", b"UNFREE"))), "crypto")
    one("padding of one byte less", parcel(sealed("less", age_text(PARTS, tail=lambda n: bytes(n - 1)))), "truncated")
    one("padding of one byte more", parcel(sealed("more", age_text(PARTS, tail=lambda n: bytes(n + 1)))), "trailing")
    one("padding that is not zero", parcel(sealed("ones", age_text(PARTS, tail=lambda n: b"\1" * n))), "format")
    note = sign(manifest_text(PARTS, 10), EVIDENCE)
    text = len(note).to_bytes(4, "big") + note + b"".join(d for _, d in PARTS) + bytes(10)
    one("a text that fills no bucket", parcel(sealed("bucket", text)), "format")
    one("a manifest above its limit", parcel(sealed("big", (9022).to_bytes(4, "big") + text[4:])), "oversize")
    one("the manifest is cut off", parcel(sealed("cut", text[:300])), "truncated")
    one("no manifest length", parcel(sealed("nolen", text[:3])), "truncated")
    outers(file)
    manifests()


def outers(file):
    variants("parcel", "outer", outer_text(file), with_common([
        ("a line is missing", "class flash\n", "", "field-missing"),
        ("an unknown line", "sha256 ", "extra x\nsha256 ", "field-missing"),
        ("two lines exchanged", "class flash\nsuite age-x25519\n", "suite age-x25519\nclass flash\n", "field-missing"),
        ("a line behind", f"sha256 {b64(sha(file))}\n", f"sha256 {b64(sha(file))}\nmore x\n", "field-unknown"),
        ("to itself", "to fr.example", "to it.example", "inval"),
        ("a name with a capital", "to fr", "to Fr", "format"),
        ("a name of 65 bytes", "to fr.example", "to " + "a" * 65, "oversize"),
        ("no value", "class flash", "class ", "format"),
        ("two spaces", "stream 1 1", "stream 1  1", "format"),
        ("a place of three numbers", "stream 1 1", "stream 1 1 1", "format"),
        ("epoch 0", "stream 1 1", "stream 0 1", "range"),
        ("seq 2 with prev zero", "stream 1 1", "stream 1 2", "inval"),
        ("seq 1 with a prev", f"prev {ZERO}", f"prev {HASH}", "inval"),
        ("seq above 63 bits", "stream 1 1", "stream 1 9223372036854775808", "range"),
        ("a number with a leading zero", "stream 1 1", "stream 01 1", "format"),
        ("a number with a sign", "stream 1 1", "stream +1 1", "format"),
        ("a hash of 31 bytes", f"prev {ZERO}", f"prev {b64(bytes(31))}", "format"),
        ("an id in upper case", "id 018bcfe5", "id 018BCFE5", "format"),
        ("an id of 15 bytes", "id 018b", "id 8b", "format"),
        ("expires when it was sent", f"expires {NOW + 86400}", f"expires {NOW}", "inval"),
        ("a time behind year 9999", f"time {NOW}", "time 253402300800000", "range"),
        ("the last time", f"expires {NOW + 86400}", "expires 253402300799999", "ok"),
        ("an unknown class", "class flash", "class slow", "format"),
        ("another suite", "age-x25519", "age-mlkem768", "unsupported"),
        ("size 0", f"size {len(file)}", "size 0", "range"),
        ("size above its limit", f"size {len(file)}", "size 8388609", "range"),
        ("the largest size", f"size {len(file)}", "size 8388608", "ok"),
    ]))


def manifests():
    good = manifest_text(PARTS, 3549)
    variants("parcel", "manifest", good, with_common([
        ("an unknown handling code", "handling H1", "handling H7", "ok"),
        ("an unknown marking", "TLP:AMBER+STRICT", "TLP:PURPLE", "ok"),
        ("an unknown grade", "grade A1", "grade A5", "ok"),
        ("no case", "case 2026/118-A", "case -", "ok"),
        ("recipients not sorted", "to fr.example\nto jp.example", "to jp.example\nto fr.example", "inval"),
        ("a recipient twice", "to fr.example\nto jp.example", "to fr.example\nto fr.example", "inval"),
        ("to itself", "to jp.example", "to it.example", "inval"),
        ("no recipient", "to fr.example\nto jp.example\n", "", "field-missing"),
        ("seventeen recipients", "to fr.example\nto jp.example\n", "".join(f"to n{i:02}\n" for i in range(17)), "range"),
        ("sixteen recipients", "to fr.example\nto jp.example\n", "".join(f"to n{i:02}\n" for i in range(16)), "ok"),
        ("two words where one is due", "officer o-17", "officer o 17", "format"),
        ("a word of 65 characters", "officer o-17", "officer " + "o" * 65, "oversize"),
        ("no part", "part 1", "port 1", "field-missing"),
        ("parts that begin with 2", "part 1 ", "part 2 ", "format"),
        ("an empty part", f" {len(REQUEST)} ", " 0 ", "range"),
        ("a part above its limit", f" {len(REQUEST)} ", " 4194305 ", "range"),
        ("a media type in upper case", "text/plain", "Text/plain", "format"),
        ("a media type without a slash", "text/plain", "text", "format"),
        ("a media type of 97 bytes", "text/plain", "text/" + "a" * 92, "oversize"),
        ("padding above its limit", "pad 3549", "pad 7340033", "range"),
        ("a line behind", "pad 3549\n", "pad 3549\nx-more 1\n", "field-unknown"),
    ]))


def receipts():
    file_hash, text_hash = b64(sha(b"file")), b64(sha(b"text"))
    base = (f"lugdunum.network/receipt/v1\nfrom fr.example\nto it.example\ntime {NOW + 1}\nid 018bcfe5680070018002000000000000\n"
            f"sha256 {file_hash}\nreceipt R1 stored\nhead 1 1 {text_hash}\n")
    variants("receipt", "receipt", base, with_common(
        [(f"{kind}", "R1 stored", kind, "ok") for kind in
         ("R2 accepted", "R2 refused no-match", "R2 quarantined", "R3 seen", "R4 acted")] + [
            ("refused without a reason", "R1 stored", "R2 refused", "format"),
            ("accepted with a reason", "R1 stored", "R2 accepted why", "format"),
            ("stored as R2", "R1 stored", "R2 stored", "format"),
            ("an unknown kind", "R1 stored", "R5 paid", "format"),
            ("a reason that is no name", "R1 stored", "R2 refused No", "format"),
            ("a head before the first parcel", f"head 1 1 {text_hash}", f"head 1 0 {ZERO}", "ok"),
            ("seq 0 with a hash", f"head 1 1 {text_hash}", f"head 1 0 {text_hash}", "inval"),
            ("a seq with a zero hash", f"head 1 1 {text_hash}", f"head 1 1 {ZERO}", "inval"),
            ("epoch 0", "head 1 1", "head 0 1", "range"),
            ("to itself", "to it.example", "to fr.example", "inval"),
            ("a line behind", f"head 1 1 {text_hash}\n", f"head 1 1 {text_hash}\nhead 1 1 {text_hash}\n", "field-unknown")]))


# ---- streams ----

def streams():
    a, b = b64(sha(b"a")), b64(sha(b"b"))
    between = f"from it.example\nto fr.example\ntime {NOW}\n"
    variants("stream", "head", f"lugdunum.network/head/v1\nfrom it.example\nto fr.example\ntime {NOW}000\nreceived 1 4 {a}\ntop 9\n"
             f"sent 2 7 {b}\nshown 2 7\nmissing 5 6\nmissing 8 8\nstopped {a} {b}\n", with_common([
                 ("nothing is missing", "missing 5 6\nmissing 8 8\n", "", "ok"),
                 ("not stopped", f"stopped {a} {b}\n", "", "ok"),
                 ("before the first parcel", f"received 1 4 {a}", f"received 1 0 {ZERO}", "ok"),
                 ("seq 0 with a hash", f"received 1 4 {a}", f"received 1 0 {a}", "range"),
                 ("epoch 0", "received 1 4", "received 0 4", "range"),
                 ("top below what was received", "top 9", "top 3", "range"),
                 ("shown epoch 0", "shown 2 7", "shown 0 7", "range"),
                 ("a range that was received", "missing 5 6", "missing 4 6", "range"),
                 ("a range that ends before it begins", "missing 5 6", "missing 6 5", "range"),
                 ("ranges that overlap", "missing 8 8", "missing 6 8", "range"),
                 ("seventeen ranges", "missing 5 6\nmissing 8 8\n", "".join(f"missing {i} {i}\n" for i in range(5, 39, 2)), "range"),
                 ("sixteen ranges", "missing 5 6\nmissing 8 8\n", "".join(f"missing {i} {i}\n" for i in range(5, 37, 2)), "ok"),
                 ("one hash of two", f"stopped {a} {b}", f"stopped {a}", "format"),
                 ("no top", "top 9\n", "", "field-missing")]))
    variants("stream", "reset", f"lugdunum.network/reset/v1\n{between}epoch 3\nlast 2 7 {a}\nreason restored\n", with_common([
        ("after a refusal", "restored", "refused", "ok"),
        ("another reason", "restored", "bored", "format"),
        ("an epoch that is not new", "epoch 3", "epoch 2", "range"),
        ("after nothing was shown", f"last 2 7 {a}", f"last 2 0 {ZERO}", "ok"),
        ("no reason", "reason restored\n", "", "field-missing")]))
    variants("stream", "refusal", f"lugdunum.network/refusal/v1\n{between}id {'0' * 32}\ncode format\n", with_common([
        ("a code that is no name", "code format", "code Format", "format"),
        ("a code of 33 bytes", "code format", "code " + "a" * 33, "oversize"),
        ("an id of 17 bytes", "id 00", "id 0000", "format")]))
    variants("stream", "non-delivery", f"lugdunum.network/non-delivery/v1\n{between}id 018bcfe5680070018002000000000000\n"
             f"expires {NOW + 60}\ntries 12\ncode expired\n", with_common([
                 ("never tried", "tries 12", "tries 0", "ok"),
                 ("tries that are no number", "tries 12", "tries many", "format"),
                 ("no tries", "tries 12\n", "", "field-missing")]))

    def framed(*items):
        return b"".join(len(i).to_bytes(4, "big") + i for i in items)
    case("stream", "two frames", "frames", framed(b"one", b"two"), "ok")
    case("stream", "no frame", "frames", b"", "ok")
    case("stream", "the largest frame", "frames", framed(b"x" * 16384), "ok")
    case("stream", "a frame above its limit", "frames", framed(b"x" * 16385), "oversize")
    case("stream", "an empty frame", "frames", framed(b"one", b""), "format")
    case("stream", "a frame that is cut off", "frames", framed(b"one")[:-1], "format")
    case("stream", "a length that is cut off", "frames", framed(b"one") + b"\0\0", "format")


# ---- directory ----

def directory():
    identities = [Key(f"{n}/identity") for n in ("fr.example", "it.example", "jp.example")]
    lines = [f"governor {g.vkey}" for g in GOVERNORS]
    lines += [f"member {k.name.split('/')[0]} {c} {r} {k.vkey}" for k, c, r in
              zip(identities, ("FR", "IT", "JP"), ("member", "chair", "member"))]
    good = (f"lugdunum.network/members/v1\nversion 1\nprevious {ZERO}\ntime {NOW}\nuntil {NOW + 86400 * 700}\nthreshold 2\n" +
            "\n".join(lines) + "\n")
    g1, g2 = GOVERNORS[0].vkey, GOVERNORS[1].vkey
    fr = identities[0]
    variants("directory", "members", good, with_common([
        ("a later version", f"version 1\nprevious {ZERO}", f"version 2\nprevious {HASH}", "ok"),
        ("version 0", "version 1\n", "version 0\n", "range"),
        ("version 2 after nothing", "version 1\n", "version 2\n", "range"),
        ("version 1 after something", f"previous {ZERO}", f"previous {HASH}", "range"),
        ("valid too long", f"until {NOW + 86400 * 700}", f"until {NOW + 86400 * 801}", "range"),
        ("never valid", f"until {NOW + 86400 * 700}", f"until {NOW}", "range"),
        ("threshold 0", "threshold 2", "threshold 0", "range"),
        ("threshold above the governors", "threshold 2", "threshold 4", "range"),
        ("threshold above its limit", "threshold 2", "threshold 13", "range"),
        ("governors not sorted", f"governor {g1}\ngovernor {g2}", f"governor {g2}\ngovernor {g1}", "format"),
        ("a governor's key twice", g2, Key("governor-1").vkey.replace("governor-1", "governor-2").replace(
            Key("governor-1").id(1).hex(), sha(b"governor-2\n\x01" + Key("governor-1").public)[:4].hex()), "format"),
        ("an id that is not the key's", g1, g1.replace(f"+{GOVERNORS[0].id(1).hex()}+", "+00000000+"), "checksum"),
        ("no member", "".join(f"{line}\n" for line in lines[3:]), "", "field-missing"),
        ("members not sorted", f"{lines[3]}\n{lines[4]}", f"{lines[4]}\n{lines[3]}", "format"),
        ("a country in lower case", " FR ", " fr ", "format"),
        ("a country of three letters", " FR ", " FRA ", "oversize"),
        ("an identity key of another name", fr.vkey, Key("fr.example/other").vkey, "format"),
        ("a member's name with a slash", "member fr.example", "member fr/example", "format"),
        ("optional lines", lines[5], f"{lines[5]}\nx-chair-until 2027", "ok"),
        ("an optional line without a value", lines[5], f"{lines[5]}\nx-chair", "format"),
        ("seventeen optional lines", lines[5], lines[5] + "".join(f"\nx-{i} y" for i in range(17)), "field-unknown"),
        ("an unknown line", lines[5], f"{lines[5]}\nchair fr.example", "field-unknown"),
    ]))
    node()
    policy()
    key = Key("it.example/identity")
    text = f"lugdunum.network/key/v1\nname {key.name}\npublic {key.vkey}\nsecret {b64(key.seed)}\n"
    other = f"lugdunum.network/key/v1\nname {key.name}\npublic {key.vkey}\nsecret {b64(Key('it.example').seed)}\n"
    variants("directory", "key-file", f"{text}checksum {sha(text.encode())[:4].hex()}\n", [
        ("a typing error", "secret ", "secret A", "format"),
        ("the name changed", "name it", "name fr", "checksum"),
        ("another version", "/v1", "/v2", "version"),
        ("no checksum", f"checksum {sha(text.encode())[:4].hex()}\n", "", "field-missing")])
    case("directory", "key-file: a secret of another key", "key-file", f"{other}checksum {sha(other.encode())[:4].hex()}\n", "checksum")


def node():
    def key_line(kind, name, start=NOW, end=NOW + 86400 * 90):
        return f"key {kind} {start} {end} {Key(name).vkey}\n"
    n, e, a = key_line("node", "it.example"), key_line("evidence", "it.example/evidence"), key_line("audit", "it.example/audit")
    epochs = "".join(f"epoch {i} {i * 604800} {(i + 1) * 604800} {b64(x25519_public(sha(b'epoch %d' % i)))}\n" for i in (2810, 2811, 2812))
    contact = ("contact duty officer\nunit Sala operativa\nphone +39 06 0000\nmobile +39 3 0000\nmail duty@it.example\npreferred phone\n"
               "languages it en\nhours 24/7\nzone Europe/Rome\n")
    good = (f"lugdunum.network/node/v1\nnode it.example\nversion 1\nprevious {ZERO}\nfrom {NOW}\nuntil {NOW + 86400 * 30}\n"
            f"endpoint https://it.example:8440\nendpoint https://[2001:db8::1]:8440\npin {HASH}\n{n}{e}{a}{epochs}{contact}"
            f"power freeze\npower trace\nlanguage it\nlanguage en\nduty https://it.example:8441\nrevoked {NOW - 5} {Key('it.example/old').vkey}\n")
    variants("directory", "node", good, with_common([
        ("no contact", contact, "", "ok"),
        ("nothing optional", f"duty https://it.example:8441\nrevoked {NOW - 5} {Key('it.example/old').vkey}\n", "", "ok"),
        ("a name with a slash", "node it.example", "node it/example", "format"),
        ("valid for 36 days", f"until {NOW + 86400 * 30}", f"until {NOW + 86400 * 36}", "range"),
        ("an endpoint without port", "https://it.example:8440", "https://it.example", "format"),
        ("an endpoint with a path", "https://it.example:8440", "https://it.example:8440/x", "format"),
        ("an endpoint without TLS", "https://it.example:8440", "http://it.example:8440", "format"),
        ("port 0", "https://it.example:8440", "https://it.example:0", "format"),
        ("port 65536", "https://it.example:8440", "https://it.example:65536", "format"),
        ("no endpoint", "endpoint https://it.example:8440\nendpoint https://[2001:db8::1]:8440\n", "", "field-missing"),
        ("five endpoints", "endpoint https://it.example:8440\n", "endpoint https://it.example:8440\n" * 4, "range"),
        ("no pin", f"pin {HASH}\n", "", "field-missing"),
        ("keys in another order", n + e, e + n, "format"),
        ("no evidence key", e, "", "field-missing"),
        ("no audit key", a, "", "ok"),
        ("a key of another name", n, key_line("node", "fr.example"), "format"),
        ("a key of an unknown kind", "key node", "key soul", "format"),
        ("a key that ends before it begins", n, key_line("node", "it.example", NOW, NOW - 1), "range"),
        ("a key that ends behind year 9999", n, key_line("node", "it.example", NOW, 253402300800000), "range"),
        ("one key twice", n, n + n, "format"),
        ("an epoch twice", epochs, epochs.splitlines(True)[0] * 2, "format"),
        ("no epoch", epochs, "", "field-missing"),
        ("an unknown way to be reached", "preferred phone", "preferred fax", "format"),
        ("a text of 161 bytes", "unit Sala operativa", "unit " + "a" * 161, "oversize"),
        ("contact lines in another order", "phone +39 06 0000\nmobile +39 3 0000", "mobile +39 3 0000\nphone +39 06 0000", "field-missing"),
        ("powers in another order", "power freeze\npower trace", "power trace\npower freeze", "format"),
        ("an unknown power", "power freeze", "power fly", "format"),
        ("no language", "language it\nlanguage en\n", "", "field-missing"),
        ("a language twice", "language en", "language it", "format"),
        ("an optional line", "revoked", "x-motd hello\nrevoked", "field-unknown"),
        ("a revoked key with a wrong id", f"revoked {NOW - 5} it.example/old+", f"revoked {NOW - 5} it.example/odd+", "checksum"),
    ]))


def policy():
    classes = "class FLASH 10 600 1800\nclass URGENT 60 1800 28800\nclass PRIORITY 60 28800 259200\nclass ROUTINE 300 86400 604800\n"
    variants("directory", "policy", f"lugdunum.network/policy/v1\nversion 1\nprevious {ZERO}\ntime {NOW}\n{classes}", with_common([
        ("classes in another order", "FLASH", "URGENT", "format"),
        ("no time for the receipt", "FLASH 10", "FLASH 0", "range"),
        ("an answer before the acknowledgement", "600 1800\n", "600 599\n", "range"),
        ("seconds above 32 bits", "FLASH 10", "FLASH 4294967296", "range"),
        ("a class is missing", "class ROUTINE 300 86400 604800\n", "", "field-missing"),
        ("an optional line behind", "86400 604800\n", "86400 604800\nx-since 2026\n", "ok"),
    ]))


# ---- log ----

def entry_text(seq, kind="view"):
    return f"lugdunum.network/audit/v1\nseq {seq}\ntime {NOW + seq}\ntype {kind}\ncommit {b64(sha(b'event %d' % seq))}\n"


def log_files(size):
    entries = [entry_text(i).encode() for i in range(size)]
    hashes = [logs.leaf(e) for e in entries]
    text = f"it.example/audit\n{size}\n{b64(logs.tree(hashes))}\n"
    files = {"checkpoint": sign(text, AUDIT)}
    for n in range((size + 255) // 256):
        some = entries[n * 256:n * 256 + 256]
        files[logs.tile_path("entries", n, len(some))] = b"".join(len(e).to_bytes(2, "big") + e for e in some)
    level, row = 0, hashes
    while row:
        for n in range((len(row) + 255) // 256):
            some = row[n * 256:n * 256 + 256]
            files[logs.tile_path(level, n, len(some))] = b"".join(some)
        row = [logs.tree(row[i:i + 256]) for i in range(0, len(row) - 255, 256)]
        level += 1
    return entries, hashes, text, files


def inclusion_proof(index, hashes):
    """RFC 6962 2.1.1."""
    if len(hashes) == 1:
        return []
    k = 1 << (len(hashes) - 1).bit_length() - 1
    if index < k:
        return inclusion_proof(index, hashes[:k]) + [logs.tree(hashes[k:])]
    return inclusion_proof(index - k, hashes[k:]) + [logs.tree(hashes[:k])]


def growth_proof(size1, hashes, whole=True):
    """RFC 6962 2.1.2."""
    if size1 == len(hashes):
        return [] if whole else [logs.tree(hashes)]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    if size1 <= k:
        return growth_proof(size1, hashes[:k], whole) + [logs.tree(hashes[k:])]
    return growth_proof(size1 - k, hashes[k:], False) + [logs.tree(hashes[:k])]


def log():
    variants("log", "entry", entry_text(17), with_common([
        (f"type {t}", "type view", f"type {t}", "ok") for t in logs.TYPES if t != "view"] + [
            ("an unknown type", "type view", "type peek", "unsupported"),
            ("a seq above 63 bits", "seq 17", "seq 9223372036854775808", "range"),
            ("a commitment of 31 bytes", f"commit {b64(sha(b'event 17'))}", f"commit {b64(bytes(31))}", "format"),
            ("no time", f"time {NOW + 17}\n", "", "field-missing"),
            ("a line behind", f"commit {b64(sha(b'event 17'))}\n", f"commit {b64(sha(b'event 17'))}\nwho me\n", "field-unknown"),
            ("longer than any entry", "type view", "type " + "v" * 1024, "oversize")]))
    entries, hashes, text, files = log_files(7)
    checkpoints(text)
    proofs(entries, hashes, text)
    trees(hashes)
    folders(files)


def checkpoints(text):
    def one(name, data, result):
        case("log", f"checkpoint: {name}", "checkpoint", data, result, key=AUDIT.vkey)
    one("a good one", sign(text, AUDIT), "ok")
    one("of the empty log", sign(f"it.example/audit\n0\n{b64(sha(b''))}\n", AUDIT), "ok")
    one("an extension line", sign(text + "extension\n", AUDIT), "format")
    one("two lines", sign("it.example/audit\n7\n", AUDIT), "format")
    one("a size with a leading zero", sign(text.replace("\n7\n", "\n07\n"), AUDIT), "format")
    one("a size above 63 bits", sign(text.replace("\n7\n", "\n9223372036854775808\n"), AUDIT), "format")
    one("a root of 31 bytes", sign(f"it.example/audit\n7\n{b64(bytes(31))}\n", AUDIT), "format")
    one("another origin", sign(text.replace("it.example", "fr.example", 1), AUDIT), "conflict")
    one("signed by another key", sign(text, WITNESS), "key-unknown")
    one("the size changed", sign(text, AUDIT).replace(b"\n7\n", b"\n6\n"), "signature")
    body = text.encode()

    def cosigned(name, data, result):
        case("log", f"cosignature: {name}", "cosignature", data, result, key=WITNESS.vkey)
    good = sign(text, AUDIT) + WITNESS.cosign(body, NOW + 60)
    cosigned("a good one", good, "ok")
    cosigned("none", sign(text, AUDIT), "key-unknown")
    cosigned("a plain signature instead", sign(text, AUDIT, WITNESS), "key-unknown")
    cosigned("of another checkpoint", sign(text, AUDIT) + WITNESS.cosign(body.replace(b"\n7\n", b"\n6\n"), NOW), "signature")
    line = good.splitlines()[-1].decode()
    data = base64.b64decode(line.split(" ")[2])
    stamp = int.from_bytes(data[4:12], "big")
    cosigned("with another time", good.replace(b64(data).encode(), b64(data[:4] + (stamp + 1).to_bytes(8, "big") + data[12:]).encode()),
             "signature")
    late = data[:4] + (253402300800000).to_bytes(8, "big") + data[12:]
    cosigned("with a time behind year 9999", good.replace(b64(data).encode(), b64(late).encode()), "signature")
    cosigned("a byte short", good.replace(b64(data).encode(), b64(data[:-1]).encode()), "signature")


def proofs(entries, hashes, text):
    signed = sign(text, AUDIT) + WITNESS.cosign(text.encode(), NOW + 60)

    def made(index, extra=None, path=None, note=signed):
        path = inclusion_proof(index, hashes) if path is None else path
        lines = ["c2sp.org/tlog-proof@v1", f"extra {b64(extra or entries[index])}", f"index {index}"] + [b64(h) for h in path]
        return "\n".join(lines).encode() + b"\n\n" + note

    def one(name, data, result, **more):
        case("log", f"proof: {name}", "proof", data, result, key=AUDIT.vkey, **{"witnesses": [WITNESS.vkey], **more})
    for index in range(7):
        one(f"of entry {index}", made(index), "ok")
    one("of a log of one entry", made(0, path=[], note=sign(f"it.example/audit\n1\n{b64(hashes[0])}\n", AUDIT)), "ok", witnesses=[])
    one("another index", made(3).replace(b"index 3\n", b"index 2\n"), "conflict")
    one("another entry", made(3, extra=entries[4]), "conflict")
    one("an entry that was changed", made(3, extra=entries[3].replace(b"view", b"send")), "corrupt")
    one("a hash too few", made(3, path=inclusion_proof(3, hashes)[:-1]), "corrupt")
    one("a hash too many", made(3, path=inclusion_proof(3, hashes) + [bytes(32)]), "corrupt")
    one("sixty-five hashes", made(3, path=[bytes(32)] * 65), "format")
    one("behind the end of the log", made(3, extra=entry_text(9).encode()).replace(b"index 3\n", b"index 9\n"), "corrupt")
    one("no index", made(3).replace(b"index 3\n", b""), "format")
    one("another kind of proof", made(3).replace(b"@v1", b"@v2"), "format")
    one("no checkpoint", made(3, note=b""), "format")
    one("a checkpoint of another log", made(3, note=sign(text.replace("it.", "fr.", 1), WITNESS)), "key-unknown")
    one("a countersignature is missing", made(3, note=sign(text, AUDIT)), "key-unknown")
    one("another tree", made(3, note=sign(f"it.example/audit\n7\n{HASH}\n", AUDIT)), "corrupt", witnesses=[])


def trees(hashes):
    root = logs.tree(hashes)

    def inside(name, index, path, result, leaf=None):
        case("log", f"inclusion: {name}", "inclusion", None, result, index=index, size=7, hashes=[b64(leaf or hashes[index % 7]), b64(root)],
             proof=[b64(h) for h in path])
    for index in range(7):
        inside(f"leaf {index}", index, inclusion_proof(index, hashes), "ok")
    inside("another leaf", 3, inclusion_proof(3, hashes), "corrupt", leaf=hashes[2])
    inside("a hash too few", 3, inclusion_proof(3, hashes)[:-1], "truncated")
    inside("a hash too many", 3, inclusion_proof(3, hashes) + [root], "trailing")
    inside("behind the end", 7, inclusion_proof(3, hashes), "range")

    def growth(name, old, path, result, first=None):
        case("log", f"consistency: {name}", "consistency", None, result, old_size=old, size=7,
             hashes=[b64(first or logs.tree(hashes[:old] or hashes)), b64(root)], proof=[b64(h) for h in path])
    for old in range(1, 8):
        growth(f"from {old}", old, growth_proof(old, hashes), "ok")
    growth("another old root", 3, growth_proof(3, hashes), "corrupt", first=hashes[0])
    growth("another old root of the same size", 7, [], "corrupt", first=hashes[0])
    growth("a hash too few", 3, growth_proof(3, hashes)[:-1], "truncated")
    growth("no hash", 3, [], "truncated")
    growth("a hash too many", 3, growth_proof(3, hashes) + [root], "trailing")
    growth("a hash where none is due", 7, [root], "trailing")
    growth("from nothing", 0, [], "range")
    growth("backwards", 8, [], "range", first=root)


def folders(files):
    def one(name, change, result):
        made = {**files, **change}
        case("log", f"log: {name}", "log", None, result, key=AUDIT.vkey,
             files={k: b64(v) for k, v in made.items() if v is not None})
    entries, tile = "tile/entries/000.p/7", "tile/0/000.p/7"
    whole = files[entries]
    size = 2 + int.from_bytes(whole[:2], "big")
    one("seven entries", {}, "ok")
    one("a bit of an entry", {entries: whole.replace(b"view", b"vieW", 1)}, "corrupt")
    one("an entry dropped", {entries: whole[size:]}, "corrupt")
    one("two entries exchanged", {entries: whole[size:2 * size] + whole[:size] + whole[2 * size:]}, "corrupt")
    one("an entry behind the end", {entries: whole + whole[:size]}, "corrupt")
    one("the last entry cut off", {entries: whole[:-1]}, "truncated")
    one("a bit of a tile", {tile: bytes([files[tile][0] ^ 1]) + files[tile][1:]}, "corrupt")
    one("a tile that is too short", {tile: files[tile][:-32]}, "truncated")
    one("no entries", {entries: None}, "truncated")
    one("no tile", {tile: None}, "truncated")
    one("no checkpoint", {"checkpoint": None}, "noent")
    one("a checkpoint of another key", {"checkpoint": sign("it.example/audit\n7\n" + HASH + "\n", WITNESS)}, "key-unknown")
    one("another root, signed", {"checkpoint": sign("it.example/audit\n7\n" + HASH + "\n", AUDIT)}, "corrupt")
    _, _, _, more = log_files(258)
    case("log", "log: 258 entries, two levels of tiles", "log", None, "ok", key=AUDIT.vkey, files={k: b64(v) for k, v in more.items()})


DOCUMENTS = {"note": "docs/protocol/note.md", "age": "docs/protocol/age.md", "parcel": "docs/protocol/parcel.md",
             "receipt": "docs/protocol/parcel.md", "stream": "docs/protocol/streams.md", "directory": "docs/protocol/directory.md",
             "log": "docs/format/audit.md, docs/protocol/witness.md"}


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    index = []
    for group, cases in GROUPS.items():
        names = [c["name"] for c in cases]
        if len(names) != len(set(names)):
            sys.exit(f"{group}: two cases of one name: {sorted(n for n in names if names.count(n) > 1)}")
        (folder / f"{group}.json").write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")
        index.append({"file": f"{group}.json", "document": DOCUMENTS[group],
                      "cases": [{"name": c["name"], "kind": c["kind"], "result": c["result"]} for c in cases]})
    (folder / "index.json").write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    for make in (notes, ages, parcels, receipts, streams, directory, log):
        make()
    write(Path(sys.argv[1]))
    print(sum(len(c) for c in GROUPS.values()), "cases")
