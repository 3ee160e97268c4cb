# SPDX-License-Identifier: Apache-2.0
"""The frame of lug(1): every verb explains itself, wrong usage says what is right, completion and manual are well-formed."""
import json
import os
import re
import resource
import shlex
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
    run = script + '\nCOMP_WORDS=(lug ledger labels im); COMP_CWORD=3; _lug; echo "${COMPREPLY[*]}"\n'
    assert subprocess.run(["bash"], input=run, capture_output=True, text=True).stdout.split() == ["import"]
    for shell in ("zsh", "fish"):
        assert "lug" in lug("completion", shell).stdout


def test_manual_is_valid_scdoc():
    manual = lug("manual").stdout
    for verb in all_verbs():
        assert f"## lug {verb} " in manual
    page = subprocess.run(["scdoc"], input=manual, capture_output=True, text=True, check=True).stdout
    assert ".SH NAME" in page


@pytest.mark.parametrize("verb", all_verbs())
def test_examples_name_only_verbs_and_options_that_exist(verb):
    """Each line of the examples is read by the program itself: with --help behind it, only its options are looked at."""
    described = json.loads(lug(*verb.split(), "--help", "--json").stdout)
    assert described["verb"] == verb
    for line in described["examples"].split("\n"):
        if line.startswith("#"):
            continue
        for part in line.split(" | "):
            words = shlex.split(part.replace("source <(", "").rstrip(")"), comments=False)
            if words[0] == "lug":
                r = lug(*words[1:], "--help", "--json")
                assert r.returncode == 0, (line, r.stdout)
                assert "verb" in json.loads(r.stdout), line


def test_help_in_every_place():
    for args in (["help", "trace"], ["trace", "--help"], ["--help", "trace"]):
        r = lug(*args)
        assert r.returncode == 0 and "usage: lug trace" in r.stdout
    assert lug("--version").stdout == lug("version").stdout
    r = lug("request", "--help")
    assert r.returncode == 0 and "request approve" in r.stdout
    r = lug("help", "nosuch")
    assert r.returncode == 2 and "nosuch" in r.stderr


@pytest.mark.parametrize("args", [["nosuch"], ["request", "nosuch"], ["tx", "--bad"], ["tx"], ["version", "-j"], [b"\xff"], ["tx", b"--\xff"],
                                  ["ledger", "info", "--ledger", b"/\xff"], ["extract", b"/\xff"],
                                  ["network", "show", b"/\xff"]])
def test_every_error_is_one_json_value(args):
    for where in (["--json", *args], [*args, "--json"]):
        r = subprocess.run([LUG, *where], capture_output=True, timeout=60)
        assert r.returncode in (1, 2) and r.stderr == b""
        e = json.loads(r.stdout)["error"]
        assert e["code"] in ("inval", "noent") and e["message"] and e["remedy"]


@pytest.mark.parametrize("args", [["--help"], ["help", "request"], ["trace", "--help"], ["completion", "bash"], ["completion", "zsh"],
                                  ["completion", "fish"], ["manual"], ["version"]])
def test_every_answer_is_one_json_value(args):
    r = lug(*args, "--json")
    assert r.returncode == 0 and json.loads(r.stdout)
    name = {"completion": "script", "manual": "scdoc"}.get(args[0])
    if name:
        assert json.loads(r.stdout)[name] == lug(*args).stdout


def test_a_folder_is_no_fault_of_the_disk(tmp_path):
    for args in (["extract", tmp_path], ["network", "show", tmp_path], ["ledger", "info", "--ledger", LUG]):
        r = lug(*args)
        assert r.returncode == 1 and "check the disk" not in r.stderr, r.stderr


@pytest.mark.parametrize("args", [("--help",), ("trace", "--help"), ("version",), ("version", "--json"), ("completion", "bash"),
                                  ("manual",), ("extract", LUG + ".txt"), ("--json", "vers")])
def test_a_full_disk_behind_the_output_is_an_error(args, tmp_path):
    """However the output leaves stdio: at the end, or in parts on the way."""
    text = tmp_path / "long.txt"
    text.write_text("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH\n" * 2000)
    args = [str(text) if a == LUG + ".txt" else a for a in args]
    with open("/dev/full", "w", encoding="utf-8") as full:
        r = subprocess.run([LUG, *args], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert r.returncode in (1, 2) and r.stderr.startswith("lug: "), r


def test_a_limit_on_files_is_an_error_like_a_full_disk(tmp_path):
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
    r = subprocess.run([LUG, "network", "keygen", "--name", "example.org", str(tmp_path / "key"), "--json"],
                       capture_output=True, text=True, timeout=60, preexec_fn=limit)
    assert r.returncode == 1 and json.loads(r.stdout)["error"]["code"] == "nospc", r
    assert os.listdir(tmp_path) == []


def test_an_empty_name_is_no_name():
    """An empty variable is one that is not set; an empty option does not make a folder of the root."""
    for args in (("ledger", "info"), ("tx", "0" * 64), ("trace", "0" * 64), ("entity", "x"), ("watch", "list"), ("status",),
                 ("audit", "verify")):
        r = subprocess.run([LUG, *args], capture_output=True, text=True, timeout=60, env={"LUG_LEDGER": "", "LUG_NODE": ""})
        assert r.returncode == 2 and re.search("LUG_LEDGER|LUG_NODE", r.stderr), (args, r.stderr)
    assert "LUG_LEDGER" in lug("ledger", "import", ".", "--ledger", "").stderr


def test_network_note_with_json_and_out(tmp_path):
    keys = [json.loads(lug("network", "keygen", tmp_path / n, "--name", name, "--json").stdout)["public"]
            for n, name in (("g1", "g1"), ("g2", "g2"), ("m", "it/identity"))]
    draft = ["network", "draft", "--threshold", "2", "--governor", keys[0], "--governor", keys[1], "--member", f"it,IT,police,{keys[2]}"]
    said = json.loads(lug(*draft, "--json").stdout)
    assert said["text"].startswith("lugdunum.network/members/v1\n") and len(said["hash"]) == 44
    said = json.loads(lug(*draft, "--json", "--out", tmp_path / "note").stdout)
    assert said["file"] == str(tmp_path / "note")
    shown = json.loads(lug("network", "show", tmp_path / "note", "--json").stdout)
    assert shown[0]["hash"] == said["hash"] and shown[0]["content"]["threshold"] == 2
    signed = json.loads(lug("network", "sign", tmp_path / "note", "--key", tmp_path / "g1", "--json").stdout)
    assert signed["hash"] == said["hash"]
    (tmp_path / "other").write_text("no note at all\n")
    r = lug("network", "sign", tmp_path / "other", "--key", tmp_path / "g1")
    assert r.returncode == 1 and "no members, node or policy note" in r.stderr


def test_colours_and_bars_on_a_terminal_only(tmp_path):
    assert "\033" not in lug("--help").stdout
    env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    inside = ["script", "-qec", f"{shlex.quote(LUG)} --help", "/dev/null"]
    assert b"\033[1m" in subprocess.run(inside, capture_output=True, timeout=60, env=env).stdout
    assert b"\033" not in subprocess.run(inside, capture_output=True, timeout=60, env={**env, "NO_COLOR": "1"}).stdout
