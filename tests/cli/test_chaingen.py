# SPDX-License-Identifier: Apache-2.0
"""What chaingen makes is shaped like the main network: counts, reuse and age of spent coins, read back from the block files."""
import hashlib
import os
import struct
import subprocess

import pytest

CHAINGEN = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin", "chaingen")
DAY, MONTH = 144, 4320  # blocks


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def count(self):
        n = self.take(1)[0]
        return n if n < 0xfd else int.from_bytes(self.take({0xfd: 2, 0xfe: 4, 0xff: 8}[n]), "little")


def transaction(r):
    """Outpoints spent and scripts paid, and the bytes that are hashed."""
    start = r.at
    r.take(4)
    segwit = r.data[r.at] == 0
    if segwit:
        r.take(2)
    body = r.at
    spends, pays = [], []
    for _ in range(r.count()):
        spends.append(r.take(36))
        r.take(r.count())
        r.take(4)
    for _ in range(r.count()):
        r.take(8)
        pays.append(r.take(r.count()))
    end = r.at
    if segwit:
        for _ in spends:
            for _ in range(r.count()):
                r.take(r.count())
    lock = r.take(4)
    return spends, pays, r.data[start:start + 4] + r.data[body:end] + lock


def blocks(folder):
    for name in sorted(os.listdir(folder)):
        if name.startswith("blk"):
            data = (folder / name).read_bytes()
            at = 0
            while at < len(data):
                size = struct.unpack_from("<I", data, at + 4)[0]
                yield data[at + 8:at + 8 + size]
                at += 8 + size


def shape(folder):
    """Counts of one pass over the chain: inputs, outputs, ages in blocks, and payments to a script that was paid before."""
    ins, outs, ages, made, seen, again = [], [], [], {}, set(), 0
    for height, block in enumerate(blocks(folder)):
        r = Reader(block)
        r.take(80)
        for position in range(r.count()):
            spends, pays, body = transaction(r)
            made[hashlib.sha256(hashlib.sha256(body).digest()).digest()] = height
            if position:
                ins.append(len(spends))
                outs.append(len(pays))
                ages += [height - made[s[:32]] for s in spends]
                again += sum(p in seen for p in pays)
            seen.update(pays)
    return ins, outs, ages, again


def per_cent(values, low, high):
    return 100 * sum(low <= v <= high for v in values) / len(values)


# Five transactions a block for 83 days, as many as a day's worth of wallets can make; and full blocks for a day and a half.
@pytest.fixture(scope="module", params=[("60000", "12000"), ("20000", "210")], ids=["long", "short"])
def made(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("chain")
    subprocess.run([CHAINGEN, "--out", str(out), "--quiet", "--no-truth", "--transactions", request.param[0],
                    "--blocks", request.param[1]], check=True, timeout=120)
    return request.param, shape(out / "blocks")


def test_counts(made):
    _, (ins, outs, _, _) = made
    assert abs(per_cent(ins, 1, 1) - 67) < 1.5 and abs(per_cent(ins, 2, 2) - 16) < 1
    assert abs(per_cent(outs, 2, 2) - 78) < 1 and abs(sum(outs) / len(outs) - 2.5) < 0.2
    assert 200 < max(ins) <= 1000 and abs(per_cent(ins, 11, 1000) - 1.4) < 0.4


def test_reuse(made):
    _, (_, outs, _, again) = made
    assert abs(100 * again / sum(outs) - 50) < 3


def test_ages(made):
    (_, n_blocks), (_, _, ages, _) = made
    day, month, later = per_cent(ages, 0, DAY - 1), per_cent(ages, DAY, MONTH - 1), per_cent(ages, MONTH, 1 << 30)
    if int(n_blocks) > 2 * MONTH:
        assert abs(day - 80) < 3 and abs(month - 15) < 3 and abs(later - 5) < 1
        assert 25 < per_cent([a for a in ages if a < DAY], 0, 11) < 75  # minutes as well as hours
    else:
        assert later == 0 and day > 80
