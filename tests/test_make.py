"""make and bin/backscope-reset: one syntax, from anywhere; `make -n` runs nothing.

MAKE=/path/to/make tries another make; GNU Make 3.81 and up is what is promised.
"""

import os
import re
import shutil
import subprocess

import pytest
from checkout import FAIL, slowly
from postgres import ROOT

MAKE = os.environ.get("MAKE", "make")
MAKEFILE = (MAKE, "-f", str(ROOT / "Makefile"))
COMMANDS = ("status", "clear", "unflag", "rebuild", "undo", "disposable")
NAMES = ("SEQ", "N", "KEEP", "CARRY", "FORCE", "CONFIRM", "PRODUCTION", "BACKSCOPE_DIR", "VERBOSE")
TOLD = (*NAMES, "POSTGRES_DB", "POSTGRES_PASSWORD", "APP_ENVIRONMENT")
ODD = ("$x", "${x}", "$(x)", "`id`", "a'b", 'a"b', "a;b c", "ünï", "a\\b", "#x", "$$", "a,b)", "",
       "a && b", "c &&", "d  e\tf")  # fmt: skip
# An interpreter that notes how it was called; a dry run prints what SEQ is, too.
STUB = f"""#!/bin/sh
shift; printf '%s\\n' "$*" >>"$RECORD"
for v in {" ".join(TOLD)}; do eval "printf '%s\\n' \\"$v<\\$$v>\\""; done >>"$RECORD"
printf '%s\\n' "$RESET_MAKE" >"$RECORD.make"
echo 'dropdb a &&'; printf '%s\\n' "createdb a$SEQ"
"""
STREAMS = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
STUCK = "INSERT INTO sequences (id, shift, values_requested) VALUES ('A000009', 0, true)"


def run(backscope, *command, at=None, **environ):
    """Run a command in a checkout whose environment is active; give how it ended, its calls."""
    environ = {**backscope.environ, **environ}  # without measuring the coverage, which is dear
    environ = {name: text for name, text in environ.items() if "COVERAGE" not in name}
    done = subprocess.run(command, cwd=at or backscope.folder, env=environ, **STREAMS)
    done.trace = backscope.take_trace()
    return done


@pytest.fixture
def linked(kept):
    """Give a checkout with the Makefile linked into it."""
    (kept.folder / "Makefile").symlink_to(ROOT / "Makefile")
    return kept


@pytest.fixture
def stub(tmp_path):
    """Give `make` in a folder with a linked Makefile, with a stub for the interpreter."""
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

    make.begins = lambda: (tmp_path / "record.make").read_text().rstrip("\n")

    make.folder = folder
    return make


def test_h49_each_value_arrives_as_it_was_typed(stub):
    """On make's command line and in the environment, for a run and for a dry run."""
    for value in ODD:
        words, told = ([form % (name, value) for name in TOLD] for form in ("%s=%s", "%s<%s>"))
        for flags in ([], ["-n"]):
            for result in (stub(*flags, "db-clear", *words),
                           stub(*flags, "db-clear", **dict.fromkeys(TOLD, value))):  # fmt: skip
                assert result.told == told
                assert result.stdout == f"dropdb a &&\ncreatedb a{value}\n"


@pytest.mark.parametrize("words", ["-n", "-kn", "-n -j8", "-n -I n", "--just-print", "-n -s",
    "-n MAKEFLAGS=", "--no-print-directory -n", "-q", "-t", "-nq", "-q MAKEFLAGS="])  # fmt: skip
def test_h48_no_flag_that_must_not_run_runs(stub, words):
    for command in COMMANDS:
        result = stub(*words.split(), f"db-{command}")
        assert set(result.calls) <= {f"{command} --dry-run"}, result
        if "n" in words and "q" not in words:
            assert (result.stdout, result.stderr) == ("dropdb a &&\ncreatedb a\n", "")
    assert not list(stub.folder.glob("db-*"))


@pytest.mark.parametrize("line", ["MAKEFLAGS =", "override MAKEFLAGS := k", "unexport MAKEFLAGS"])
def test_h48_nor_does_it_under_a_makefile_that_includes_this_one(stub, line):
    """Whose goals work beside; the first of them stays the default."""
    text = f"{line}\nserve: ; @echo served\nall: db-clear\ninclude Makefile\n"
    (stub.folder / "GNUmakefile").write_text(text)
    for goal in ("db-clear", "all"):
        for flag in ("-n", "-q", "-t", "-kn"):
            assert set(stub(flag, goal).calls) <= {"clear --dry-run"}
        assert stub(goal).calls == ["clear"]
    assert stub("serve").stdout == stub().stdout == "served\n"


@pytest.mark.parametrize("words, at", [("-j8", "{0}"), ("-C {0}", "/"), ("-f {1}/Makefile", "/"),
    ("BACKSCOPE_DIR={0}", "{1}"), ("-C {1} BACKSCOPE_DIR={0}", "/")])  # fmt: skip
def test_it_works_from_wherever_it_is_called(stub, words, at):
    words, at = (text.format(stub.folder, ROOT) for text in (words, at))
    assert stub(*words.split(), "db-rebuild", at=at).calls == ["rebuild"]


@pytest.mark.parametrize("goals", ["A45", "SEQ A45", "db-rebiuld", "test", "dbstatus"])
def test_h50_an_unknown_goal_stops_all(stub, goals):
    for flag in ("-k", "-n", "-j8"):
        result = stub(flag, "db-clear", *goals.split())
        assert (result.returncode, result.stdout, result.calls) == (2, "", []), result
        assert goals.split()[0] in result.stderr
    assert stub(*goals.split()).returncode == 2


@pytest.mark.parametrize("words, at", [
    ("db-status", "a b"), ("db-status", "$x & 'y'"), ("-C|{0}/a b|db-status", "."),
    ("-C|../$x & 'y'|-f|../m&.mk|db-status", "a b"), ("-f|../m&.mk|db-status", "a b"),
])  # fmt: skip
def test_h82_printed_commands_work_where_they_were_read(stub, tmp_path, words, at):
    for name in ("a b", "$x & 'y'"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Makefile").symlink_to(ROOT / "Makefile")
    (tmp_path / "m&.mk").symlink_to(ROOT / "Makefile")
    folder = tmp_path / at
    stub(*words.format(tmp_path).split("|"), at=folder, PWD=str(folder.resolve()))
    again = f"{stub.begins()} db-unflag"
    assert stub("-c", again, at=folder, program="sh").calls == ["unflag"], again


def test_h82_a_space_in_the_tools_own_path_is_said(stub, tmp_path):
    """And bin/backscope-reset, which is named, works there."""
    own = tmp_path / "back scope"
    shutil.copytree(ROOT / "bin", own / "bin")
    shutil.copy(ROOT / "Makefile", own)
    for words, at in ((["db-status"], own), (["-f", f"{own}/Makefile", "db-status"], tmp_path)):
        result = stub(*words, at=at)
        assert (result.returncode, result.calls) == (2, [])
        assert "bin/backscope-reset" in result.stderr
    assert stub("status", at=own, program=own / "bin/backscope-reset").calls == ["status"]


def test_h55_clean_removes_only_what_was_made_here(stub, tmp_path):
    own = tmp_path / "own"
    (own / ".venv/bin").mkdir(parents=True)
    (own / "tests").mkdir()
    for name in ("Makefile", "backscope_reset.py", "tests/dev.mk"):
        shutil.copy(ROOT / name, own / name)
    assert stub("clean", at=own).returncode == 0
    assert (own / ".venv/bin").exists()  # somebody else's
    mark = re.search(r"-e (\.venv/\S+) \]", (ROOT / "tests/dev.mk").read_text())[1]
    kept = {"Makefile", "backscope_reset.py", "tests", ".coveragerc", "notes"}
    for name in {mark, ".coverage", ".coverage.1", ".coveragerc", "notes"}:
        (own / name).touch()
    assert stub("clean", at=own).returncode == 0
    assert {path.name for path in own.iterdir()} == kept


def test_help_names_each_target_and_variable(linked):
    result = linked.run("help", RESET_MAKE="make")
    assert result.out == run(linked, MAKE).stdout == run(linked, MAKE, "help").stdout
    for name in (*COMMANDS, *NAMES, "make -n"):
        assert name in result.out
    assert max(map(len, result.out.splitlines())) <= 80


def test_help_in_the_tools_own_folder_lists_its_targets(stub):
    result = stub("help", at=ROOT)
    listed = re.findall(r"^  make (\S+)", result.stdout, re.MULTILINE)
    assert listed == ["demo", "test", "test-all", "lint", "bench", "clean"]
    assert result.calls == ["help"]


def test_h49_one_syntax_in_four_spellings(linked):
    """A database that is kept is renamed first; that is let fail here."""
    tool, traces = f"{ROOT}/bin/backscope-reset", []
    for command, keep in ((f"{MAKE} db-rebuild KEEP=1", ""), (f"{MAKE} db-rebuild", "yes"),
                          (f"{tool} rebuild", "on"), (f"{tool} rebuild --keep", "")):  # fmt: skip
        result = run(linked, *command.split(), KEEP=keep, BEFORE="psql*RENAME*", DO=FAIL)
        assert result.returncode == 2, result
        traces.append(result.trace)
    assert traces == [traces[0]] * 4 and traces[0], traces


@pytest.mark.parametrize("words, said", [
    ("db-clear seq=A1", "SEQ"), ("db-clear FORSE=1", "FORCE"), ("db-rebuild KEPE=1", "KEEP"),
    ("db-clear KEEP=1", "KEEP"), ("db-status FORCE=1", "FORCE"), ("db-rebuild SEQ=A1", "SEQ"),
    ("-n db-rebuild KEEP=maybe", "KEEP"), ("db-undo N=x", "N"), ("-n db-clear SEQ=", "SEQ"),
])  # fmt: skip
def test_h49_h50_what_is_misspelt_or_not_taken_is_refused(linked, words, said):
    before = linked.snapshot()
    result = run(linked, MAKE, *words.split(), CONFIRM=linked.name)
    assert (result.returncode, result.trace) == (2, []), result
    assert said in result.stderr
    assert linked.snapshot() == before


def test_h48_h56_sh_does_the_job_with_what_make_n_prints(linked):
    """Nothing but commands is printed; they carry their server, and where the password is."""
    dotenv = linked.venv / "bin/dotenv"
    dotenv.write_text('#!/bin/sh\nexec "${0%dotenv}python" -m dotenv "$@"\n')
    dotenv.chmod(0o755)
    linked.sql(STUCK)
    for words in ("db-unflag", "db-clear SEQ=A1", "db-undo N=1", "db-rebuild CARRY=1",
                  f"db-disposable POSTGRES_DISPOSABLE_DB={linked.name}_x"):  # fmt: skip
        before = linked.snapshot()
        shown = run(linked, MAKE, "-n", *words.split())
        assert (shown.returncode, shown.stderr, shown.trace) == (0, "", []), shown
        assert linked.snapshot() == before
        assert not re.search(r"Nothing to be done|make\[|^#", shown.stdout, re.M)
        done = run(linked, "sh", "-ec", shown.stdout, at="/", PGPORT="1")
        assert done.returncode == 0, (shown.stdout, done)
        assert linked.snapshot() != before


@pytest.mark.parametrize("way", [
    slowly("{make} db-clear"), slowly("{make} -f {root}/Makefile db-clear"),
    "{make} -C {folder} db-clear", "{root}/bin/backscope-reset clear",
])  # fmt: skip
def test_h56_what_is_advised_works_from_where_it_was_read(linked, way):
    """The advice of a refused clear is typed in the same folder, and clears."""
    command = way.format(make=MAKE, root=ROOT, folder=linked.folder).split()
    at = "/" if "-C" in way else linked.folder
    refused = run(linked, *command, at=at, PWD=str(at), POSTGRES_HOST="localhost")
    assert refused.returncode == 2, refused
    (advice,) = re.findall(r"^ *(.*CONFIRM=.*?)(?:  #.*)?$", refused.stderr, re.M)
    done = run(linked, "sh", "-c", advice, at=at)
    assert (done.returncode, linked.ids()) == (0, []), (advice, done)
