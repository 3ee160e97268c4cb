# SPDX-License-Identifier: Apache-2.0
"""Routes and verbs of the duty desk on one node: roster in and out, changes, coverage, ladder, roles, bad input."""
import json
import os

PEOPLE = [{"officer": n, "languages": ["it", "en"], "channels": [{"channel": "sms", "address": "+39060"}]} for n in ("d.one", "d.two", "duty-officer")]
SEAT = {"seat": "duty", "zone": "Europe/Rome", "flash": True, "fallback": "d.two", "languages": ["it"], "max_hours": 12, "layers": [
    {"layer": "day", "rotation": "daily", "every": 1, "from": "2026-01-01", "handoff": "08:00", "people": ["d.one", "duty-officer"]}]}


def staffed(node):
    for person in PEOPLE:
        assert node.post("/v1/duty/people", person)["officer"] == person["officer"]
    return node.post("/v1/duty/seats", SEAT)


def kinds(findings):
    return {f["finding"] for f in findings}


def test_a_seat_is_shown_as_it_was_written(node):
    reply = staffed(node)
    assert reply["seat"] == {**SEAT, "line": "", "names": False, "layers": [{**SEAT["layers"][0], "until": None, "hours": []}]}
    assert {"no-channel", "overlong"} <= kinds(reply["findings"]) and "gap" not in kinds(reply["findings"])
    desk = node.get("/v1/duty")
    on = desk["seats"][0]
    assert on["state"] == "on" and on["people"][0] in ("d.one", "duty-officer") and on["next_people"] != on["people"]
    assert on["next_handoff"].endswith(("06:00:00Z", "07:00:00Z")) and on["local_time"][-4:].strip() in ("CET", "CEST")
    assert desk["alerts"] == [] and desk["members"] == [] and desk["coverage"]["checked"]
    shifts = node.get("/v1/duty/roster?seat=duty&from=2026-10-24T00:00:00Z&until=2026-10-27T00:00:00Z")["seats"][0]["shifts"]
    assert [s["from"] for s in shifts][1:] == ["2026-10-24T06:00:00Z", "2026-10-25T07:00:00Z", "2026-10-26T07:00:00Z"]  # 25 hours
    assert all(a["until"] == b["from"] for a, b in zip(shifts, shifts[1:]))


def test_changes_swaps_and_absences(node):
    staffed(node)
    span = {"from": "2099-01-01T00:00:00Z", "until": "2099-01-02T00:00:00Z"}
    reply = node.post("/v1/duty/changes", {"seat": "duty", "kind": "replace", "person": "d.one", "with": "d.two", **span})
    change = reply["changes"][0]
    assert change["id"] and change["kind"] == "replace"
    assert node.get("/v1/duty/roster")["seats"][0]["changes"] == [change]
    node.post(f"/v1/duty/changes/{change['id']}/remove")
    assert node.call("POST", f"/v1/duty/changes/{change['id']}/remove")[0] == 404
    shift = next(s for s in node.get("/v1/duty/roster?seat=duty")["seats"][0]["shifts"] if s["shift"] % 2)
    swapped = node.lug("duty", "swap", "duty", "day", str(shift["shift"]), str(shift["shift"] + 1), "--json")
    assert swapped.returncode == 0, swapped.stderr
    shifts = {s.get("shift"): s["people"] for s in node.get("/v1/duty/roster?seat=duty")["seats"][0]["shifts"]}
    assert shifts[shift["shift"]] == ["d.one"] and shifts[shift["shift"] + 1] == ["duty-officer"]
    away = node.post("/v1/duty/absences", {"person": "d.one", "from": "2026-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"})
    assert away["absences"] == 1
    people = {p for s in node.get("/v1/duty/roster?seat=duty")["seats"][0]["shifts"] for p in s["people"]}
    assert people == {"d.two", "duty-officer"}  # the fallback wherever d.one would be


def test_import_and_export_by_lug(node, tmp_path):
    staffed(node)
    shown = node.lug("duty", "roster", "show", "--json")
    file = tmp_path / "roster.json"
    file.write_text(shown.stdout, encoding="utf-8")
    node.post("/v1/duty/seats/duty/remove")
    assert node.get("/v1/duty")["seats"] == []
    assert node.lug("duty", "roster", "import", str(file)).returncode == 0
    assert node.get("/v1/duty/roster")["seats"][0]["fallback"] == "d.two"
    ics = node.lug("duty", "roster", "export", "--seat", "duty")
    assert ics.stdout.startswith("BEGIN:VCALENDAR") and "RRULE:FREQ=DAILY" in ics.stdout
    leave = tmp_path / "leave.ics"
    leave.write_text("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:x\r\nDTSTART;VALUE=DATE:20360101\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
    assert "0 absences" in node.lug("duty", "absence", "d.one", "--ics", str(leave)).stdout  # more than two years ahead
    leave.write_text("hello")
    bad = node.lug("duty", "absence", "d.one", "--ics", str(leave), "--json")
    assert bad.returncode == 1 and json.loads(bad.stdout)["error"]["field"] == "ics"


def test_ladder(node):
    ladders = node.get("/v1/duty/ladder")["ladders"]
    flash = next(x for x in ladders if (x["side"], x["class"]) == ("in", "FLASH"))
    assert [s["after_s"] for s in flash["steps"]] == [0, 180, 300, 480, 600, 900, 900] and flash["repeat_s"] == 300
    flash["steps"] = flash["steps"][:2]
    changed = node.post("/v1/duty/ladder", flash)["ladders"]
    assert next(x for x in changed if (x["side"], x["class"]) == ("in", "FLASH"))["steps"] == flash["steps"]
    for steps in ([], [{"after_s": 5, "target": "seat:duty"}, {"after_s": 4, "target": "seat:duty"}], [{"after_s": 0, "target": "nobody"}],
                  [{"after_s": 0, "target": "contact:9"}]):
        assert node.call("POST", "/v1/duty/ladder", {**flash, "steps": steps})[0] == 400, steps


def test_roles_and_bad_input(shared):
    shared.post("/v1/officers", {"officer": "reader", "uid": os.getuid(), "roles": ["analyst"]}, officer="duty-officer")
    me = {"officer": "duty-officer"}  # who holds every role
    for path, body in (("/v1/duty/people", PEOPLE[0]), ("/v1/duty/seats", SEAT), ("/v1/duty/changes", {"seat": "duty"}), ("/v1/duty/ladder", {}),
                       ("/v1/duty/answer", {"code": "123456"}), ("/v1/duty/drill", {"peer": "fr"}), ("/v1/duty/absences", {"person": "d.one"})):
        status, answer = shared.call("POST", path, body, officer="reader")
        assert status == 403 and answer["error"]["code"] == "denied", path
    assert shared.get("/v1/duty", officer="reader")["seats"] == []
    for path, body, code, field in (
            ("/v1/duty/seats", {**SEAT, "fallback": ""}, "field-missing", "fallback"),
            ("/v1/duty/seats", SEAT, "noent", "people"),
            ("/v1/duty/seats", {**SEAT, "zone": "Europe/../../etc"}, "inval", "zone"),
            ("/v1/duty/people", {"officer": "x", "channels": [{"channel": "sms", "address": "two words"}]}, "format", "address"),
            ("/v1/duty/changes", {"seat": "none", "kind": "add", "person": "x"}, "noent", "seat"),
            ("/v1/duty/absences", {"person": "nobody", "from": "x", "until": "y"}, "noent", "person"),
            ("/v1/duty/answer", {}, "field-missing", "alert"),
            ("/v1/duty/answer", {"alert": "none"}, "noent", "alert"),
            ("/v1/duty/answer", {"code": "12345"}, "range", "code"),
            ("/v1/duty/drill", {"peer": "nobody"}, "member-unknown", "peer")):
        status, answer = shared.call("POST", path, body, **me)
        assert status >= 400 and (answer["error"]["code"], answer["error"]["field"]) == (code, field), (path, answer)
    assert shared.call("GET", "/v1/duty/roster?from=yesterday", **me)[0] == 400
    assert shared.call("GET", "/v1/duty/roster?seat=none", **me)[0] == 404
    assert shared.call("GET", "/a/" + "0" * 64, **me)[0] == 404  # not on this listener
