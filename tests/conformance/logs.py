# SPDX-License-Identifier: Apache-2.0
"""The audit log and its witnesses, as docs/format/audit.md and docs/protocol/witness.md say them (RFC 6962 below)."""
import hashlib

from notes import TIME_MAX, Note, Text, b64, ed25519_holds, is_name, key_id, number, refuse

ENTRY_MAX, PROOF_MAX = 1024, 32768
TYPES = ("login search view export send receive receipt transition approval override deconfliction directory key configuration "
         "refusal alarm erase").split()


# ---- trees ----

def leaf(data):
    return hashlib.sha256(b"\x00" + data).digest()


def join(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree(hashes):
    """RFC 6962 2.1, word by word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return join(tree(hashes[:k]), tree(hashes[k:]))


def check_inclusion(index, size, leaf_hash, proof, root):
    """RFC 9162 2.1.3.2."""
    if index >= size:
        refuse("range")
    at, last, value, proof = index, size - 1, leaf_hash, list(proof)
    while last:
        if at & 1 or at < last:
            if not proof:
                refuse("truncated")
            other = proof.pop(0)
            value = join(other, value) if at & 1 else join(value, other)
        at, last = at >> 1, last >> 1
    if proof:
        refuse("trailing")
    if value != root:
        refuse("corrupt")


def check_growth(size1, size2, root1, root2, proof):
    """RFC 9162 2.1.4.2."""
    proof = list(proof)
    if not 1 <= size1 <= size2:
        refuse("range")
    if size1 == size2:
        if proof:
            refuse("trailing")
        return None if root1 == root2 else refuse("corrupt")
    if size1 & size1 - 1 == 0:
        proof.insert(0, root1)
    if not proof:
        refuse("truncated")
    at, last = size1 - 1, size2 - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = proof.pop(0)
    while last:
        if at & 1 or at < last:
            if not proof:
                refuse("truncated")
            other = proof.pop(0)
            if at & 1:
                old = join(other, old)
            new = join(other, new) if at & 1 else join(new, other)
        at, last = at >> 1, last >> 1
    if proof:
        refuse("trailing")
    return None if (old, new) == (root1, root2) else refuse("corrupt")


# ---- texts ----

def entry(text):
    """audit.md 3."""
    if len(text) > ENTRY_MAX:
        refuse("oversize")
    t = Text(text, b"audit")
    out = {"seq": t.number("seq"), "time": t.time("time")}
    kind = t.value("type", 64).decode()
    out["type"] = kind if kind in TYPES else refuse("unsupported")
    out["commit"] = t.bytes("commit").hex()
    t.end()
    return out


def checkpoint(raw, key=None):
    """audit.md 4; with a key also its signature."""
    note = Note(raw)
    lines = note.text.split(b"\n")
    if len(lines) != 4 or not is_name(lines[0]) or len(lines[1]) > 20:
        refuse("format")
    root = b64(lines[2])
    try_size = lines[1]
    if not try_size.isdigit() or (len(try_size) > 1 and try_size[:1] == b"0") or int(try_size) > (1 << 63) - 1:
        refuse("format")
    if root is None or len(root) != 32:
        refuse("format")
    if key:
        note.verify([key])
        if lines[0] != key.name:
            refuse("conflict")
    return {"origin": lines[0].decode(), "size": int(try_size), "root": root.hex()}


def cosignature(raw, witness):
    """witness.md 2: the time that the witness says."""
    note = Note(raw)
    want = key_id(witness.name, witness.key, 4)
    for name, data in note.signatures:
        if name != witness.name or data[:4] != want:
            continue
        stamp = int.from_bytes(data[4:12], "big")
        text = b"cosignature/v1\ntime %d\n" % stamp + note.text
        if len(data) != 76 or stamp > TIME_MAX or not ed25519_holds(witness.key, text, data[12:]):
            refuse("signature")
        return stamp
    return refuse("key-unknown")


def proof_parts(raw):
    """audit.md 6: entry, index, hashes, checkpoint."""
    if len(raw) > PROOF_MAX:
        refuse("oversize")
    top, empty, note = raw.partition(b"\n\n")
    lines = top.split(b"\n")
    if not empty or len(lines) < 3 or lines[0] != b"c2sp.org/tlog-proof@v1" or len(lines) - 3 > 64:
        refuse("format")
    if not lines[1].startswith(b"extra ") or not lines[2].startswith(b"index "):
        refuse("format")
    extra, index = b64(lines[1][6:]), lines[2][6:]
    hashes = [b64(line) for line in lines[3:]]
    if extra is None or len(extra) > ENTRY_MAX or any(h is None or len(h) != 32 for h in hashes):
        refuse("format")
    if not index.isdigit() or (len(index) > 1 and index[:1] == b"0") or int(index) > (1 << 63) - 1:
        refuse("format")
    return extra, int(index), hashes, note


def proof(raw, key, witnesses):
    extra, index, hashes, note = proof_parts(raw)
    top = checkpoint(note, key)
    found = entry(extra)
    if found["seq"] != index:
        refuse("conflict")
    try:
        check_inclusion(index, top["size"], leaf(extra), hashes, bytes.fromhex(top["root"]))
    except Exception:
        refuse("corrupt")
    return {"entry": found, "checkpoint": top, "witnesses": [cosignature(note, w) for w in witnesses]}


# ---- folder (audit.md 4) ----

def tile_path(level, n, width):
    groups = [f"{n % 1000:03d}"]
    while n := n // 1000:
        groups.insert(0, f"x{n % 1000:03d}")
    return f"tile/{level}/" + "/".join(groups) + (f".p/{width}" if width < 256 else "")


def tile(files, level, n, width):
    for path in (tile_path(level, n, width), tile_path(level, n, 256)):
        if path in files:
            return files[path]
    return refuse("truncated")


def hashes_of(files, level, n, width):
    data = tile(files, level, n, width)
    if len(data) < width * 32:
        refuse("truncated")
    return data[:width * 32] if len(data) in (width * 32, 8192) else refuse("corrupt")


def bundle(data, width, hashes):
    """The entries of a bundle, each compared with its hash before the next one is read."""
    out = []
    while data:
        size = int.from_bytes(data[:2], "big")
        if len(data) < 2 or size > ENTRY_MAX or len(data) < 2 + size:
            refuse("corrupt" if len(out) >= width else "oversize" if size > ENTRY_MAX and len(data) >= 2 else "truncated")
        out.append(data[2:2 + size])
        data = data[2 + size:]
        if len(out) <= width and leaf(out[-1]) != hashes[32 * len(out) - 32:32 * len(out)]:
            refuse("corrupt")
    if len(out) < width:
        refuse("truncated")
    if len(out) not in (width, 256):
        refuse("corrupt")
    return out[:width]


def check_tiles(files, level, hashes):
    """A tile may have been replaced by the full one, whose begin is then compared."""
    for n in range(0, (len(hashes) + 255) // 256):
        want = b"".join(hashes[n * 256:n * 256 + 256])
        if hashes_of(files, level, n, len(want) // 32) != want:
            refuse("corrupt")


def folder(files, key):
    if "checkpoint" not in files:
        refuse("noent")
    top = checkpoint(files["checkpoint"], key)
    size, entries = top["size"], []
    for n in range((size + 255) // 256):
        width = min(256, size - n * 256)
        entries += bundle(tile(files, "entries", n, width), width, hashes_of(files, 0, n, width))
    hashes = [leaf(e) for e in entries]
    level, row = 0, hashes
    while row:
        check_tiles(files, level, row)
        row = [tree(row[i:i + 256]) for i in range(0, len(row) - 255, 256)]
        level += 1
    for seq, raw in enumerate(entries):
        if entry(raw)["seq"] != seq:
            refuse("corrupt")
    if tree(hashes).hex() != top["root"]:
        refuse("corrupt")
    return {"origin": top["origin"], "entries": size, "root": top["root"]}
