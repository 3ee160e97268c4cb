# SPDX-License-Identifier: Apache-2.0
"""age files, both ways with Debian's age."""
import base64
import hashlib
import struct

import pytest

SIZES = [0, 1, 1000, 65535, 65536, 65537, 131072, 1 << 20]


def text_of(size):
    return bytes(i * 31 % 251 for i in range(997)) * (size // 997) + bytes(size % 997)


@pytest.mark.parametrize("size", SIZES)
def test_age_opens_ours(age, tool, identities, size):
    text = text_of(size)
    sealed = tool("seal", *[r for _, r, _ in identities], data=text)
    assert sealed.returncode == 0, sealed.stderr
    for path, _, _ in identities:
        opened = age("-d", "-i", path, data=sealed.stdout)
        assert opened.returncode == 0, opened.stderr
        assert opened.stdout == text


@pytest.mark.parametrize("size", SIZES)
def test_we_open_theirs(age, tool, identities, size):
    text = text_of(size)
    sealed = age("-r", identities[0][1], "-r", identities[1][1], data=text)
    assert sealed.returncode == 0, sealed.stderr
    for _, _, identity in identities[:2]:
        opened = tool("open", identity, data=sealed.stdout)
        assert opened.returncode == 0, opened.stderr
        assert opened.stdout == text
    other = tool("open", identities[2][2], data=sealed.stdout)
    assert other.returncode == 1 and other.stderr.startswith(b"no-match")
    cut = tool("open", identities[0][2], data=sealed.stdout[:-1])
    assert cut.returncode == 1


def test_age_refuses_what_was_changed(age, tool, identities):
    sealed = bytearray(tool("seal", identities[0][1], data=text_of(70000)).stdout)
    for at in (30, 80, len(sealed) - 70000, len(sealed) - 1):
        sealed[at] ^= 1
        assert age("-d", "-i", identities[0][0], data=bytes(sealed)).returncode != 0
        assert tool("open", identities[0][2], data=bytes(sealed)).returncode == 1
        sealed[at] ^= 1


def test_armor_is_refused(age, tool, identities):
    sealed = age("-a", "-r", identities[0][1], data=b"text")
    opened = tool("open", identities[0][2], data=sealed.stdout)
    assert opened.returncode == 1 and opened.stderr.startswith(b"unsupported")


def test_parcel_vector(age, parcel_vectors, tmp_path):
    """A partner without this program: age opens the file, and the text reads as docs/protocol/parcel.md says."""
    parcel = base64.b64decode(parcel_vectors["parcel"])
    note_len = struct.unpack(">I", parcel[:4])[0]
    outer, file = parcel[4:4 + note_len].decode(), parcel[4 + note_len:]
    assert outer == parcel_vectors["outer_note"]
    fields = dict(line.split(" ", 1) for line in outer.split("\n\n")[0].split("\n")[1:])
    assert int(fields["size"]) == len(file)
    assert base64.b64decode(fields["sha256"]) == hashlib.sha256(file).digest()
    for recipient in parcel_vectors["recipients"]:
        key = tmp_path / "key"
        key.write_text(recipient["identity"] + "\n")
        opened = age("-d", "-i", key, data=file)
        assert opened.returncode == 0, opened.stderr
        text = opened.stdout
        assert hashlib.sha256(text).hexdigest() == parcel_vectors["text_sha256"]
    manifest_len = struct.unpack(">I", text[:4])[0]
    manifest, rest = text[4:4 + manifest_len].decode(), text[4 + manifest_len:]
    assert manifest == parcel_vectors["manifest_note"]
    for line in manifest.split("\n"):
        if line.startswith("part "):
            _, n, media_type, size, sha256 = line.split(" ")
            want = parcel_vectors["parts"][int(n) - 1]
            part, rest = rest[:int(size)], rest[int(size):]
            assert hashlib.sha256(part).digest() == base64.b64decode(sha256)
            assert (media_type, part.decode()) == (want["media_type"], want["text"])
        if line.startswith("pad "):
            assert rest == bytes(int(line[4:]))
