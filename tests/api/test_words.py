# SPDX-License-Identifier: Apache-2.0
"""What people read of a running node: dates in UTC and local time, the words that a field may have."""
import os
import re
import subprocess

from conftest import BIN

BOTH = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ \(20\d\d-\d\d-\d\d \d\d:\d\d:\d\d JST\)"


def test_tables_have_utc_and_local_time(node):
    env = {**os.environ, "TZ": "Asia/Tokyo", "LUG_NODE": node.folder}
    r = subprocess.run([BIN + "/lug", "officer", "list"], capture_output=True, text=True, timeout=60, env=env)
    assert r.returncode == 0 and re.search(BOTH, r.stdout), r.stdout + r.stderr


def test_refused_code_names_the_list(node):
    status, body = node.call("POST", "/v1/requests", {"type": "FROST", "class": "FLASH"})
    assert status == 400
    assert body["error"]["field"] == "type"
    for word in ("FREEZE", "TRACE", "INFO", "TEST"):
        assert word in body["error"]["message"]
