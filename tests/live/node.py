# SPDX-License-Identifier: Apache-2.0
"""A btcd node on regtest, and blocks and transactions made here, so that a test decides on every branch of the chain."""
import hashlib
import http.client
import base64
import json
import socket
import struct
import subprocess
import time

REGTEST_BITS = 0x207FFFFF
ANYONE = b"\x51"  # OP_TRUE: spent without a signature
MATURITY = 100
SUBSIDY = 50 * 10**8


def sha256d(b):
    return hashlib.sha256(hashlib.sha256(b).digest()).digest()


def size(n):
    return bytes([n]) if n < 0xFD else b"\xfd" + struct.pack("<H", n)


def push(b):
    return bytes([len(b)]) + b


def shown(h):
    return h[::-1].hex()


def tx(ins, outs):
    """ins: [(txid, n)], outs: [(value, script)]"""
    b = struct.pack("<I", 1) + size(len(ins))
    for txid, n in ins:
        b += txid + struct.pack("<I", n) + b"\0" + b"\xff\xff\xff\xff"
    b += size(len(outs))
    for value, script in outs:
        b += struct.pack("<Q", value) + size(len(script)) + script
    return b + struct.pack("<I", 0)


def coinbase(height, salt, script=ANYONE):
    value = SUBSIDY >> height // 150  # regtest halves it early
    text = push(height.to_bytes(3, "little") if height > 16 else bytes([height])) + push(struct.pack("<I", salt))
    if height <= 16:
        text = bytes([0x50 + height]) + push(struct.pack("<I", salt))
    elif height < 0x80:
        text = push(bytes([height])) + push(struct.pack("<I", salt))
    elif height < 0x8000:
        text = push(struct.pack("<H", height)) + push(struct.pack("<I", salt))
    return (struct.pack("<I", 1) + b"\1" + bytes(32) + b"\xff\xff\xff\xff" + push(text) + b"\xff\xff\xff\xff" + b"\1" +
            struct.pack("<Q", value) + size(len(script)) + script + bytes(4))


def merkle(leaves):
    while len(leaves) > 1:
        leaves = leaves + leaves[-1:] if len(leaves) % 2 else leaves
        leaves = [sha256d(leaves[i] + leaves[i + 1]) for i in range(0, len(leaves), 2)]
    return leaves[0]


class Block:
    def __init__(self, prev, height, time_s, txs, salt, script=ANYONE):
        self.height, self.time_s, self.salt = height, time_s, salt
        self.txs = [coinbase(height, salt, script)] + list(txs)
        root = merkle([sha256d(t) for t in self.txs])
        for nonce in range(1 << 32):
            header = struct.pack("<I", 0x20000000) + prev + root + struct.pack("<III", time_s, REGTEST_BITS, nonce)
            self.hash = sha256d(header)
            if self.hash[31] < 0x7F:
                break
        self.bytes = header + size(len(self.txs)) + b"".join(self.txs)


class Chain:
    """Blocks on top of another one; branch() makes a rival from a height on."""

    def __init__(self, genesis, time_s, salt=0):
        self.hashes, self.blocks, self.time_s, self.salt = [genesis], [None], time_s, salt

    def mine(self, n=1, txs=(), script=ANYONE):
        for i in range(n):
            self.time_s += 1
            b = Block(self.hashes[-1], len(self.hashes), self.time_s, txs if i == 0 else (), self.salt, script)
            self.hashes.append(b.hash)
            self.blocks.append(b)
        return self

    def branch(self, height, salt):
        c = Chain(self.hashes[0], self.time_s, salt)
        c.hashes, c.blocks = self.hashes[:height + 1], self.blocks[:height + 1]
        return c

    @property
    def height(self):
        return len(self.hashes) - 1

    @property
    def tip(self):
        return shown(self.hashes[-1])

    def coin(self, height):
        """The outpoint of a block's subsidy."""
        return (sha256d(self.blocks[height].txs[0]), 0)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    def __init__(self, program, folder, extra=()):
        self.p2p, self.rpc_port, self.log = free_port(), free_port(), folder / "btcd.log"
        self.folder = folder
        self.out = open(self.log, "ab")
        self.process = subprocess.Popen(
            [str(program), "--regtest", f"--datadir={folder}/data", f"--logdir={folder}/logs", "--configfile=/dev/null",
             f"--listen=127.0.0.1:{self.p2p}", f"--rpclisten=127.0.0.1:{self.rpc_port}", "--rpcuser=u", "--rpcpass=p", "--notls",
             "--nodnsseed", "--nobanning", "--relaynonstd", "--minrelaytxfee=0", "--txindex",
             "--miningaddr=mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", *extra],
            stdout=self.out, stderr=self.out, stdin=subprocess.DEVNULL, cwd=folder)
        end = time.time() + 30
        while True:
            try:
                self.rpc("getblockcount")
                return
            except OSError:
                assert self.process.poll() is None and time.time() < end, self.log.read_text()
                time.sleep(0.05)

    def rpc(self, method, *params):
        c = http.client.HTTPConnection("127.0.0.1", self.rpc_port, timeout=30)
        c.request("POST", "/", json.dumps({"jsonrpc": "1.0", "id": 1, "method": method, "params": list(params)}),
                  {"Authorization": "Basic " + base64.b64encode(b"u:p").decode(), "Content-Type": "application/json"})
        reply = json.loads(c.getresponse().read())
        c.close()
        if reply.get("error"):
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]

    def give(self, chain, first=1):
        """Submits the blocks that the node has not."""
        for b in chain.blocks[first:]:
            try:
                said = self.rpc("submitblock", b.bytes.hex())
            except RuntimeError as e:
                said = str(e)
            assert said is None or "already have" in said, said

    def tip(self):
        return self.rpc("getbestblockhash")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.out.close()
