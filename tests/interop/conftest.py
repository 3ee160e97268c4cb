# SPDX-License-Identifier: Apache-2.0
"""Tools that other people made: Debian's age, and Go's sumdb/note built from Debian's package."""
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(os.environ["LUG_SOURCE"])
TOOL = Path(os.environ["LUG_BUILD"]) / "tests" / "interop-tool"
GOCODE = Path("/usr/share/gocode")


def run(args, data=b""):
    return subprocess.run([str(a) for a in args], input=data, capture_output=True, timeout=120)


def ok(args, data=b""):
    r = run(args, data)
    assert r.returncode == 0, r.stderr.decode()
    return r.stdout


@pytest.fixture(scope="session")
def tool():
    return lambda *args, data=b"": run([TOOL, *args], data)


@pytest.fixture(scope="session")
def age():
    if not shutil.which("age"):
        pytest.skip("age is not installed (Debian package age): files not exchanged with it")
    return lambda *args, data=b"": run(["age", *args], data)


@pytest.fixture(scope="session")
def identities(tmp_path_factory):
    """Three keys made by age-keygen: (path, recipient, identity)."""
    if not shutil.which("age-keygen"):
        pytest.skip("age-keygen is not installed (Debian package age)")
    made = []
    for i in range(3):
        path = tmp_path_factory.mktemp("age") / f"key{i}"
        ok(["age-keygen", "-o", path])
        recipient = ok(["age-keygen", "-y", path]).decode().strip()
        identity = [s for s in path.read_text().splitlines() if s.startswith("AGE-SECRET-KEY-1")][0]
        made.append((path, recipient, identity))
    return made


@pytest.fixture(scope="session")
def notecheck(tmp_path_factory):
    """Go's verifier of signed notes."""
    if not shutil.which("go"):
        pytest.skip("go is not installed (Debian package golang-go): notes not checked by it")
    if not (GOCODE / "src/golang.org/x/mod/sumdb/note").is_dir():
        pytest.skip("golang-golang-x-mod-dev is not installed: notes not checked by Go")
    work = tmp_path_factory.mktemp("go")
    env = dict(os.environ, GO111MODULE="off", GOPATH=str(GOCODE), GOFLAGS="", GOCACHE=os.environ["LUG_BUILD"] + "/go-cache")
    program = work / "notecheck"
    r = subprocess.run(["go", "build", "-o", str(program), str(SOURCE / "tests/interop/notecheck.go")], env=env,
                       capture_output=True, timeout=300)
    assert r.returncode == 0, r.stderr.decode()
    return lambda *args, data=b"": run([program, *args], data)


@pytest.fixture(scope="session")
def note_vectors():
    return json.loads((SOURCE / "tests/vectors/note.json").read_text())


@pytest.fixture(scope="session")
def parcel_vectors():
    return json.loads((SOURCE / "tests/vectors/parcel.json").read_text())
