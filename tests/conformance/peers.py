# SPDX-License-Identifier: Apache-2.0
"""Notes about streams and the directory, as docs/protocol/streams.md and directory.md say them."""
import base64
import hashlib
import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from notes import TIME_MAX, Text, Vkey, is_name, number, refuse

# ---- streams.md ----

FRAME_MAX = 16384


def frames(data):
    out = []
    while data:
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 or size == 0:
            refuse("format")
        if size > FRAME_MAX:
            refuse("oversize")
        if len(data) < 4 + size:
            refuse("format")
        out.append(hashlib.sha256(data[4:4 + size]).hexdigest())
        data = data[4 + size:]
    return {"frames": out}


def head(text):
    t = Text(text, b"head")
    h = {"from": t.name("from"), "to": t.name("to"), "time": t.time("time"), "received": t.place("received", "range")}
    h["top"] = t.number("top")
    if h["top"] < h["received"]["seq"]:
        refuse("range")
    h["sent"] = t.place("sent", "range")
    epoch, seq = [number(w) for w in t.words("shown", 2)]
    if epoch == 0:
        refuse("range")
    h["shown"] = {"epoch": epoch, "seq": seq}
    h["missing"], after = [], h["received"]["seq"]
    while t.next_is("missing"):
        words = t.words("missing", 2)
        if len(h["missing"]) == 16:
            refuse("range")
        first, last = [number(w) for w in words]
        if first <= after or last < first:
            refuse("range")
        h["missing"].append([first, last])
        after = last
    h["stopped"] = [t.as_bytes(w).hex() for w in t.words("stopped", 2)] if t.next_is("stopped") else []
    t.end()
    return h


def reset(text):
    t = Text(text, b"reset")
    r = {"from": t.name("from"), "to": t.name("to"), "time": t.time("time"), "epoch": t.number("epoch"),
         "last": t.place("last", "range"), "reason": t.name("reason", 32)}
    if r["epoch"] <= r["last"]["epoch"]:
        refuse("range")
    if r["reason"] not in ("restored", "refused"):
        refuse("format")
    t.end()
    return r


def refusal(text):
    t = Text(text, b"refusal")
    r = {"from": t.name("from"), "to": t.name("to"), "time": t.time("time"), "id": t.hex("id", 16), "code": t.name("code", 32)}
    t.end()
    return r


def non_delivery(text):
    t = Text(text, b"non-delivery")
    r = {"from": t.name("from"), "to": t.name("to"), "time": t.time("time"), "id": t.hex("id", 16), "expires": t.time("expires"),
         "tries": t.number("tries"), "code": t.name("code", 32)}
    t.end()
    return r


# ---- directory.md ----

def text64(data):
    return base64.b64encode(data).decode()


def version(t, out):
    out["version"] = t.number("version")
    previous = t.bytes("previous")
    out["previous"] = text64(previous)
    if out["version"] == 0 or (out["version"] == 1) != (previous == bytes(32)):
        refuse("range")


def members(text):
    t = Text(text, b"members")
    m = {}
    version(t, m)
    m["time"], m["until"] = t.time("time"), t.time("until")
    if not 0 < m["until"] - m["time"] <= 800 * 86400:
        refuse("range")
    m["threshold"] = t.number("threshold", 12)
    governors, keys = [], []
    while t.next_is("governor"):
        word = t.words("governor", 1)[0]
        if len(governors) == 12:
            refuse("range")
        key = Vkey(word)
        if (governors and governors[-1].name >= key.name) or any(g.key == key.key for g in governors):
            refuse("format")
        governors.append(key)
    if not 1 <= m["threshold"] <= len(governors):
        refuse("range")
    m["governors"], m["members"] = [g.text for g in governors], []
    while t.next_is("member"):
        if len(m["members"]) == 64:
            refuse("range")
        name, country, role, key = t.words("member", 4)
        if len(name) > 64 or len(country) > 2 or len(role) > 64:
            refuse("oversize")
        key = Vkey(key)
        if not is_name(name, slash=False) or not re.fullmatch(rb"[A-Z]{2}", country) or not is_name(role):
            refuse("format")
        if key.name != name + b"/identity" or key.key in keys or (m["members"] and m["members"][-1]["name"] >= name.decode()):
            refuse("format")
        keys.append(key.key)
        m["members"].append({"name": name.decode(), "country": country.decode(), "role": role.decode(), "key": key.text})
    if not m["members"]:
        refuse("field-missing")
    t.optional()
    t.end()
    return m


def url(text):
    """https://host:port, nothing behind."""
    m = re.fullmatch(r"https://([a-z0-9.:\[\]-]+):([1-9][0-9]{0,4})", text)
    return text if m and int(m.group(2)) <= 65535 else refuse("format")


KINDS = (b"node", b"evidence", b"audit")
CONTACT = ("unit", "phone", "mobile", "mail", "preferred", "languages", "hours", "zone")
POWERS = ("freeze", "preserve", "information", "trace", "custody")


def repeated(t, key, least, most, read):
    out = []
    while t.next_is(key) or len(out) < least:
        if len(out) == most:
            refuse("range")
        out.append(read(out))
    return out


def node_key(t, name, before):
    kind, start, end, vkey = t.words("key", 4)
    if len(kind) > 15:
        refuse("oversize")
    start, end, vkey = number(start, TIME_MAX), number(end, TIME_MAX), Vkey(vkey)
    if kind not in KINDS:
        refuse("format")
    if end <= start:
        refuse("range")
    kind = KINDS.index(kind)
    want = name.encode() + (b"/" + KINDS[kind] if kind else b"")
    if vkey.name != want or (before and (kind, start) < before[-1][:2]) or any(b[3].key == vkey.key for b in before):
        refuse("format")
    return kind, start, end, vkey


def epoch(t, before):
    n, start, end, key = t.words("epoch", 4)
    n, start, end = number(n), number(start, TIME_MAX), number(end, TIME_MAX)
    key = t.as_bytes(key)
    if end <= start:
        refuse("range")
    if before and n <= before[-1]["number"]:
        refuse("format")
    return {"number": n, "from": start, "until": end, "key": text64(key)}


def contact(t):
    out = {"function": t.text("contact", 160)}
    for key in CONTACT:
        if t.next_is(key):
            out[key] = t.text(key, 160)
    if out.get("preferred", "phone") not in ("phone", "mobile", "mail"):
        refuse("format")
    return out


def powers(t):
    out = [p for p in POWERS if t.next_is("power") and t.lines[t.at] == b"power " + p.encode() and t.value("power")]
    if t.next_is("power"):
        refuse("format")
    return out


def language(t, before):
    value = t.name("language")
    return value if value not in before else refuse("format")


def revoked(t, before):
    since, key = t.words("revoked", 2)
    since, key = number(since, TIME_MAX), Vkey(key)
    if before and (key.name, since) < (before[-1][1].name, before[-1][0]):
        refuse("format")
    return since, key


def node(text):
    t = Text(text, b"node")
    n = {"node": t.name("node")}
    if "/" in n["node"]:
        refuse("format")
    version(t, n)
    n["from"], n["until"] = t.time("from"), t.time("until")
    if not 0 < n["until"] - n["from"] <= 35 * 86400:
        refuse("range")
    n["endpoints"] = repeated(t, "endpoint", 1, 4, lambda _: url(t.text("endpoint", 200)))
    n["pins"] = repeated(t, "pin", 1, 4, lambda _: text64(t.bytes("pin")))
    keys = repeated(t, "key", 0, 9, lambda before: node_key(t, n["node"], before))
    if not {0, 1} <= {k[0] for k in keys}:
        refuse("field-missing")
    n["keys"] = [{"kind": KINDS[k].decode(), "from": s, "until": u, "key": v.text} for k, s, u, v in keys]
    n["epochs"] = repeated(t, "epoch", 1, 6, lambda before: epoch(t, before))
    n["contacts"] = repeated(t, "contact", 0, 4, lambda _: contact(t))
    n["powers"] = powers(t)
    n["languages"] = repeated(t, "language", 1, 8, lambda before: language(t, before))
    if t.next_is("duty"):
        n["duty"] = url(t.text("duty", 200))
    gone = repeated(t, "revoked", 0, 8, lambda before: revoked(t, before))
    n["revoked"] = [{"since": s, "key": v.text} for s, v in gone]
    t.optional()
    t.end()
    return n


def policy(text):
    t = Text(text, b"policy")
    p = {}
    version(t, p)
    p["time"] = t.time("time")
    p["classes"] = []
    for name in (b"FLASH", b"URGENT", b"PRIORITY", b"ROUTINE"):
        word, *limits = t.words("class", 4)
        receipt, ack, answer = [number(w, (1 << 32) - 1) for w in limits]
        if word != name:
            refuse("format")
        if not receipt or not ack or answer < ack:
            refuse("range")
        p["classes"].append([receipt, ack, answer])
    t.optional()
    t.end()
    return p


def key_file(text):
    """directory.md 6."""
    t = Text(text, b"key")
    name, public, secret, said = t.name("name"), t.value("public", 118), t.bytes("secret"), t.hex("checksum", 4)
    t.end()
    if hashlib.sha256(text[:text.index(b"\nchecksum ") + 1]).hexdigest()[:8] != said:
        refuse("checksum")
    key = Vkey(public)
    made = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    if made != key.key or key.name.decode() != name:
        refuse("checksum")
    return {"public": key.text, "secret": secret.hex()}
