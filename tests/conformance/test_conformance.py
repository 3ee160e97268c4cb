# SPDX-License-Identifier: Apache-2.0
"""The conformance kit: every vector through the decoders of this program and through the one that was made from the documents;
then the vectors changed at random (fixed seed), where both must say the same."""
import base64
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from decode import KINDS, decode, input_of  # noqa: E402

SOURCE = Path(os.environ["LUG_SOURCE"])
CONFORM = Path(os.environ["LUG_BUILD"]) / "tests" / "conform"
VECTORS = SOURCE / "tests/vectors/conformance"
SEED = int(os.environ.get("LUG_CONFORMANCE_SEED", "20240419"))
ROUNDS = int(os.environ.get("LUG_CONFORMANCE_ROUNDS", "12"))


def ours(cases):
    lines = "".join(json.dumps(c) + "\n" for c in cases)
    r = subprocess.run([CONFORM], input=lines.encode(), capture_output=True, timeout=240)
    assert r.returncode == 0, r.stderr.decode()
    results = [json.loads(line) for line in r.stdout.splitlines()]
    assert len(results) == len(cases)
    return results


@pytest.fixture(scope="module")
def index():
    return json.loads((VECTORS / "index.json").read_text())


@pytest.fixture(scope="module")
def cases(index):
    return [c for group in index for c in json.loads((VECTORS / group["file"]).read_text())]


def expected(case):
    return {k: case[k] for k in ("result", "fields") if k in case}


def test_index_names_every_case(index, cases):
    listed = [(c["name"], c["kind"], c["result"]) for group in index for c in group["cases"]]
    assert listed == [(c["name"], c["kind"], c["result"]) for c in cases]
    for group in index:
        for document in group["document"].split(", "):
            assert (SOURCE / document).is_file()


def test_each_kind_has_good_and_bad_cases(cases):
    for kind in KINDS:
        results = {c["result"] for c in cases if c["kind"] == kind}
        assert "ok" in results and len(results) > 1, kind


def test_vectors_are_current(tmp_path):
    """A change of a format is a new version, never another text of an old vector."""
    subprocess.run([sys.executable, Path(__file__).parent / "make_vectors.py", tmp_path], check=True, capture_output=True, timeout=120)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in VECTORS.iterdir())
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (VECTORS / path.name).read_bytes(), path.name


def test_the_documents_decoder_agrees(cases):
    for case in cases:
        assert decode(case) == expected(case), case["name"]


def test_our_decoders_agree(cases):
    for case, result in zip(cases, ours(cases)):
        assert result == expected(case), (case["kind"], case["name"])


# ---- changed at random ----

NUMBERS = [b"0", b"1", b"2", b"00", b"-1", b"9223372036854775807", b"9223372036854775808", b"18446744073709551615",
           b"18446744073709551616", b"253402300799999", b"253402300800000", b"99999999999999999999x", b"4294967295", b"4294967296"]
PIECES = [b"", b" ", b"\n", b"\n\n", b"\0", b"\r", b"\x7f", b"\xc2\x80", b"\xff", b"=", b"+", b"-", b"a" * 70, "\u2014 ".encode(), b"\xe2\x80\xa8",
          b"x-a b\n", b"-> X25519 ", b"---"]


def spoil_lines(raw, rng):
    lines = raw.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[i]
        case 1:
            lines.insert(j, lines[i])
        case 2:
            lines[i], lines[j] = lines[j], lines[i]
        case 3:
            words = lines[i].split(b" ")
            words[rng.randrange(len(words))] = rng.choice(NUMBERS)
            lines[i] = b" ".join(words)
        case 4:
            words = lines[i].split(b" ")
            words[rng.randrange(len(words))] = rng.choice(lines[j].split(b" "))
            lines[i] = b" ".join(words)
    return b"\n".join(lines)


def spoil_bytes(raw, rng):
    at = rng.randrange(len(raw) + 1)
    match rng.randrange(4):
        case 0:
            return raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1:]
        case 1:
            return raw[:at] + rng.choice(PIECES) + raw[at:]
        case 2:
            return raw[:at] + raw[at + rng.randrange(1, 9):]
        case _:
            return raw[:at]


def spoiled(case, rng):
    """The case with its input, or one file of its log, changed; the keys stay."""
    out = {k: v for k, v in case.items() if k not in ("text", "base64", "result", "fields")}
    if case["kind"] == "log":
        name = rng.choice(sorted(case["files"]))
        data = spoil_bytes(base64.b64decode(case["files"][name]), rng)
        return {**out, "files": {**case["files"], name: base64.b64encode(data).decode()}}
    if case["kind"] in ("inclusion", "consistency"):
        number = rng.choice([k for k in ("index", "old_size", "size") if k in case])
        return {**out, number: rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 1 << 62])}
    raw = input_of(case)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        raw = rng.choice([spoil_lines, spoil_bytes])(raw, rng)
    return {**out, "base64": base64.b64encode(raw).decode()}


def test_both_say_the_same_of_changed_cases(cases):
    rng = random.Random(SEED)
    changed = []
    for case in cases:
        rounds = ROUNDS if len(json.dumps(case)) < 20000 else 2
        changed += [spoiled(case, rng) for _ in range(rounds)]
    kinds = set()
    for case, result in zip(changed, ours(changed)):
        theirs = decode(case)
        assert result == theirs, (case["kind"], case["name"], json.dumps(case)[:4000])
        kinds.add((case["kind"], result["result"] == "ok"))
    assert {kind for kind, _ in kinds} == set(KINDS)
