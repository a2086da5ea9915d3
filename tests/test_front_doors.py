"""make and bin/backscope-reset with a real database; test_makefile.py has all else."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from checkout import PASSWORD, ROOT

MAKE = os.environ.get("MAKE", "make")  # to try another one


def run(backscope, *command, **environ):
    """Run a command in the checkout with its environment active; give it and the trace."""
    path = os.pathsep.join([str(backscope.venv / "bin"), backscope.environ["PATH"]])
    result = subprocess.run(
        command, cwd=backscope.folder, env={**backscope.environ, "PATH": path, **environ},
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    trace = backscope.trace.read_text() if backscope.trace.exists() else ""
    backscope.trace.unlink(missing_ok=True)
    return result, re.sub(r"~\d+~|database \d+", "N", trace)  # the oid, too


@pytest.fixture
def linked(kept):
    """Give a checkout with the Makefile linked into it."""
    (kept.folder / "Makefile").symlink_to(ROOT / "Makefile")
    return kept


def state(backscope):
    """Give what a target changes: the oids, the rows of the current database and the folders."""
    flags = "SELECT id, values_requested FROM sequences ORDER BY 1"
    return backscope.mine(), backscope.sql(flags), backscope.folders()


def test_h50_a_variable_with_a_dash_is_not_read_as_flags_of_make(linked):
    before = linked.snapshot()
    for target in ("db-clear", "db-unflag"):
        result, calls = run(linked, MAKE, target, "-SEQ=A1 A2")  # -S -E 'Q=A1 A2' to GNU Make 4
        assert (result.returncode, calls, linked.snapshot()) == (2, "", before), result
        assert "did you mean SEQ=?" in result.stderr or "invalid option" in result.stderr


def test_make_s_own_keep_going_keeps_nothing(linked):
    before = linked.snapshot()
    result, calls = run(linked, MAKE, "db-rebuild", "--keep", f"CONFIRM={linked.name}")
    assert (result.returncode, calls, linked.snapshot()) == (2, "", before), result
    assert "make db-rebuild KEEP=1" in result.stderr


def test_h49_what_was_meant_to_be_kept_is_not_lost_by_confirm(linked):
    linked.fill()
    before, confirm = linked.snapshot(), f"CONFIRM={linked.name}"
    for target, variable, text in (
        ("db-rebuild", "KEEP", "1"), ("db-rebuild", "CARRY", "on"), ("db-clear", "SEQ", "A1"),
    ):  # fmt: skip
        result, calls = run(linked, MAKE, target, confirm, **{variable: text})
        assert (result.returncode, calls, linked.snapshot()) == (2, "", before), result
        assert f"On the command line only, {variable} would count" in result.stderr
        assert f"make {target} {variable}=" in result.stderr


def test_h49_what_a_makefile_around_it_names_is_not_all(linked):
    (linked.folder / "nightly.mk").write_text("SEQ = A000001\ninclude Makefile\n")
    linked.fill()
    before = linked.snapshot()
    result, calls = run(linked, MAKE, "-f", "nightly.mk", "db-clear")
    assert (result.returncode, calls, linked.snapshot()) == (2, "", before), result
    assert "make -f nightly.mk db-clear SEQ=A000001 # is what may be meant" in result.stderr


def test_without_a_path_it_is_still_known_which_python_runs(linked):
    """Nothing was changed, and what is said is about the environment."""
    door = str(ROOT / "bin/backscope-reset")
    command = ["/usr/bin/env", "-i", door, "status", "--backscope-dir", str(linked.folder)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2, result
    assert "There is no Python called" in result.stderr or "environment" in result.stderr


@pytest.mark.slow
def test_sh_runs_what_make_n_prints_and_does_the_same(linked):
    """Each target as sh runs what is printed and as the tool runs it: the calls are the same."""
    name = linked.name
    other = f"POSTGRES_DISPOSABLE_DB={name}_dis"
    linked.postgres.sql(f"CREATE DATABASE {name}_dis OWNER scope")
    for words, flask in (
        (["db-clear", "SEQ=A1 a2"], {}), (["db-unflag"], {}), (["db-clear"], {}),
        (["db-rebuild", "CARRY=1"], {"FAST": name}), (["db-undo"], {}), (["db-undo", "N=2"], {}),
        (["db-rebuild", "KEEP=1"], {"FAST": name}), (["db-disposable", other], {}),
        (["db-rebuild", f"CONFIRM={name}"], {"FAST": name}),
    ):  # fmt: skip
        traces, states = [], []
        for way in ("sh", "make"):
            linked.sql("DELETE FROM sequences")
            linked.fill()
            linked.sql("INSERT INTO sequences (id, shift, values_requested) VALUES ('A9', 0, true)")
            before, command, password = linked.snapshot(), [MAKE, *words], {}
            if way == "sh":
                shown, calls = run(linked, MAKE, "-s", "-n", *words)
                assert (shown.returncode, shown.stderr, calls) == (0, "", ""), shown
                assert linked.snapshot() == before
                shell = "bash" if "CARRY=1" in words else "sh"  # it sees both ends of a pipe
                command, password = [shell, "-ec", shown.stdout], {"PGPASSWORD": PASSWORD}
            done, calls = run(linked, *command, **flask, **password)
            assert done.returncode == 0, done
            traces.append(sorted(calls.splitlines()))  # the two ends of a pipe come as they like
            states.append(state(linked)[1])
            assert linked.snapshot() != before
        assert traces[0] == traces[1] != []
        assert states[0] == states[1]


@pytest.mark.slow
def test_make_tells_its_status_and_what_it_refuses(linked):
    before = linked.snapshot()
    result, trace = run(linked, MAKE, "db-status")
    assert (result.returncode, trace) == (0, ""), result
    assert f"Database     {linked.name} on " in result.stdout
    for words, said in (
        (["SEQ="], "SEQ is empty"), (["CONFIRM="], "CONFIRM is ''"),
        (["BACKSCOPE_DIR="], "no Backscope checkout"), (["seq=A1"], "did you mean SEQ?"),
        (["KEEP=1"], "make db-clear takes no KEEP"), (["FORCE=maybe"], "neither on nor off"),
    ):  # fmt: skip
        result, trace = run(linked, MAKE, "db-clear", *words)
        assert (result.returncode, trace) == (2, "")
        assert said in result.stderr
    result, trace = run(linked, MAKE, "-n", "db-clear", FORCE="1", SEQ="A1")
    assert "# Left out     SEQ, FORCE are in the environment" in result.stdout
    assert result.stdout.endswith("\nflask clear-database\n)\n")
    assert linked.snapshot() == before


@pytest.mark.slow
def test_the_tool_in_a_folder_with_a_space_and_through_a_link(backscope, tmp_path):
    copy = tmp_path / "my tools" / "it's $here"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("bin", "resetting"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    shutil.copy(ROOT / "backscope_reset.py", copy)
    (tmp_path / "door").symlink_to(copy / "bin/backscope-reset")
    for name in [name for name in backscope.environ if name.startswith("COVERAGE")]:
        del backscope.environ[name]  # what is measured is the tool here, not its copy
    environ = {**backscope.environ, "PYTHON": str(backscope.venv / "bin/python")}
    result = subprocess.run(
        [tmp_path / "door", "clear", "--backscope-dir", str(backscope.folder)],
        cwd=tmp_path, env={**environ, "PYTHONSAFEPATH": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result
    assert backscope.sql("SELECT * FROM sequences") == []


def test_misuse_is_status_2():
    for words in ([], ["nonsense"], ["clear", "--nonsense"], ["undo", "1", "2"]):
        command = [sys.executable, str(ROOT / "backscope_reset.py"), *words]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 2
        assert "usage:" in result.stderr


def test_h56_what_each_door_advises_is_found_by_it(tmp_path):
    """No makefile is in the folder, so a plain make would find none."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    environ["PYTHON"] = sys.executable
    tool, file = f"{ROOT}/bin/backscope-reset", f"{ROOT}/Makefile"
    for command, advised in (
        ([MAKE, "-f", file, "db-undo", "N=x"], f"make -f {file} db-status"),
        ([tool, "undo", "x"], f"{tool} status"),
    ):
        result = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
        assert advised in result.stderr
        assert f"PYTHON={sys.executable}" in result.stderr


def test_h56_what_is_advised_under_make_c_goes_to_that_checkout(linked, tmp_path):
    """The shell stays elsewhere, where a plain make would be about another checkout."""
    linked.fill()
    place, odd = str(linked.folder), "SEQ=A1,A2"
    for flags, pwd, folder in (
        (["-C", place], str(tmp_path), f"-C {place} "), (["-C", place], place, ""),
        (["-sC", place], str(tmp_path), f"-C {place} "), (["-sC", place], place, ""),
        (["--no-print-directory", "-C", place], "/", f"-C {place} "), ([], "/", ""),
    ):  # fmt: skip
        result, _ = run(linked, MAKE, *flags, "db-clear", odd, PWD=pwd)
        assert f"make {folder}db-clear SEQ='A000001 A000002'" in result.stderr, flags
    for pwd in ("/", place):  # so does what is printed
        result, _ = run(linked, MAKE, "-snC", place, "db-clear", PWD=pwd)
        assert (f"\ncd {place}\n" in result.stdout) == (pwd == "/"), result
    home = {"HOME": str(linked.folder.parent)}
    result, _ = run(linked, MAKE, "-C", place, "db-clear", odd, **home)  # sudo takes PWD away
    advice = re.search("make .*'", result.stderr)[0]
    assert advice.startswith(f"make -C ~/{linked.folder.name} db-clear")
    done, _ = run(linked, "sh", "-c", f"cd / && {advice}", **home)
    assert (done.returncode, linked.sql("SELECT id FROM sequences")) == (0, [("A000003",)]), done
