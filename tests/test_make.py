"""make: each value arrives as typed; `make -n` runs nothing (H82). MAKE=... tries another."""

import os
import re
import subprocess

import pytest
from checkout import slowly
from postgres import PASSWORD, ROOT

from backscope_reset import COMMANDS

MAKE = os.environ.get("MAKE", "make")
GOALS = [f"db-{command}" for command in COMMANDS]
NAMES = ("SEQ", "N", "KEEP", "CARRY", "FORCE", "CONFIRM", "PRODUCTION", "BACKSCOPE_DIR", "VERBOSE")
TOLD = (*NAMES, "POSTGRES_DB", "POSTGRES_PASSWORD", "APP_ENVIRONMENT")
VALUES = ["$x", "${x}", "$(x)", "`id`", "a'b", 'a"b', "a;b_c", "ünï", "a\\b", "#x", "$$", "a,b)"]
VALUES += ["a && b", "c &&", "d  e\tf", ""]
# An interpreter that notes how it was called; a dry run prints what SEQ is, too.
STUB = f"""#!/bin/sh
shift; printf '%s\\n' "$*" >>"$RECORD"
for v in {" ".join(TOLD)}; do eval "printf '%s\\n' \\"$v<\\$$v>\\""; done >>"$RECORD"
echo 'dropdb a &&'; printf '%s\\n' "createdb a$SEQ"
"""
STREAMS = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
FLAGS = ("-n", "-kn", "-n -j8", "-n -I n", "--just-print", "-n -s", "-n MAKEFLAGS=")


def run(backscope, *command, at=None, **environ):
    environ = {**backscope.environ, **environ}  # without measuring the coverage, which is dear
    environ = {name: text for name, text in environ.items() if "COVERAGE" not in name}
    done = subprocess.run(command, cwd=at or backscope.folder, env=environ, **STREAMS)
    done.trace = backscope.take_trace()
    return done


@pytest.fixture
def linked(kept):
    (kept.folder / "Makefile").symlink_to(ROOT / "Makefile")
    return kept


@pytest.fixture
def stub(tmp_path):
    folder, record, python = (tmp_path / name for name in ("backscope", "record", "python"))
    folder.mkdir()
    (folder / "Makefile").symlink_to(ROOT / "Makefile")
    python.write_text(STUB)
    python.chmod(0o755)

    def make(*words, at=folder, program=MAKE, **environ):
        record.write_text("")
        base = {"PATH": os.environ["PATH"], "PYTHON": str(python), "RECORD": str(record)}
        done = subprocess.run([program, *words], cwd=at, env={**base, **environ}, **STREAMS)
        lines = record.read_text().splitlines()
        done.calls = [line for line in lines if "<" not in line]
        done.told = [line for line in lines if "<" in line]
        return done

    return make


@pytest.mark.parametrize("first", [0, 7, *map(slowly, range(1, 7)), *map(slowly, range(8, 16))])
def test_h49_each_value_arrives_as_it_was_typed(stub, first):
    values = dict(zip(TOLD, [*VALUES, *VALUES][first:]))
    words = [f"{name}={value}" for name, value in values.items()]
    for flags in ([], ["-n"]):
        for given, environ in ((words, {}), ([], values)):
            result = stub(*flags, "db-clear", *given, **environ)
            assert result.told == [f"{name}<{value}>" for name, value in values.items()]
            assert result.stdout == f"dropdb a &&\ncreatedb a{values['SEQ']}\n"


@pytest.mark.parametrize("words", [*FLAGS, "-q", "-t", "-nq"])
def test_h48_no_flag_that_must_not_run_runs(stub, tmp_path, words):
    result = stub(*words.split(), *GOALS)
    assert set(result.calls) <= {f"{command} --dry-run" for command in COMMANDS}, result
    assert (len(result.calls), result.stderr) == (len(GOALS), "") or words not in FLAGS, result
    text = "MAKEFLAGS =\nall: db-clear\ninclude Makefile\n"
    (tmp_path / "backscope/GNUmakefile").write_text(text)
    assert set(stub(*words.split(), "all").calls) <= {"clear --dry-run"}
    assert not list((tmp_path / "backscope").glob("db-*"))


@pytest.mark.parametrize("goals", ["SEQ A45", "db-rebiuld", "test"])
def test_h50_an_unknown_goal_stops_all(stub, goals):
    for flag in ("-k", "-n"):
        result = stub(flag, "db-clear", *goals.split())
        assert (result.returncode, result.stdout, result.calls) == (2, "", []), result
        assert goals.split()[0] in result.stderr


def test_help_names_each_target_and_variable(stub):
    shown = stub(PYTHON="").stdout
    assert [name for name in (*GOALS, *NAMES, "make -n") if name not in shown] == []
    assert max(map(len, shown.splitlines())) <= 80
    listed = re.findall(r"^  make (\S+)", stub("help", at=ROOT).stdout, re.MULTILINE)
    assert listed == ["demo", "test", "test-all", "lint", "bench", "clean"]


@pytest.mark.parametrize(
    "words", ["db-clear SEQ=A1", "db-rebuild CARRY=1", slowly("db-unflag"), slowly("db-undo N=1")]
)
def test_h56_sh_does_the_job_with_what_make_n_prints(linked, words):
    linked.sql("INSERT INTO sequences (id, shift, values_requested) VALUES ('A9', 0, true)")
    before = linked.snapshot()
    shown = run(linked, MAKE, "-n", *words.split())
    assert (shown.returncode, shown.stderr, shown.trace) == (0, "", []), shown
    assert linked.snapshot() == before
    assert not re.search(r"Nothing to be done|make\[|^#", shown.stdout, re.M)
    there = {"PGPORT": "1", "POSTGRES_PASSWORD": PASSWORD}
    done = run(linked, "sh", "-ec", shown.stdout, at="/", **there)
    assert done.returncode == 0, (shown.stdout, done)
    assert linked.snapshot() != before
