# SPDX-License-Identifier: Apache-2.0
"""Who may do what, on a running node: every route of routes.def for every role, on the socket and in the console; every route about a
request for members and others, by marking and handling code. A route that has no expectation here fails."""
import os
import re
import sqlite3
import subprocess

import pytest

from conftest import OFFICER, STORE, Node
from console import SOURCE, Console, routes

ROLES = ("officer", "duty", "approver", "analyst", "secretary", "auditor", "admin")
ANY = frozenset(ROLES)
CASE = frozenset({"officer", "duty", "approver", "analyst"})
WORK = frozenset({"officer", "duty"})
APPROVE = frozenset({"approver"})
ADMIN = frozenset({"admin"})
ROSTER = frozenset({"admin", "approver", "duty"})
PUBLIC = "public"  # before the sign-in, too
ELSEWHERE = "elsewhere"  # neither on the socket nor in the console

EXPECTED = {
    "api_openapi": ANY, "api_status": ANY, "api_officers_list": ANY, "api_officers_set": ADMIN, "api_reload": ADMIN, "api_backup": ADMIN,
    "api_keys_rotate": ADMIN,
    "api_requests_list": CASE, "api_requests_new": frozenset({"officer", "duty", "analyst"}), "api_requests_show": CASE,
    "api_requests_form": CASE,
    "api_requests_send": WORK, "api_requests_discard": WORK, "api_requests_approve": APPROVE, "api_requests_reject": APPROVE,
    "api_requests_ack": WORK, "api_requests_accept": WORK, "api_requests_partial": WORK, "api_requests_clarify": WORK,
    "api_requests_clarified": WORK, "api_requests_transfer": WORK, "api_requests_refuse": WORK, "api_requests_interim": WORK,
    "api_requests_answer": WORK, "api_requests_withdraw": WORK, "api_requests_close": WORK,
    "api_requests_case": CASE, "api_requests_hold": APPROVE, "api_requests_release": APPROVE,
    "api_handover_show": CASE, "api_handover_give": CASE, "api_handover_take": CASE,
    "api_cases_list": CASE, "api_cases_new": CASE, "api_cases_show": CASE, "api_cases_act": CASE, "api_cases_replay": CASE,
    "api_disputes_new": CASE, "api_disputes_remove": CASE, "api_ledger_traces_why": CASE,
    "api_network_show": ANY, "api_network_install": ADMIN, "api_network_draft": ADMIN, "api_members_list": ANY, "api_member_show": ANY,
    "api_peers_list": ANY, "api_peer_resume": ADMIN, "api_messages_list": CASE, "api_message_show": CASE,
    "api_home": PUBLIC, "api_asset": PUBLIC, "api_sign_in_show": PUBLIC, "api_sign_in": PUBLIC, "api_sign_in_certificate": PUBLIC,
    "api_csp_report": PUBLIC,
    "api_sign_in_challenge": PUBLIC, "api_sign_in_key": PUBLIC, "api_session_challenge": ANY, "api_keys_list": ANY, "api_keys_add": ANY,
    "api_keys_rename": ANY, "api_keys_remove": ANY,
    "api_sign_out": ANY, "api_session_show": ANY, "api_session_prefer": ANY, "api_session_prove": ANY, "api_stream": ANY,
    "api_desk": ANY, "api_search": CASE, "api_search_text": CASE, "api_audit_list": frozenset({"auditor"}),
    "api_credentials_list": ADMIN, "api_credentials_add": ADMIN, "api_credentials_reset": ADMIN,
    "api_duty_show": ANY, "api_duty_roster": ANY, "api_duty_roster_ics": ANY, "api_duty_seat_set": ROSTER,
    "api_duty_seat_remove": frozenset({"admin", "approver"}), "api_duty_person_set": ROSTER, "api_duty_changes_add": ROSTER,
    "api_duty_change_remove": ROSTER, "api_duty_absences_set": ROSTER, "api_duty_coverage": ANY, "api_duty_alerts": ANY,
    "api_duty_answer": frozenset({"duty"}), "api_duty_ladder": ANY, "api_duty_ladder_set": frozenset({"admin", "approver"}),
    "api_duty_members": ANY, "api_duty_verify": frozenset({"duty", "officer", "admin"}), "api_duty_drill": WORK, "api_duty_drills": ANY,
    "api_ledger_show": CASE, "api_ledger_address": CASE, "api_ledger_transaction": CASE, "api_ledger_search": CASE,
    "api_ledger_traces_list": CASE, "api_ledger_traces_new": CASE, "api_ledger_traces_show": CASE, "api_ledger_traces_forget": CASE,
    "api_ledger_traces_export": CASE, "api_ledger_entity": CASE, "api_ledger_exposure": CASE,
    "api_watch_list": CASE, "api_watch_add": CASE, "api_watch_remove": CASE, "api_watch_alerts": CASE, "api_watch_ack": CASE,
    "api_peer_parcels": ELSEWHERE, "api_peer_receipts": ELSEWHERE, "api_peer_heads": ELSEWHERE, "api_peer_notes": ELSEWHERE,
    "api_peer_recall": ELSEWHERE, "api_peer_checkpoint": ELSEWHERE, "api_peer_add_checkpoint": ELSEWHERE, "api_peer_duty": ELSEWHERE, "api_answer_page": ELSEWHERE,
    "api_answer_take": ELSEWHERE,
}
# What a body must have before a right is asked for.
BODIES = {"api_requests_approve": {"content_sha256": "00" * 32}, "api_requests_reject": {"text": "no"}, "api_requests_new": {"type": "TEST"},
          "api_requests_hold": {"reason": "court order"}, "api_requests_release": {"reason": "it was lifted"}}
# Acts that need a fresh proof of identity in the console, beside every export.
STEP_UP = {"api_requests_send", "api_requests_approve", "api_requests_new", "api_backup", "api_credentials_add", "api_credentials_reset",
           "api_officers_set", "api_session_prove", "api_handover_give", "api_handover_take", "api_keys_add",
           "api_keys_remove"}

# The same for taking it out of the node, by marking and by handling code.
MEMBERS = (frozenset(), frozenset({"duty", "approver"}))
FEW = (APPROVE, CASE)
TAKE = {"TLP:CLEAR": (CASE, CASE), "TLP:GREEN": (CASE, CASE), "TLP:AMBER": (CASE, CASE), "TLP:AMBER+STRICT": FEW, "TLP:RED": MEMBERS,
        "H0": (CASE, CASE), "H1": (CASE, CASE), "H2": FEW, "H3": MEMBERS}
# Marking and handling code: who sees and works on it always, who as one who wrote it.
BOTH = {
    ("TLP:CLEAR", "H1"): (CASE, CASE), ("TLP:GREEN", "H1"): (CASE, CASE), ("TLP:AMBER", "H1"): (CASE, CASE),
    ("TLP:AMBER+STRICT", "H1"): (CASE, CASE), ("TLP:RED", "H1"): (frozenset({"duty", "approver"}), CASE),
    ("TLP:AMBER", "H0"): (CASE, CASE), ("TLP:AMBER", "H2"): (CASE, CASE), ("TLP:AMBER", "H3"): (frozenset({"duty", "approver"}), CASE),
    ("TLP:RED", "H3"): (frozenset({"duty", "approver"}), CASE),
}
NOBODY = "019ab5a0-0000-7000-8000-000000000001"


def address(route, request=NOBODY):
    path = route["path"].replace("/v1/requests/{id}", f"/v1/requests/{request}").replace("/v1/officers/{id}", "/v1/officers/dummy")
    return re.sub(r"\{\w+\}", "none", path)


def body_of(route):
    return BODIES.get(route["handler"], {}) if route["body"] != "NO_BODY" and route["method"] != "GET" else None


def denied(status, answer):
    """A right was missing: not the step-up, not another refusal."""
    return status == 403 and isinstance(answer, dict) and answer["error"]["code"] == "denied"


def console_port(node):
    return int(re.search(r"console: serving .*port=(\d+)", node.log()).group(1))


def one_role(node, name, role):
    node.post("/v1/officers", {"officer": name, "uid": os.getuid(), "roles": [role]}, officer=OFFICER)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rights")
    n = Node(folder / "node", "--shared-uid")
    assert n.init.returncode == 0, n.init.stderr
    n.conf(n.conf() + "console_listen = 127.0.0.1:0\n")
    n.start()
    form_network(n, str(folder))
    for role in ROLES:
        one_role(n, role, role)
    one_role(n, "dummy", "secretary")
    yield n
    n.process.kill()
    n.process.wait()


def form_network(node, folder):
    """Two members, so that there is somebody to write to."""
    env = {**os.environ, "LUG_NODE": node.folder}

    def lug(*args):
        r = subprocess.run([os.path.join(os.environ.get("LUG_BUILD", "build"), "bin/lug"), *args, "--json"],
                           capture_output=True, text=True, timeout=60, env=env)
        assert r.returncode == 0, r.stdout + r.stderr
        return r.stdout

    def key(name):
        return re.search(r'"public":\s*"([^"]+)"', lug("network", "keygen", f"{folder}/{name.replace('/', '-')}.key", "--name", name)).group(1)

    lug("network", "draft", "--threshold", "1", "--out", folder + "/members.note", "--governor", key("governor-1"),
        "--member", "it.rome,IT,police," + key("it.rome/identity"), "--member", "fr.paris,FR,police," + key("fr.paris/identity"))
    lug("network", "sign", folder + "/members.note", "--key", folder + "/governor-1.key")
    lug("network", "install", folder + "/members.note")


def signed_in(node, officer):
    _, given = node.call("POST", f"/v1/officers/{officer}/credentials", {"kind": "recovery"}, officer=OFFICER)
    c = Console(console_port(node))
    c.sign_in(officer, given["password"], given["code_secret"])
    return c


def test_every_route_has_an_expectation():
    rows = routes()
    with open(os.path.join(SOURCE, "src/lugd/routes.def"), encoding="utf-8") as f:
        assert len(rows) == sum(line.startswith("ROUTE(") for line in f)
    assert {r["handler"] for r in rows} == set(EXPECTED)
    for r in rows:
        assert (EXPECTED[r["handler"]] == ELSEWHERE) == (r["listener"] in ("PEER", "LINK")), r
        if EXPECTED[r["handler"]] == PUBLIC:
            assert r["listener"] == "BROWSER"


@pytest.mark.parametrize("role", ROLES)
def test_socket(node, role):
    wrong = []
    for r in routes():
        expected = EXPECTED[r["handler"]]
        status, answer = node.call(r["method"], address(r), body_of(r), officer=role)
        if r["listener"] != "PEOPLE":
            assert status in (404, 405), (r, status, answer)
        elif denied(status, answer) != (role not in expected):
            wrong.append((r["handler"], status, answer))
        assert status != 500, (r, answer)
    assert not wrong


@pytest.mark.parametrize("role", ROLES)
def test_console(node, role):
    c = signed_in(node, role)
    wrong = []
    for r in sorted(routes(), key=lambda r: r["handler"] == "api_sign_out"):
        expected = EXPECTED[r["handler"]]
        if expected == PUBLIC:
            continue
        status, answer = c.call(r["method"], address(r), body_of(r))
        if expected == ELSEWHERE:
            assert status in (404, 405), (r, status, answer)
        elif denied(status, answer) != (role not in expected):
            wrong.append((r["handler"], status, answer))
        assert status not in (401, 429, 500), (r, answer)
    assert not wrong
    assert c.call("GET", "/v1/desk")[0] == 401, "signed out at the end"


def test_console_without_a_session(node):
    c = Console(console_port(node))
    for r in routes():
        if r["listener"] not in ("PEOPLE", "BROWSER"):
            continue
        status, answer = c.call(r["method"], address(r), body_of(r))
        if EXPECTED[r["handler"]] == PUBLIC:
            assert status != 401, r
        else:
            assert status == 401 and answer["error"]["code"] == "signed-out", (r, status, answer)


def test_denials_are_recorded(node):
    assert node.call("POST", "/v1/officers", {}, officer="auditor")[0] == 403
    last = [e for e in node_events(node) if e["what"] == "api_officers_set"][-1]
    assert last["who"] == "auditor" and last["detail"] == {"code": "denied", "by": "officer"}


def node_events(node):
    return [e["event"] for e in node.events() if e["event"]]


def test_only_the_log_for_the_auditor_and_no_case_for_the_administrator(node):
    draft(node, OFFICER, "TLP:CLEAR", "H0")
    for role in ("auditor", "admin", "secretary"):
        desk = node.get("/v1/desk", officer=role)
        assert desk["now"] == desk["incoming"] == desk["outgoing"] == [], role
        for path in ("/v1/requests", "/v1/messages", "/v1/search?q=DRILL"):
            assert denied(*node.call("GET", path, officer=role)), (role, path)
    assert node.get("/v1/audit", officer="auditor")["entries"]


# ---- records ----

def draft(node, officer, marking, handling):
    rules = {"code": handling, "marking": marking, "grade": "A1", "purpose": "drill", "basis": "treaty"}
    if handling == "H3":
        rules["text"] = "only what was agreed by telephone"
    return node.post("/v1/requests?draft=1", {
        "type": "TEST", "class": "ROUTINE", "to": "fr.paris", "case": "DRILL 1", "authority": {"name": "Postal police", "country": "IT"},
        "handling": rules}, officer=officer)["id"]


@pytest.fixture(scope="module")
def labelled(node):
    """One request of each label, written by an officer whose role then changes."""
    one_role(node, "writer", "officer")
    return {label: draft(node, "writer", *label) for label in BOTH}


def allowed(role, label, member, route):
    rules = [TAKE[code] for code in label] if route["audit"] == "EXPORT" else [BOTH[label]]
    return role in EXPECTED[route["handler"]] and all(role in rule[1 if member else 0] for rule in rules)


def about_requests():
    return [r for r in routes() if r["path"].startswith("/v1/requests/{id}")]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("member", [True, False])
def test_records_on_the_socket(node, labelled, role, member):
    who = "writer" if member else role
    one_role(node, "writer", role)
    wrong = []
    for label, request in labelled.items():
        for r in about_requests():
            status, answer = node.call(r["method"], address(r, request), body_of(r), officer=who)
            if denied(status, answer) == allowed(role, label, member, r):
                wrong.append((label, r["handler"], status, answer))
    assert not wrong
    if role in CASE:
        listed = {r["id"] for r in node.get("/v1/requests?all=1&limit=500", officer=who)["requests"]}
        for label, request in labelled.items():
            assert (request in listed) == (role in BOTH[label][0 if not member else 1]), label
            status, _ = node.call("GET", f"/v1/requests/new?from={request}", officer=who)
            assert (status == 200) == (request in listed), label


@pytest.mark.parametrize("member", [True, False])
def test_records_in_the_console(node, labelled, member):
    c = signed_in(node, "writer" if member else "other" if not one_role(node, "other", "officer") else "")
    for role in ROLES:
        one_role(node, "writer" if member else "other", role)
        for label, request in labelled.items():
            for r in about_requests():
                if r["method"] != "GET" and r["handler"] != "api_requests_ack":
                    continue
                status, answer = c.call(r["method"], address(r, request), body_of(r))
                assert denied(status, answer) != allowed(role, label, member, r), (role, label, r["handler"], answer)
                if denied(status, answer) and role in EXPECTED[r["handler"]]:
                    assert answer["error"]["field"] in ("marking", "handling")


def test_a_list_leaves_no_gap(node, labelled):
    """Rows that are not for the reader neither shorten a page nor end the list."""
    one_role(node, "writer", "officer")
    for _ in range(6):
        draft(node, "writer", "TLP:RED", "H1")
    mine = [draft(node, "writer", "TLP:GREEN", "H1") for _ in range(3)]
    seen, after = [], ""
    while True:
        page = node.get(f"/v1/requests?limit=2{after}", officer="analyst")
        assert len(page["requests"]) == 2 or "next" not in page
        seen += [r["id"] for r in page["requests"]]
        if "next" not in page:
            break
        after = "&after=" + page["next"]
    assert len(seen) == len(set(seen)) and set(mine) <= set(seen)
    red = {r["id"] for r in node.get("/v1/requests?limit=500", officer="duty")["requests"]} - set(seen)
    assert len(red) >= 6


# ---- the sender of a form, the pace, the fresh proof: every route that changes something ----

def changing(public):
    return [r for r in routes() if r["listener"] in ("PEOPLE", "BROWSER") and r["method"] != "GET"
            and (EXPECTED[r["handler"]] == PUBLIC) == public]


def all_roles(node, name):
    node.post("/v1/officers", {"officer": name, "uid": os.getuid(), "roles": list(ROLES)}, officer=OFFICER)
    return signed_in(node, name)


def test_every_change_asks_for_its_sender(node):
    """From elsewhere, without or with a wrong token: refused before anything is read, whatever the roles."""
    c = all_roles(node, "all-1")
    for r in changing(public=False):
        for options in ({"token": False}, {"token": False, "headers": {"X-CSRF-Token": "0" * 32}}, {"origin": False},
                        {"origin": False, "headers": {"Origin": "https://elsewhere.example"}},
                        {"origin": False, "headers": {"Origin": "null"}}, {"headers": {"Sec-Fetch-Site": "cross-site"}}):
            if r["handler"].startswith("api_requests_") and options != {"token": False} and r["handler"] != "api_requests_ack":
                continue  # the same lines of code; one of them with each way, so that the pace of an officer is not what refuses
            status, answer = c.call(r["method"], address(r), body_of(r), **options)
            if status == 429:
                c = all_roles(node, f"all-1-{r['handler'][4:20].replace('_', '-')}")
                status, answer = c.call(r["method"], address(r), body_of(r), **options)
            assert denied(status, answer), (r["handler"], options, status, answer)
    assert c.call("GET", "/v1/session")[0] == 200, "still signed in: nothing was done"


def test_every_change_asks_for_its_origin_before_the_sign_in(node):
    c = Console(console_port(node))
    for r in changing(public=True):
        status, answer = c.call(r["method"], address(r), body_of(r), origin=False, headers={"Origin": "https://elsewhere.example"})
        if r["handler"] == "api_csp_report":  # sent by the browser itself, shows nothing, changes nothing but the log
            assert status == 400, answer
        else:
            assert denied(status, answer), (r["handler"], status, answer)


def test_every_change_has_a_pace(node):
    c = all_roles(node, "all-2")
    for _ in range(200):
        status, answer = c.call("POST", "/v1/session", {})
        if status == 429:
            break
    assert status == 429 and answer["error"]["code"] == "quota"
    for r in changing(public=False):
        statuses = {c.call(r["method"], address(r), body_of(r))[0] for _ in range(3)}
        assert 429 in statuses, r
    assert c.call("GET", "/v1/session")[0] == 200, "looking is not counted"


def test_every_change_has_a_pace_before_the_sign_in(node):
    """By address: 127.0.0.2 is another one than the rest of these tests have."""
    c = Console(console_port(node))
    c.connect_from = ("127.0.0.2", 0)
    for _ in range(300):
        status, _ = c.call("POST", "/v1/sign-in/certificate", {})
        if status == 429:
            break
    assert status == 429
    for r in changing(public=True):
        assert 429 in {c.call(r["method"], address(r), body_of(r))[0] for _ in range(3)}, r


def rewind(node, officer, seconds):
    """The session of an officer as it would be some time later: the node's clock cannot be set, its rows can."""
    sql = (f"UPDATE access_session SET seen_s = seen_s - {seconds}, proved_s = proved_s - {seconds}, created_s = created_s - {seconds} "
           f"WHERE officer = '{officer}'")
    if STORE:
        subprocess.run(["psql", "-q", node.store, "-c", sql], check=True, timeout=30)
    else:
        with sqlite3.connect(node.store, timeout=10) as db:
            db.execute(sql)
        db.close()


def test_every_act_of_step_up_asks_for_a_fresh_proof(node):
    c = all_roles(node, "all-3")
    rows = [r for r in routes() if r["listener"] in ("PEOPLE", "BROWSER") and EXPECTED[r["handler"]] != PUBLIC]
    rewind(node, "all-3", 301)
    for r in rows:
        if r["handler"] == "api_sign_out":
            continue
        status, answer = c.call(r["method"], address(r), body_of(r))
        asked = status == 403 and answer["error"]["code"] == "step-up"
        assert asked == (r["handler"] in STEP_UP or r["audit"] == "EXPORT"), (r, status, answer)


def test_idle_ends_a_session_that_only_refreshes(node):
    c = all_roles(node, "all-4")
    page = {"Lugdunum-Background": "1"}
    for _ in range(3):  # thrice five minutes of refreshing, each counted from the last act of a person
        assert c.call("GET", "/v1/desk", headers=page)[0] == 200
        assert c.call("GET", "/v1/stream")[0] == 200
        rewind(node, "all-4", 299)
    assert c.call("GET", "/v1/desk", headers=page)[0] == 200
    rewind(node, "all-4", 10)
    assert c.call("GET", "/v1/desk", headers=page)[0] == 401
    assert c.call("GET", "/v1/desk")[0] == 401

    d = all_roles(node, "all-5")
    for _ in range(5):
        rewind(node, "all-5", 299)
        assert d.call("GET", "/v1/desk")[0] == 200, "who works stays"
