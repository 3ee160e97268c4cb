# SPDX-License-Identifier: Apache-2.0
"""Routes of requests on one node that knows no other member: shapes, rights, and what is refused before anything is sent."""
import pytest

from conftest import OFFICER

STEPS = ("ack", "accept", "partial", "clarify", "clarified", "transfer", "refuse", "interim", "answer", "withdraw", "close")
UNKNOWN = "/v1/requests/019ab5a0-0000-7000-8000-000000000001"


def error(answer):
    return answer["error"]["code"], answer["error"]["field"]


def drill(**fields):
    return {"type": "TEST", "class": "ROUTINE", "to": "fr.paris", "case": "DRILL 1",
            "authority": {"name": "Postal police", "country": "IT"}, **fields}


def test_empty_list(node):
    page = node.get("/v1/requests")
    assert page["requests"] == [] and "next" not in page and page["now"].endswith("Z")


@pytest.mark.parametrize("query, field", [
    ("state=open", "state"), ("class=flash", "class"), ("type=SEIZE", "type"), ("direction=up", "direction"), ("after=x", "after"),
    ("limit=501", "limit"), ("limit=-1", "limit"), ("all=2", "all"),
])
def test_bad_query(node, query, field):
    status, answer = node.call("GET", "/v1/requests?" + query)
    assert status in (400, 422) and error(answer)[1] == field, answer


@pytest.mark.parametrize("body, code, field", [
    ({}, "field-missing", "type"),
    (drill(to="jp.tokyo"), "member-unknown", "to"),
    (drill(to="it.rome"), "inval", "to"),
    (drill(id="019ab5a0-0000-7000-8000-000000000001"), "inval", "id"),
    (drill(**{"from": "fr.paris"}), "inval", "from"),
    (drill(type="EXTEND"), "field-missing", "relation.of"),
    (drill(**{"class": "SOON"}), "inval", "class"),
    (drill(handling={"code": "H9"}), "handling", "handling.code"),
    (drill(handling=7), "inval", "handling"),
    (drill(**{"!embargo": 1}), "field-unknown", "!embargo"),
    (drill(type="INFO"), "field-missing", "offence"),
    (drill(facts="x" * 65537), "oversize", "facts"),
    (drill(authority={"name": "x"}), "field-missing", "authority.country"),
    (drill(assets=[{"chain": "bitcoin"}]), "format", "assets[0].chain"),
    ([], "format", "body"),
])
def test_refused_drafts(node, body, code, field):
    status, answer = node.call("POST", "/v1/requests", body)
    assert 400 <= status < 500 and error(answer) == (code, field), answer
    assert answer["error"]["message"] and node.get("/v1/requests?all=1")["requests"] == []


def test_body_must_be_json(node):
    for raw in (b"", b"{", b"{}{}", b'{"a":1,"a":2}', b"\xff"):
        status, answer = node.call("POST", "/v1/requests", raw=raw, headers={"Content-Type": "application/json"})
        assert 400 <= status < 500, (raw, answer)


def test_body_too_large(node):
    """Refused by its announced length: the answer may come while the body is still being written."""
    try:
        status, _ = node.call("POST", "/v1/requests", raw=b" " * (600 << 10), headers={"Content-Type": "application/json"})
        assert status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert node.get("/v1/requests?all=1")["requests"] == []


def test_unknown_request(node):
    assert node.call("GET", UNKNOWN)[0] == 404
    assert error(node.call("GET", "/v1/requests/short")[1]) == ("inval", "id")
    for step in STEPS + ("send", "discard"):
        status, answer = node.call("POST", f"{UNKNOWN}/{step}", {})
        assert status == 404 and error(answer)[0] == "noent", (step, answer)
    assert error(node.call("POST", UNKNOWN + "/approve", {})[1]) == ("field-missing", "content_sha256")
    assert error(node.call("POST", UNKNOWN + "/approve", {"content_sha256": "zz"})[1]) == ("format", "content_sha256")
    assert error(node.call("POST", UNKNOWN + "/approve", {"hash": "zz"})[1])[0] == "field-unknown"
    assert error(node.call("POST", UNKNOWN + "/reject", {})[1]) == ("field-missing", "text")
    assert node.call("POST", UNKNOWN + "/nod", {})[0] == 404


def test_roles(shared):
    """The auditor and the approver may not draft; each denial is in the log with who and what."""
    status, answer = shared.call("POST", "/v1/requests", drill(), officer="second")
    assert status == 403 and error(answer)[0] == "denied"
    denials = [e["event"] for e in shared.events() if e["event"] and e["event"]["what"] == "request.draft"]
    assert [(d["who"], d["detail"]["error"]) for d in denials] == [("second", "denied")]
    assert shared.get("/v1/requests", officer="second")["requests"] == []
    shared.post("/v1/officers", {"officer": "keeper", "uid": 4343, "roles": ["admin"]}, officer=OFFICER)


def test_every_route_is_described(node):
    paths = node.get("/v1/openapi.json")["paths"]
    for step in STEPS + ("send", "discard", "approve", "reject"):
        assert "post" in paths["/v1/requests/{id}/" + step]
    assert {"get", "post"} <= set(paths["/v1/requests"])
