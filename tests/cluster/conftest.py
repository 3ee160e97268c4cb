# SPDX-License-Identifier: Apache-2.0
"""One cluster a module; the nodes' logs with each failure; nothing is left behind but the folder of what failed."""
import re
import shutil
import sys
import tempfile
import time

import pytest

from cluster import Cluster, wait_for
from flow import Freeze, new_args

live = []


def make(request, **options):
    folder = tempfile.mkdtemp(prefix="lug-cluster.")
    made = Cluster(folder, **options)
    live.append(made)
    failed_before = request.session.testsfailed
    yield made
    live.remove(made)
    made.close()
    wrong = [line for n in made.nodes.values() for line in n.lines() if re.search(r"Sanitizer|runtime error|Assertion|assert", line)]
    assert not wrong, wrong
    if request.session.testsfailed == failed_before:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"kept for a look: {folder}", file=sys.stderr)


@pytest.fixture(scope="module")
def cluster(request):
    """Italy and France, shared by the tests of a module; each test leaves both running."""
    yield from make(request)


@pytest.fixture
def fresh(request):
    """Italy and France for one test alone."""
    yield from make(request)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for c in live:
            report.sections.append(("logs of the nodes", c.logs()))


@pytest.fixture(scope="session")
def absent(request):
    """France is down and has a FLASH FREEZE and an URGENT TRACE waiting; used by the first and the last file of the suite."""
    for c in make(request):
        wait_for("the nodes have met", lambda: c.it.peer("fr")["met"])
        c.fr.stop()
        c.flash = Freeze(c, "absent-flash").play("new", "approve")
        c.sent = time.monotonic()
        c.trace_id = c.it.lug(*new_args(c, "absent-trace", kind="TRACE", urgency="URGENT"))["id"]
        yield c


@pytest.fixture(autouse=True)
def heal(request):
    """A test that failed half-way leaves a node down: the next one shall not fail for it."""
    yield
    shared = request.node.funcargs.get("cluster")
    for node in shared.nodes.values() if shared else ():
        if not node.running():
            node.process = None
            node.start()
