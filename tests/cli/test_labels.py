# SPDX-License-Identifier: Apache-2.0
"""lug ledger labels: sources from files, and what an import says while it works."""
import os
import shlex
import subprocess

LUG = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin", "lug")


def test_a_long_import_shows_how_far_it_is(tmp_path):
    (tmp_path / "big.txt").write_text("1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3\n" * 1000000)
    words = [LUG, "ledger", "labels", "import", str(tmp_path / "big.txt"), "--labels", str(tmp_path / "l"), "--currency", "BTC", "--label", "x"]
    seen = subprocess.run(["script", "-qec", shlex.join(words), "/dev/null"], capture_output=True, timeout=120, check=True).stdout
    assert b"\rlabels [" in seen.replace(b"\r\x1b[K", b"\r") and b"B/s" in seen
    quiet = subprocess.run([*words, "--quiet"], capture_output=True, timeout=120, check=True)
    assert quiet.stderr == b"" and b"1000000 entries" in quiet.stdout
