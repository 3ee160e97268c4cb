# SPDX-License-Identifier: Apache-2.0
"""lug ledger labels: sources from files, and what an import says while it works."""
import json
import os
import shlex
import subprocess

import pytest

DATA = os.environ.get("LUG_DATA")
LUG = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin", "lug")


def test_a_long_import_shows_how_far_it_is(tmp_path):
    (tmp_path / "big.txt").write_text("1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3\n" * 1000000)
    words = [LUG, "ledger", "labels", "import", str(tmp_path / "big.txt"), "--labels", str(tmp_path / "l"), "--currency", "BTC", "--label", "x"]
    seen = subprocess.run(["script", "-qec", shlex.join(words), "/dev/null"], capture_output=True, timeout=120, check=True).stdout
    assert b"\rlabels [" in seen.replace(b"\r\x1b[K", b"\r") and b"B/s" in seen
    quiet = subprocess.run([*words, "--quiet"], capture_output=True, timeout=120, check=True)
    assert quiet.stderr == b"" and b"1000000 entries" in quiet.stdout


def ask(*words, code=0):
    r = subprocess.run([LUG, *map(str, words), "--json"], capture_output=True, text=True, timeout=120)
    assert r.returncode == code, r.stdout + r.stderr
    return json.loads(r.stdout)


def test_an_update_says_what_changed_and_is_undone(tmp_path):
    old = ["1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]
    new = [old[0], "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S"]
    where = ["--labels", tmp_path / "l"]
    file = tmp_path / "sanctioned_addresses_XBT.txt"
    file.write_text("\n".join(old))
    (first,) = ask("ledger", "labels", "import", file, *where)
    assert not first["replaced"] and first["added_addresses"] == first["delisted_addresses"] == []
    file.write_text("\n".join(new))
    (second,) = ask("ledger", "labels", "import", file, *where)
    assert second["replaced"] and (second["added"], second["delisted"]) == (1, 1)
    assert second["added_addresses"] == new[1:] and second["delisted_addresses"] == old[1:]
    name = second["name"]
    assert ask("ledger", "labels", "undo", name, *where) == [{"name": name, "restored": True}]
    assert ask("ledger", "labels", "list", name, *where)["sha256"] == first["sha256"]
    assert ask("ledger", "labels", "undo", name, *where) == [{"name": name, "restored": False}]
    assert ask("ledger", "labels", "undo", name, *where, code=1)["error"]["code"] == "noent"
    assert os.listdir(tmp_path / "l") == []
    shown = subprocess.run([LUG, "ledger", "labels", "import", file, *map(str, where)], capture_output=True, text=True, check=True).stdout
    assert "2 labels of 2 entries" in shown


@pytest.mark.skipif(not DATA, reason="LUG_DATA is not set: the two real OFAC lists are not compared")
@pytest.mark.parametrize("kind", ["txt", "json"])
def test_the_two_real_lists(tmp_path, kind):
    """What the lists say of each other, by hand: lines of one that the other has not."""
    seen = 0
    for currency in ("XBT", "ETH", "LTC", "BCH", "USDT", "ARB", "BSC"):
        lines, got = [], []
        for date in ("2024-09", "2025-12"):
            path = os.path.join(DATA, "labels", f"ofac-{date}", f"sanctioned_addresses_{currency}.{kind}")
            with open(path, encoding="utf-8") as f:
                lines.append({a.strip() for a in (json.load(f) if kind == "json" else f.read().split())})
            got += ask("ledger", "labels", "import", path, "--labels", tmp_path / "l")
        old, new = got
        # Upper and lower case of an EVM address are one; so are texts that the quarantine refused in both.
        texts = [{a.lower() if a.startswith("0x") else a for a in s} for s in lines]
        bad = [{r["text"].lower() for r in g["quarantine"]} | {r["text"] for r in g["quarantine"]} for g in got]
        assert {a.lower() if a.startswith("0x") else a for a in new["added_addresses"]} == texts[1] - texts[0] - bad[1]
        assert {a.lower() if a.startswith("0x") else a for a in new["delisted_addresses"]} == texts[0] - texts[1] - bad[0]
        assert new["added"] == len(new["added_addresses"]) and old["entries"] == len(lines[0])
        seen += new["added"] + new["delisted"]
    assert seen > 50


SDN = """<?xml version="1.0" standalone="yes"?>
<sdnList xmlns="https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/XML">
  <publshInformation><Publish_Date>12/17/2025</Publish_Date><Record_Count>3</Record_Count></publshInformation>
  <sdnEntry><uid>36</uid><lastName>COMPANY &amp; SONS</lastName><sdnType>Entity</sdnType>
    <idList><id><uid>1</uid><idType>Registration ID</idType><idNumber>1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3</idNumber></id>
      <id><uid>2</uid><idType>Digital Currency Address - XBT</idType><idNumber> 1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3 </idNumber></id></idList></sdnEntry>
  <sdnEntry><uid>37</uid><firstName>no address</firstName><lastName>NOBODY</lastName></sdnEntry>
  <sdnEntry><uid>38</uid><lastName>DOE</lastName><firstName>Jan</firstName>
    <idList><id><idType>Digital Currency Address - ETH</idType><idNumber>0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed</idNumber></id>
      <id><idType>Digital Currency Address - XBT</idType><idNumber>1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm4</idNumber></id>
      <id><idType>Digital Currency Address - XMR</idType><idNumber>4</idNumber></id></idList></sdnEntry>
</sdnList>
"""
ADVANCED = """<?xml version="1.0" encoding="utf-8"?>
<Sanctions Version="3"><DateOfIssue CalendarTypeID="1"><Year>2025</Year><Month>12</Month><Day>7</Day></DateOfIssue>
  <ReferenceValueSets><FeatureTypeValues><FeatureType ID="344" FeatureTypeGroupID="1">Digital Currency Address - XBT</FeatureType>
    <FeatureType ID="8" FeatureTypeGroupID="1">Birthdate</FeatureType></FeatureTypeValues></ReferenceValueSets>
  <DistinctParties><DistinctParty FixedRef="9647"><Profile ID="9647"><Identity ID="1"><Alias Primary="true"><DocumentedName ID="2">
    <DocumentedNamePart><NamePartValue NamePartGroupID="1">Lazarus</NamePartValue></DocumentedNamePart>
    <DocumentedNamePart><NamePartValue NamePartGroupID="2">Group</NamePartValue></DocumentedNamePart></DocumentedName></Alias>
    <Alias><DocumentedName ID="3"><DocumentedNamePart><NamePartValue>Other</NamePartValue></DocumentedNamePart></DocumentedName></Alias></Identity>
    <Feature ID="5" FeatureTypeID="8"><FeatureVersion><VersionDetail>12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S</VersionDetail></FeatureVersion></Feature>
    <Feature ID="6" FeatureTypeID="344"><FeatureVersion ID="7"><VersionDetail DetailTypeID="1432">1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3</VersionDetail>
    </FeatureVersion></Feature></Profile></DistinctParty></DistinctParties></Sanctions>
"""


def imported(tmp_path, text, code=0):
    (tmp_path / "sdn.xml").write_text(text)
    return ask("ledger", "labels", "import", tmp_path / "sdn.xml", "--labels", tmp_path / "l", code=code)


def test_ofac_xml(tmp_path):
    (s,) = imported(tmp_path, SDN)
    assert (s["format"], s["entries"], s["labels"], s["quarantined"]) == ("ofac-xml", 4, 2, 2)
    assert s["title"] == "Specially Designated Nationals" and s["creator"] == "OFAC"
    assert [(r["line"], r["code"]) for r in s["quarantine"]] == [(10, "checksum"), (11, "unsupported")]
    (a,) = imported(tmp_path, ADVANCED)
    assert (a["entries"], a["labels"], a["added"], a["delisted"]) == (1, 1, 0, 1)
    assert a["delisted_addresses"] == ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"]


@pytest.mark.parametrize("text, code", [
    ("<sdnList><sdnEntry></sdnList>", "format"), ("<rss></rss>", "format"), ("", "format"), ("<sdnList>" + "<a>" * 40, "oversize"),
    ('<!DOCTYPE x [<!ENTITY a "b">]><sdnList>&a;</sdnList>', "unsupported"), (SDN[:-20], "format")])
def test_ofac_xml_that_is_none(tmp_path, text, code):
    e = imported(tmp_path, text, code=1)["error"]
    assert e["code"] == code and e["message"]
    assert not os.path.exists(tmp_path / "l") or os.listdir(tmp_path / "l") == []
