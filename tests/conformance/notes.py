# SPDX-License-Identifier: Apache-2.0
"""Signed notes and typed texts as docs/protocol/note.md says them: a second reader, made from that page alone."""
import base64
import binascii
import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TIME_MAX = 253402300799999
I64_MAX = (1 << 63) - 1
NAME = re.compile(rb"[a-z0-9](?:[a-z0-9._/-]{0,62}[a-z0-9])?\Z")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
SPACES = re.compile("[ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


class Refused(Exception):
    """The name of the error, as the page names it."""


def refuse(code):
    raise Refused(code)


# ---- values (note.md 5) ----

def b64(text, padded=True):
    """Canonical base64, or None."""
    raw = text if padded else text + b"=" * (-len(text) % 4)
    try:
        data = base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        return None
    again = base64.b64encode(data)
    return data if (again if padded else again.rstrip(b"=")) == text else None


def b64_room(text):
    """Bytes that base64 text of this length would give, whatever its characters are."""
    digits = len(text)
    while digits and len(text) - digits < 2 and text[digits - 1] == ord("="):
        digits -= 1
    return digits // 4 * 3 + digits % 4 * 3 // 4


def number(text, most=I64_MAX):
    if not re.fullmatch(rb"0|[1-9][0-9]*", text):
        # Digits are read from the left: what is no number is told first, but for one that has left 64 bits before.
        seen = re.match(rb"[1-9][0-9]*", text)
        refuse("range" if seen and int(seen.group()) >= 1 << 64 else "format")
    value = int(text)
    return value if value <= most else refuse("range")


def is_name(text, slash=True):
    return bool(NAME.match(text)) and (slash or b"/" not in text)


def clean(raw):
    """UTF-8 without control characters."""
    try:
        return not CONTROL.search(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return False


# ---- Ed25519, strictly (note.md 4) ----

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def small_order(point):
    """Is a canonical encoding a point of order 1, 2, 4 or 8? None when it is no point, or not canonical."""
    y = int.from_bytes(point, "little") & (1 << 255) - 1
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P:
        return None
    for _ in range(3):
        xy = D * x * x * y * y % P
        x, y = 2 * x * y * pow(1 + xy, -1, P) % P, (y * y + x * x) * pow(1 - xy, -1, P) % P
    return (x, y) == (0, 1)


def ed25519_holds(key, text, signature):
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= L:
        return False
    if small_order(key) is not False or small_order(signature[:32]) is not False:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


# ---- notes (note.md 2 to 4) ----

TEXT_MAX, SIGS_MAX, SIG_MAX = 8192, 16, 256
DASH = "\u2014 ".encode()
NOTE_MAX = TEXT_MAX + 1 + SIGS_MAX * (len(DASH) + 64 + 1 + 344 + 1)


def check_text(text):
    if len(text) > TEXT_MAX:
        refuse("oversize")
    if not text or text.startswith(b"\n") or not text.endswith(b"\n"):
        refuse("format")
    if not all(clean(line) for line in text[:-1].split(b"\n")):
        refuse("format")


def key_id(name, key, algorithm=1):
    return hashlib.sha256(name + b"\n" + bytes([algorithm]) + key).digest()[:4]


class Note:
    def __init__(self, raw):
        if len(raw) > NOTE_MAX:
            refuse("oversize")
        end = raw.rfind(b"\n\n")
        if end < 0:
            refuse("format")
        self.text = raw[:end + 1]
        check_text(self.text)
        self.type = self.text.split(b"\n", 1)[0]
        lines = raw[end + 2:]
        if not lines or not lines.endswith(b"\n"):
            refuse("format")
        lines = lines[:-1].split(b"\n")
        if not all(clean(line) for line in lines):
            refuse("format")
        self.signatures = []
        for line in lines:
            self.add(line)

    def add(self, line):
        if len(self.signatures) == SIGS_MAX:
            refuse("oversize")
        if not line.startswith(DASH):
            refuse("format")
        name, space, text = line[len(DASH):].partition(b" ")
        if not space or not 1 <= len(name) <= 64 or b"+" in name or SPACES.search(name.decode()):
            refuse("format")
        if b64_room(text) > SIG_MAX:
            refuse("oversize")
        data = b64(text)
        if data is None or len(data) < 5:
            refuse("format")
        if any(n == name and d[:4] == data[:4] for n, d in self.signatures):
            refuse("format")
        self.signatures.append((name, data))

    def verify(self, keys):
        """Names of the keys that have signed, in the order of `keys`."""
        signers = set()
        for name, data in self.signatures:
            for i, key in enumerate(keys):
                if name == key.name and data[:4] == key.id:
                    if not ed25519_holds(key.key, self.text, data[4:]):
                        refuse("signature")
                    signers.add(i)
        if not signers:
            refuse("key-unknown")
        return [keys[i].name.decode() for i in sorted(signers)]


class Vkey:
    """<name>+<8 hex>+<base64 of 0x01 and the key> (note.md 3)."""

    def __init__(self, text):
        name, plus, rest = text.partition(b"+")
        if not plus or len(rest) < 10 or rest[8:9] != b"+" or not re.fullmatch(rb"[0-9a-fA-F]{8}", rest[:8]):
            refuse("format")
        if b64_room(rest[9:]) > 33:
            refuse("format")
        data = b64(rest[9:])
        if not data or not is_name(name) or re.search(rb"[A-F]", rest[:8]):
            refuse("format")
        if data[0] != 1 or len(data) != 33:
            refuse("unsupported")
        self.name, self.key = name, data[1:]
        self.id = key_id(name, self.key)
        if self.id.hex().encode() != rest[:8]:
            refuse("checksum")
        self.text = text.decode()


# ---- typed texts (note.md 5) ----

PREFIX = b"lugdunum.network/"


class Text:
    """Reads `key value` lines in order."""

    def __init__(self, text, kind, version=1):
        check_text(text)
        lines = text[:-1].split(b"\n")
        want = PREFIX + kind + b"/v"
        if len(lines[0]) > 64 or not re.fullmatch(re.escape(want) + rb"[0-9]+", lines[0]):
            refuse("key-type")
        if lines[0] != want + str(version).encode():
            refuse("version")
        self.lines, self.at = lines, 1

    def next_is(self, key):
        return self.at < len(self.lines) and self.lines[self.at].startswith(key.encode() + b" ")

    def value(self, key, most=TEXT_MAX):
        if not self.next_is(key):
            refuse("field-missing")
        value = self.lines[self.at][len(key) + 1:]
        self.at += 1
        if len(value) > most:
            refuse("oversize")
        return value or refuse("format")

    def text(self, key, most):
        return self.value(key, most).decode()

    def name(self, key, most=64):
        value = self.value(key, most)
        return value.decode() if is_name(value) else refuse("format")

    def number(self, key, most=I64_MAX):
        return number(self.value(key, 20), most)

    def time(self, key):
        return self.number(key, TIME_MAX)

    def bytes(self, key, size=32):
        return self.as_bytes(self.value(key), size)

    @staticmethod
    def as_bytes(word, size=32):
        data = b64(word)
        return data if data is not None and len(data) == size else refuse("format")

    def hex(self, key, size):
        value = self.value(key)
        return value.decode() if re.fullmatch(rb"[0-9a-f]{%d}" % (2 * size), value) else refuse("format")

    def words(self, key, n):
        words = self.value(key).split(b" ")
        return words if len(words) == n and all(words) else refuse("format")

    def place(self, key, contradiction):
        """<epoch> <seq> <hash>: epochs from 1; the hash is zero exactly when seq is 0."""
        epoch, seq, hashed = self.words(key, 3)
        epoch, seq, hashed = number(epoch), number(seq), self.as_bytes(hashed)
        if epoch == 0:
            refuse("range")
        if (seq == 0) != (hashed == bytes(32)):
            refuse(contradiction)
        return {"epoch": epoch, "seq": seq, "hash": hashed.hex()}

    def optional(self):
        """Lines x-..., at most 16 (directory.md 1)."""
        for _ in range(16):
            if self.at == len(self.lines) or not self.lines[self.at].startswith(b"x-"):
                return
            key, space, value = self.lines[self.at].partition(b" ")
            if not space or not value or not is_name(key):
                refuse("format")
            self.at += 1

    def end(self):
        if self.at != len(self.lines):
            refuse("field-unknown")
