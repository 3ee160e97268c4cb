# SPDX-License-Identifier: Apache-2.0
"""Signed notes, both ways with Go's sumdb/note."""
import base64
import hashlib

TEXT = "lugdunum.network/example/v1\nname it.example\nfree Zoë, 日本\n".encode()


def vkeys(vectors):
    return [k["vkey"] for k in vectors["keys"]]


def go_private_key(name, seed):
    """The text form of a private key in Go: PRIVATE+KEY+<name>+<id>+<base64 of 1 || seed>; the id is the public key's."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = hashlib.sha256(name.encode() + b"\n\x01" + public).hexdigest()[:8]
    return (f"PRIVATE+KEY+{name}+{key_id}+" + base64.b64encode(b"\x01" + seed).decode(),
            f"{name}+{key_id}+" + base64.b64encode(b"\x01" + public).decode())


def test_go_agrees_on_the_vectors(notecheck, tool, note_vectors):
    for v in note_vectors["notes"]:
        note = v["note"].encode()
        for check in (notecheck, tool):
            r = check("verify", *vkeys(note_vectors), data=note)
            if v["result"] == "ok":
                assert r.returncode == 0, (v["comment"], r.stderr)
                assert sorted(r.stdout.decode().split()) == sorted(v["signed_by"])
            else:
                assert r.returncode == 1, v["comment"]


def test_go_accepts_nothing_that_is_malformed_here(notecheck, note_vectors):
    """Only an extra rule of ours may be wider in Go: those notes carry no signature that anyone could verify."""
    for v in note_vectors["malformed"]:
        assert notecheck("verify", *vkeys(note_vectors), data=bytes.fromhex(v["hex"])).returncode == 1


def test_go_verifies_a_parcel_and_its_receipts(notecheck, parcel_vectors):
    notes = {"it.example": [parcel_vectors["outer_note"]], "it.example/evidence": [parcel_vectors["manifest_note"]],
             "fr.example": parcel_vectors["receipts"]}
    count = 0
    for key in parcel_vectors["keys"]:
        for note in notes[key["name"]]:
            r = notecheck("verify", key["vkey"], data=note.encode())
            assert r.returncode == 0, r.stderr
            assert r.stdout.decode().strip() == key["name"]
            changed = note.replace("\nfrom ", "\nfrom x", 1)
            assert notecheck("verify", key["vkey"], data=changed.encode()).returncode == 1
            count += 1
    assert count == 8


def test_go_verifies_what_we_sign(notecheck, tool):
    seed = bytes(range(32))
    _, vkey = go_private_key("jp.example/evidence", seed)
    signed = tool("sign", "jp.example/evidence", seed.hex(), data=TEXT)
    assert signed.returncode == 0, signed.stderr
    r = notecheck("verify", vkey, data=signed.stdout)
    assert r.returncode == 0, r.stderr
    assert r.stdout == b"jp.example/evidence\n"


def test_we_verify_what_go_signs(notecheck, tool):
    skey, vkey = go_private_key("jp.example", bytes(range(1, 33)))
    signed = notecheck("sign", skey, data=TEXT)
    assert signed.returncode == 0, signed.stderr
    assert signed.stdout == tool("sign", "jp.example", bytes(range(1, 33)).hex(), data=TEXT).stdout
    r = tool("verify", vkey, data=signed.stdout)
    assert r.returncode == 0, r.stderr
    assert r.stdout == b"jp.example\n"
    changed = signed.stdout.replace(b"name it", b"name fr")
    r = tool("verify", vkey, data=changed)
    assert r.returncode == 1 and r.stderr.startswith(b"signature")
