#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The independent decoder: one case of docs/protocol/conformance.md in, its result out. Cases come as JSON lines on standard
input, results go to standard output in the same order."""
import base64
import hashlib
import json
import sys

import logs
import parcels
import peers
from notes import Note, Refused, Vkey, check_text


def keys_of(case, name="keys"):
    return [Vkey(k.encode()) for k in case.get(name, [])]


def secrets_of(case):
    return [bytes.fromhex(s) for s in case["secrets"]]


def note(raw, case):
    n = Note(raw)
    signers = n.verify(keys_of(case))
    return {"type": n.type.decode(), "text_len": len(n.text), "text_sha256": hashlib.sha256(n.text).hexdigest(),
            "signatures": len(n.signatures), "signers": signers}


def vkey(raw, _):
    k = Vkey(raw)
    return {"name": k.name.decode(), "id": k.id.hex(), "key": k.key.hex()}


def age(raw, case):
    text = parcels.age_open(raw, secrets_of(case))
    return {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()}


def parcel(raw, case):
    return parcels.body(raw, keys_of(case), keys_of(case, "evidence_keys"), secrets_of(case))


def hashes(case, name):
    return [base64.b64decode(h) for h in case[name]]


def inclusion(_, case):
    leaf, root = hashes(case, "hashes")
    logs.check_inclusion(case["index"], case["size"], leaf, hashes(case, "proof"), root)
    return {}


def consistency(_, case):
    old, new = hashes(case, "hashes")
    logs.check_growth(case["old_size"], case["size"], old, new, hashes(case, "proof"))
    return {}


def one_key(case):
    return Vkey(case["key"].encode())


def witnesses(case):
    return keys_of(case, "witnesses")


def files_of(case):
    return {path: base64.b64decode(data) for path, data in case["files"].items()}


def typed(read):
    def run(raw, _):
        check_text(raw)
        return read(raw)
    return run


KINDS = {
    "note": note, "vkey": vkey, "age": age, "parcel": parcel, "inclusion": inclusion, "consistency": consistency,
    "frames": lambda raw, _: peers.frames(raw),
    "checkpoint": lambda raw, case: logs.checkpoint(raw, one_key(case)),
    "cosignature": lambda raw, case: {"time": logs.cosignature(raw, one_key(case))},
    "proof": lambda raw, case: logs.proof(raw, one_key(case), witnesses(case)),
    "log": lambda _, case: logs.folder(files_of(case), one_key(case)),
    "outer": typed(parcels.outer), "manifest": typed(parcels.manifest), "receipt": typed(parcels.receipt),
    "head": typed(peers.head), "reset": typed(peers.reset), "refusal": typed(peers.refusal),
    "non-delivery": typed(peers.non_delivery), "members": typed(peers.members), "node": typed(peers.node),
    "policy": typed(peers.policy), "key-file": typed(peers.key_file), "entry": typed(logs.entry),
}


def input_of(case):
    return case["text"].encode() if "text" in case else base64.b64decode(case.get("base64", ""))


def decode(case):
    try:
        return {"result": "ok", "fields": KINDS[case["kind"]](input_of(case), case)}
    except Refused as e:
        return {"result": str(e)}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(decode(json.loads(line)), sort_keys=True, ensure_ascii=False))
