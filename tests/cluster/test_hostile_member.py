# SPDX-License-Identifier: Apache-2.0
"""What a member can send that its own lugd would not: each is refused, kept for a person, or answered as before, by name."""
import os
import time

import pytest

from cluster import wait_for
from flow import AMOUNT, ASSET, Freeze
from member import Key, Member, part_of


@pytest.fixture(scope="module")
def jp(cluster):
    member = Member(cluster, "jp")
    member.to_fr = member.epoch_key("fr")
    return member


def sealed(jp, part=None, **lines):
    return jp.sealed(jp.to_fr, part or part_of(jp.request()), **lines)


def at_desk(cluster):
    return {r["id"] for r in cluster.fr.requests("--peer", "jp")}


def alarm_with(cluster, *words):
    return wait_for(f"an alarm with {words}", lambda: next((a for a in cluster.fr.alarms() if all(w in a for w in words)), None))


def test_what_the_documents_say_is_accepted(cluster, jp):
    """A second implementation, from docs/protocol alone, is understood: without this the refusals below would prove nothing."""
    request = jp.request()
    text, parcel = jp.outer(sealed(jp, part_of(request)))
    assert jp.send(cluster.fr, text, parcel) == ["R1 stored", "R2 accepted"]
    assert at_desk(cluster) == {request["id"]}
    assert cluster.fr.show(request["id"])["request"]["facts"] == "As told."


def test_replayed_parcels_get_the_first_answer_and_no_effect(cluster, jp):
    request, before = jp.request(), at_desk(cluster)
    text, parcel = jp.outer(sealed(jp, part_of(request)))
    first = jp.send(cluster.fr, text, parcel)
    entries = cluster.fr.status()["audit"]["entries"]
    for _ in range(3):
        status, reply = jp.post(cluster.fr, "/x/v1/parcels", parcel)
        assert status == 200 and reply.count(b"R1 stored") == 1 and reply.count(b"R2 accepted") == 1
    cluster.fr.restart()
    jp.meet(cluster.fr)
    status, reply = jp.post(cluster.fr, "/x/v1/parcels", parcel)
    assert status == 200 and first == ["R1 stored", "R2 accepted"] and reply.count(b"R2 accepted") == 1
    assert at_desk(cluster) == before | {request["id"]}
    assert cluster.fr.status()["audit"]["entries"] >= entries


def test_same_message_with_other_content_is_a_conflict(cluster, jp):
    id16 = os.urandom(16).hex()
    assert jp.send(cluster.fr, *jp.outer(sealed(jp), id=id16)) == ["R1 stored", "R2 accepted"]
    before = at_desk(cluster)
    assert jp.send(cluster.fr, *jp.outer(sealed(jp), id=id16)) == ["refusal conflict"]
    assert "conflict" in alarm_with(cluster, "jp", id16)
    assert at_desk(cluster) == before


def test_unknown_handling_code_is_quarantined(cluster, jp):
    before = at_desk(cluster)
    assert jp.send(cluster.fr, *jp.outer(sealed(jp, handling="H9"))) == ["R1 stored", "R2 quarantined"]
    assert "handling" in alarm_with(cluster, "jp", "quarantine").lower()
    assert jp.send(cluster.fr, *jp.outer(sealed(jp, marking="TLP:PURPLE"))) == ["R1 stored", "R2 quarantined"]
    states = [m["state"] for m in cluster.fr.api("GET", "/v1/messages?peer=jp")["messages"]]
    assert states[:2] == ["quarantined", "quarantined"]
    assert at_desk(cluster) == before


@pytest.mark.parametrize("fields, code", [
    ({"!new": 1}, "field-unknown"),
    ({"type": "DANCE"}, None),
    ({"assets": [{**ASSET, "amount": str(int(AMOUNT) + 1)}]}, "amount"),
    ({"assets": [{**ASSET, "account": ASSET["account"][:-1] + "n"}]}, "checksum"),
    ({"from": "it"}, None),
    ({"to": "it"}, None),
    ({"facts": ""}, None),
])
def test_request_that_breaks_a_rule_is_refused_with_its_code(cluster, jp, fields, code):
    before = at_desk(cluster)
    got = jp.send(cluster.fr, *jp.outer(sealed(jp, part_of(jp.request(**fields)))))
    assert len(got) == 2 and got[0] == "R1 stored" and got[1].startswith("R2 refused "), got
    if code:
        assert got[1] == f"R2 refused {code}"
    assert at_desk(cluster) == before


def test_part_that_is_no_json(cluster, jp):
    assert jp.send(cluster.fr, *jp.outer(sealed(jp, b"{\"a\":1,\"a\":2}"))) == ["R1 stored", "R2 refused format"]
    assert jp.send(cluster.fr, *jp.outer(sealed(jp, b"\xff\xfe"))) == ["R1 stored", "R2 refused format"]


def test_expired_message_is_not_opened(cluster, jp):
    now = int(time.time())
    assert jp.send(cluster.fr, *jp.outer(sealed(jp), time=now - 1800, expires=now - 900)) == ["R1 stored", "R2 refused expired"]


def test_file_for_somebody_else(cluster, jp):
    file = jp.sealed(jp.epoch_key("it"), part_of(jp.request()))
    assert jp.send(cluster.fr, *jp.outer(file)) == ["R1 stored", "R2 refused no-match"]


def test_file_that_is_no_age_file(cluster, jp):
    assert jp.send(cluster.fr, *jp.outer(b"this is no age file\n" * 25)) == ["R1 stored", "R2 refused format"]


def test_manifest_of_another(cluster, jp):
    """The letter of one agency in the envelope of another, and a letter that names other readers."""
    got = jp.send(cluster.fr, *jp.outer(sealed(jp, evidence=Key("it/evidence"), **{"from": "it"})))
    assert got[0] == "R1 stored" and got[1] in ("R2 refused denied", "R2 refused key-unknown"), got
    assert jp.send(cluster.fr, *jp.outer(sealed(jp, to="it"))) == ["R1 stored", "R2 refused denied"]
    assert jp.send(cluster.fr, *jp.outer(sealed(jp, evidence=Key("jp/evidence")))) == ["R1 stored", "R2 refused key-unknown"]


def test_outer_note_that_is_wrong_is_refused_before_it_is_stored(cluster, jp):
    file = sealed(jp)
    text, parcel = jp.outer(file)
    assert jp.send(cluster.fr, *jp.outer(file, key=Key("jp"))) == ["refusal key-unknown"]
    assert jp.send(cluster.fr, text, parcel.replace(b"class normal", b"class urgent", 1)) == ["refusal signature"]
    assert jp.send(cluster.fr, *jp.outer(file, key=jp.evidence)) in (["refusal key-type"], ["refusal key-unknown"])
    assert jp.send(cluster.fr, *jp.outer(file, **{"from": "it"}))[0] in ("refusal inval", "refusal member-unknown", "refusal denied")
    assert jp.send(cluster.fr, *jp.outer(file, to="it"))[0] in ("refusal inval", "refusal member-unknown", "refusal denied")
    assert jp.send(cluster.fr, *jp.outer(file, suite="age-rot13"))[0] == "refusal unsupported"
    assert jp.send(cluster.fr, text, parcel[:-1] + bytes([parcel[-1] ^ 1])) == ["refusal crypto"]
    assert jp.send(cluster.fr, *jp.outer(file, stream="1 5000", prev=jp_hash(jp))) == ["refusal gap"]
    assert jp.send(cluster.fr, *jp.outer(file, stream="2 1", prev=zeros())) == ["refusal gap"]
    assert jp.send(cluster.fr, text, parcel) == ["R1 stored", "R2 accepted"]


def jp_hash(jp):
    return jp.outer(b"x")[0].split("prev ")[1].split("\n")[0]


def zeros():
    return "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def test_bodies_that_are_none(cluster, jp):
    fr = cluster.fr
    assert jp.post(fr, "/x/v1/parcels", b"\xff" * 64)[0] in (200, 400)
    assert jp.post(fr, "/x/v1/heads", b"\x00\x00\x40\x01" + bytes(0x4001), "frames")[0] in (200, 400, 413)
    assert jp.post(fr, "/x/v1/notes", b"\x00\x00\x00\x05ab", "frames")[0] in (200, 400)
    assert jp.post(fr, "/x/v1/nothing", b"", "frames")[0] == 404
    assert jp.post(fr, "/v1/status", b"", "frames")[0] == 404
    assert jp.post(fr, "/v1/officers", b"{}", "frames")[0] == 404


def test_oversize_body_is_refused_before_it_is_read(cluster, jp):
    limit = 12 << 20
    status, reply = jp.post(cluster.fr, "/x/v1/parcels", b"", headers={"Content-Type": "application/vnd.lugdunum.parcel",
                                                                     "Content-Length": str(limit + 1)})
    assert status == 413 and b"oversize" in reply
    Freeze(cluster, "after-oversize").play().check_end()


def test_contradiction_stops_this_stream_and_no_other(cluster, jp):
    """The same number twice with other texts: both are the proof, a person must decide, everybody else is served."""
    assert jp.send(cluster.fr, *jp.outer(sealed(jp), stream=f"1 {jp.seq - 1}")) == ["refusal stream-stopped"]
    assert "code=stream-stopped" in alarm_with(cluster, "peer=jp", "two histories")
    assert jp.send(cluster.fr, *jp.outer(sealed(jp))) == ["refusal stream-stopped"]
    assert cluster.fr.peer("jp")["in"]["stopped"]
    Freeze(cluster, "beside-a-stopped-stream").play().check_end()
