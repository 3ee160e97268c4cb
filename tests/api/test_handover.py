# SPDX-License-Identifier: Apache-2.0
"""A shift is handed over by two officers: one writes and signs, another signs the very same content."""


def test_handover(shared):
    first, second = {"officer": "duty-officer"}, {"officer": "second"}
    assert shared.get("/v1/handover", **first)["handovers"] == []
    status, answer = shared.call("POST", "/v1/handover", {}, **first)
    assert status == 400 and answer["error"]["field"] == "text"
    made = shared.post("/v1/handover", {"text": "Paris calls back at six."}, **first)
    take = f"/v1/handover/{made['id']}/take"
    status, answer = shared.call("POST", take, {"sha256": made["sha256"]}, **first)
    assert answer["error"]["code"] == "four-eyes"
    status, answer = shared.call("POST", take, {"sha256": "0" * 64}, **second)
    assert answer["error"]["code"] == "stale" and answer["error"]["field"] == "sha256"
    shared.post(take, {"sha256": made["sha256"]}, **second)
    status, answer = shared.call("POST", take, {"sha256": made["sha256"]}, **second)
    assert answer["error"]["code"] == "stale" and answer["error"]["field"] == "id"
    (h,) = shared.get("/v1/handover", **second)["handovers"]
    assert (h["given_by"], h["taken_by"], h["content"]["text"]) == ("duty-officer", "second", "Paris calls back at six.") and h["taken_at"]
    assert shared.call("POST", "/v1/handover/99/take", {"sha256": "0" * 64}, **second)[0] == 404
    seen = [e["event"] for e in shared.events() if e["event"]["what"].startswith("handover.")]
    assert [(e["what"], e["who"], e["detail"]["sha256"]) for e in seen] == [
        ("handover.give", "duty-officer", made["sha256"]), ("handover.take", "second", made["sha256"])]
