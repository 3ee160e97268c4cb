# SPDX-License-Identifier: Apache-2.0
"""The frame of lug(1): every verb explains itself, wrong usage says what is right, completion and manual are well-formed."""
import json
import os
import re
import subprocess

import pytest

LUG = os.path.join(os.environ.get("LUG_BUILD", "build"), "bin", "lug")


def lug(*args):
    return subprocess.run([LUG, *args], capture_output=True, text=True, timeout=60)


def all_verbs():
    lines = lug("--help").stdout.splitlines()
    verbs = [m.group(1).strip() for line in lines if (m := re.match(r"  (\S.{18}\S?)\s+\S", line))]
    assert len(verbs) >= 3
    return verbs


@pytest.mark.parametrize("verb", all_verbs())
def test_help_has_usage_options_and_examples(verb):
    r = lug(*verb.split(), "--help")
    assert r.returncode == 0
    assert f"usage: lug {verb}" in r.stdout
    assert "--json" in r.stdout
    examples = r.stdout.split("examples:\n")[1]
    assert "lug " in examples and "#" in examples


@pytest.mark.parametrize("verb", all_verbs())
def test_wrong_option_is_refused_with_a_hint(verb):
    r = lug(*verb.split(), "--jsn")
    assert r.returncode == 2
    assert "did you mean --json?" in r.stderr


def test_unknown_verb():
    r = lug("verson")
    assert r.returncode == 2 and 'did you mean "version"?' in r.stderr
    assert lug().returncode == 2
    assert lug("--help").returncode == 0


def test_missing_and_extra_arguments():
    r = lug("completion")
    assert r.returncode == 2 and "needs bash|zsh|fish" in r.stderr
    r = lug("completion", "bash", "more")
    assert r.returncode == 2 and 'unexpected argument "more"' in r.stderr
    r = lug("version", "--json=1")
    assert r.returncode == 2 and "takes no value" in r.stderr
    r = lug("version", "-j")
    assert r.returncode == 2 and "options are long" in r.stderr


def test_errors_in_json():
    r = lug("completion", "tcsh", "--json")
    assert r.returncode == 2
    assert json.loads(r.stdout)["error"]["code"] == "inval"


def test_completion_is_valid_bash_and_completes():
    script = lug("completion", "bash").stdout
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    run = script + '\nCOMP_WORDS=(lug vers); COMP_CWORD=1; _lug; echo "${COMPREPLY[*]}"\n'
    assert subprocess.run(["bash"], input=run, capture_output=True, text=True).stdout.split() == ["version"]
    for shell in ("zsh", "fish"):
        assert "lug" in lug("completion", shell).stdout


def test_manual_is_valid_scdoc():
    manual = lug("manual").stdout
    for verb in all_verbs():
        assert f"## lug {verb} " in manual
    page = subprocess.run(["scdoc"], input=manual, capture_output=True, text=True, check=True).stdout
    assert ".SH NAME" in page
