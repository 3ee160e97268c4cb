# SPDX-License-Identifier: Apache-2.0
"""lug extract and lug address: what they find, how they refuse, and that a private key is never repeated."""
import json
import os
import subprocess

LUG = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin", "lug")
P2PKH = "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH"
MISTYPED = "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ"
SEGWIT = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
CASH = "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h"
EVM = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
TXID = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
SECRET = "5Kd3NBUAdUnhyzenEwVLy9pBKxSwXvE9FMPyR4UKZvpe6E3AgLr"


def lug(*args, text=None):
    return subprocess.run([LUG, *args], capture_output=True, text=True, input=text, timeout=60)


def found(*args, text=None, status=0):
    r = lug("extract", "--json", *args, text=text)
    assert r.returncode == status, r.stderr
    return json.loads(r.stdout)["files"]


def test_report_in_italian(tmp_path):
    text = f"Ho versato a {MISTYPED},\npoi all’indirizzo {SEGWIT} — tx {TXID}:1.\nperché? «{EVM}»\n"
    path = tmp_path / "denuncia.txt"
    path.write_text(text, encoding="utf-8")
    (file,) = found(str(path))
    kinds = [(i["kind"], i["text"], i["line"]) for i in file["items"]]
    assert kinds == [("look-alike", MISTYPED, 1), ("address", SEGWIT, 2), ("transaction", TXID, 2), ("address", EVM, 3)]
    raw = text.encode()
    for i in file["items"]:
        assert raw[i["offset"]:i["offset"] + i["length"]].decode() == i["found"]
        assert text.splitlines()[i["line"] - 1][i["column"] - 1:].startswith(i["found"])
    assert file["items"][0]["suggestions"][0]["text"] == P2PKH
    assert file["items"][2]["output"] == 1
    table = lug("extract", str(path)).stdout
    assert "character 34 is 'J', probably 'H'" in table and "4 found" in table


def test_input_and_filters():
    text = f"{P2PKH} {CASH} {EVM.lower()} {P2PKH}\n"
    assert len(found("-", text=text)[0]["items"]) == 4
    unique = found("--unique", "--at-least", "certain", "-", text=text)[0]["items"]
    assert [i["text"] for i in unique] == [P2PKH]  # cashaddr is the same identity, written otherwise
    assert lug("extract", "--at-least", "sure", "-", text="").returncode == 2
    assert found("-", text="") == [{"file": "(input)", "bytes": 0, "items": [], "more": False, "suggestions_ended": False,
                                    "damaged_bytes": 0}]


def test_private_key_is_never_shown():
    for args, text in ((("extract", "-"), SECRET), (("extract", "--json", "-"), SECRET), (("address", SECRET), None),
                       (("address", "--json", SECRET, P2PKH), None), (("address", SECRET, P2PKH), None)):
        r = lug(*args, text=text)
        assert "rivate" in r.stdout + r.stderr
        assert SECRET not in r.stdout + r.stderr and SECRET[:12] not in r.stdout + r.stderr


def test_what_is_no_text(tmp_path):
    cases = {"a.pdf": (b"%PDF-1.7\nxx", "pdftotext"), "b.docx": (b"PK\x03\x04xx", "Office"), "c.bin": (b"ab\0cd", "byte 2 is NUL")}
    for name, (content, word) in cases.items():
        (tmp_path / name).write_bytes(content)
        r = lug("extract", str(tmp_path / name))
        assert r.returncode == 1 and word in r.stderr and name in r.stderr
    r = lug("extract", str(tmp_path / "none"))
    assert r.returncode == 1 and "No such file" in r.stderr
    assert lug("extract", str(tmp_path)).returncode == 1
    # among others, a bad file does not hide what the good ones hold, nor the failure
    (tmp_path / "good.txt").write_text(P2PKH)
    r = lug("extract", str(tmp_path / "c.bin"), str(tmp_path / "good.txt"))
    assert r.returncode == 1 and P2PKH in r.stdout and "NUL" in r.stderr
    files = found(str(tmp_path / "c.bin"), str(tmp_path / "good.txt"), status=1)
    assert files[0]["error"]["code"] == "format" and len(files[1]["items"]) == 1
    big = tmp_path / "big.txt"
    with open(big, "wb") as f:
        f.truncate((64 << 20) + (1 << 17))
    r = lug("extract", str(big))
    assert r.returncode == 1 and "64 MiB" in r.stderr


def test_utf16(tmp_path):
    path = tmp_path / "windows.txt"
    path.write_text(f"Zahlung an {P2PKH}!", encoding="utf-16")
    (item,) = found(str(path))[0]["items"]
    assert item["text"] == P2PKH and item["length"] == 2 * len(P2PKH)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be"):  # bytes that look like ends of lines are none
        text = f"riga uno Ċ\nè qui: {P2PKH}\r\n\U0001f4b0 {P2PKH}\n"
        path.write_bytes((b"\xfe\xff" if encoding == "utf-16-be" else b"") + text.encode(encoding))
        assert [(i["line"], i["column"]) for i in found(str(path))[0]["items"]] == [(2, 8), (3, 3)], encoding


def test_address():
    r = lug("address", P2PKH)
    assert r.returncode == 0 and "bitcoin, bitcoin-cash" in r.stdout and CASH in r.stdout
    a, b = json.loads(lug("address", "--json", P2PKH, CASH).stdout)["addresses"]
    assert a["payload"] == b["payload"] and a["kind"] == b["kind"] == "p2pkh" and a["script"] == b["script"]
    assert a["accounts"][0] == f"bip122:000000000019d6689c085ae165831e93:{P2PKH}"
    assert a["checksum"] == {"name": "32-bit", "bits": 32}
    assert b["networks"] == ["bitcoin-cash"]


def test_address_refusals():
    r = lug("address", MISTYPED)
    assert r.returncode == 1 and "character 34 is 'J', probably 'H': " + P2PKH in r.stderr
    r = lug("address", MISTYPED, "--json")
    assert r.returncode == 1 and json.loads(r.stdout)["error"]["code"] == "checksum"
    r = lug("address", MISTYPED, P2PKH)
    assert r.returncode == 1 and "1 of 2" in r.stderr and P2PKH in r.stdout
    assert lug("address", "--json", MISTYPED, P2PKH).returncode == 1
    both = json.loads(lug("address", "--json", MISTYPED, P2PKH).stdout)
    assert (both["valid"], both["refused"]) == (1, 1)
    assert both["addresses"][0]["suggestions"][0]["text"] == P2PKH
    r = lug("address", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
    assert r.returncode == 1 and "Tron" in r.stderr
    assert lug("address").returncode == 2
