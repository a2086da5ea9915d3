"""The Makefile and bin/backscope-reset, with a stub for the interpreter: no server, no flask.

MAKE=/path/to/make tries another make; the Makefile promises GNU Make 3.81 and up.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAKE = os.environ.get("MAKE", "make")
TARGETS = ["db-status", "db-clear", "db-unflag", "db-rebuild", "db-undo", "db-disposable"]
TOOLS = ["demo", "test", "test-all", "lint", "bench", "test-matrix", "clean"]
KNOWN = ["SEQ", "N", "KEEP", "CARRY", "FORCE", "CONFIRM", "PRODUCTION", "BACKSCOPE_DIR", "VERBOSE",
         "NO_COLOR", "PG_BIN", "POSTGRES_DB", "POSTGRES_PASSWORD", "APP_ENVIRONMENT"]  # fmt: skip
ODD = ["a b", "$x", "${x}", "$(x)", "`id`", "a'b", 'a"b', "a;b", "-dash", "ünï", "a\\b", "#x", "$$",
       "a&b|c", "a,b)", "", " a ", ":_:%|"]  # fmt: skip
OUTPUT = "export PGHOST=h  PGPORT=5\n\n  psql -c 'SELECT a ::text' # 100% $HOME\n"
# An interpreter that writes down how it was called, and prints OUTPUT.
TELL = "".join(f'[ "${{{v}+set}}" ] && printf "%s\\n" "{v}<${v}>"\n' for v in [*KNOWN, "seq"])
STUB = f"""#!/bin/sh
[ "$1" = -c ] && exec "{sys.executable}" "$@"
{{ shift; printf "%s\\n" "$*" "variables $RESET_VARIABLES"
{TELL}}} >>"$RECORD"; printf %s "$OUTPUT"; exit "${{STATUS:-0}}"
"""


class Calls:
    """A checkout, a tool in an awkward folder, and what the stub was called with."""

    def __init__(self, folder: Path) -> None:
        self.tool = folder / "my tools" / "it's $here"
        self.checkout = folder / "backscope"
        (self.tool / "bin").mkdir(parents=True)
        self.checkout.mkdir()
        (self.tool / "tests").mkdir()
        for name in ("Makefile", "bin/backscope-reset", "tests/maintenance.mk"):
            shutil.copy(ROOT / name, self.tool / name)
        (self.tool / "backscope_reset.py").touch()
        (self.checkout / "Makefile").symlink_to("../my tools/it's $here/Makefile")
        self.record, self.python = folder / "record", self.script(folder / "python", STUB)

    @staticmethod
    def script(path: Path, text: str) -> Path:
        """Write something that can be run."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def make(self, *words, folder=None, **environ):
        """Run make; the lines that the stub wrote are in the result's `calls`."""
        self.record.unlink(missing_ok=True)
        base = {"PATH": os.environ["PATH"], "RECORD": str(self.record), "OUTPUT": OUTPUT}
        result = subprocess.run(
            [MAKE, *words], cwd=folder or self.checkout, stdin=subprocess.DEVNULL,
            env={"PYTHON": str(self.python), **base, **environ}, capture_output=True, text=True,
        )  # fmt: skip
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        result.calls = [line for line in lines if line.startswith("--make")]
        result.told = lines[1:]
        return result


@pytest.fixture
def calls(tmp_path):
    return Calls(tmp_path)


def test_each_target_is_one_call(calls):
    for target in TARGETS:
        result = calls.make(target)
        assert (result.returncode, result.stdout) == (0, OUTPUT), result
        assert result.calls == [f"--make {target[3:]}"]
        assert result.told == ["variables "]
    assert calls.make("db-clear", STATUS="1").returncode == 2


@pytest.mark.parametrize("value", ODD)
def test_any_value_arrives_as_typed(calls, value):
    wanted = [f"{name}<{value}>" for name in KNOWN]
    words = [f"{name}={value}" for name in KNOWN]
    typed = [f"{name}<{value.lstrip()}>" for name in KNOWN]  # make drops blanks after the =
    for flag in ("-s", "-n"):
        told = ["variables " + " ".join(sorted(KNOWN)), *typed]
        assert calls.make(flag, "db-clear", *words).told == told
        assert calls.make(flag, "db-clear", **dict.fromkeys(KNOWN, value)).told[1:] == wanted


def test_what_was_given_to_make_is_told(calls):
    result = calls.make("db-clear", "seq=$x", "FORSE=$(shell exit 1)", "X=a -n", "A.b-c=1")
    assert result.calls == ["--make clear"], result
    assert result.told[0] == "variables A.b-c FORSE X seq"
    result = calls.make("db-clear", "KEEP=1", FORCE="1", RESET_VARIABLES="FORCE")
    assert result.told == ["variables KEEP", "KEEP<1>", "FORCE<1>"]


def test_the_interpreter(calls, tmp_path):
    other = Calls.script(tmp_path / "an other", STUB)
    assert calls.make("db-clear", f"PYTHON={other}", PYTHON="/no").told == ["variables PYTHON"]
    path = f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}"
    Calls.script(tmp_path / "bin" / "python3", STUB)
    assert calls.make("db-clear", PYTHON="", PATH=path).calls == ["--make clear"]


@pytest.mark.parametrize("words", [
    "-n", "-kn", "-nk", "-n -j2", "-n -I n", "-n -R --no-builtin-rules", "--just-print",
    "--no-print-directory -n", "-n MAKEFLAGS=", "-n CONFIRM=x", "-n -- X=1",
])  # fmt: skip
def test_a_dry_run_prints_what_the_tool_prints(calls, words):
    result = calls.make(*words.split(), "db-rebuild")
    assert (result.returncode, result.stdout, result.stderr) == (0, OUTPUT, "")
    assert result.calls == ["--make rebuild --dry-run"]


def test_a_dry_run_that_is_refused(calls):
    for output in ("", OUTPUT):
        result = calls.make("-n", "db-clear", STATUS="2", OUTPUT=output)
        assert (result.returncode, result.stdout) == (2, output)
        assert "db-clear would not run" in result.stderr


@pytest.mark.parametrize("words", [
    "-q", "-t", "-n MAKEFLAGS= MFLAGS=", "-n MFLAGS=", "-nq", "-nt", "-q MFLAGS=-k",
])  # fmt: skip
def test_no_flag_that_must_not_run_runs(calls, words):
    for target in TARGETS:
        assert set(calls.make(*words.split(), target).calls) <= {f"--make {target[3:]} --dry-run"}
    assert not (calls.checkout / "db-clear").exists()


@pytest.mark.parametrize("line", [
    "MAKEFLAGS := --no-print-directory", "MAKEFLAGS =", "override MAKEFLAGS := k",
    "MAKEFLAGS += -k", "MAKEFLAGS :=\nMFLAGS :=", "unexport MAKEFLAGS", "override MFLAGS := -k",
])  # fmt: skip
def test_a_makefile_that_changes_the_flags_and_includes_this_one(calls, line):
    (calls.checkout / "GNUmakefile").write_text(
        f"{line}\ninclude Makefile\n{line}\nall: db-clear\nsub: ; $(MAKE) db-clear\n"
    )
    for goal in ("db-clear", "all", "sub"):
        if goal == "sub" and line in ("unexport MAKEFLAGS", "override MAKEFLAGS := k"):
            continue  # such a makefile keeps -n from its own $(MAKE): nobody can see it there
        for flag in ("-n", "-q", "-t", "-kn"):
            assert set(calls.make(flag, goal).calls) <= {"--make clear --dry-run"}
        assert calls.make(goal).calls == ["--make clear"]


@pytest.mark.parametrize("words", [
    "--no-builtin-rules", "-I n", "-In", "SEQ=-n", "X=-n", "-s --no-print-directory", "-k -j2",
])  # fmt: skip
def test_what_only_looks_like_a_dry_run_is_none(calls, words):
    assert calls.make(*words.split(), "db-clear").calls == ["--make clear"]


@pytest.mark.parametrize("goals, said", [
    ("db-clear A45", "There is no target A45; did you mean SEQ=A45? make help lists them all."),
    ("db-clear SEQ A45", "There is no target SEQ; did you mean SEQ=? make help"),
    ("db_clear", "There is no target db_clear; did you mean db-clear? make help"),
    ("db-reset", "There is no target db-reset; did you mean db-clear or db-rebuild? make help"),
    ("db-status db-rebiuld", "no target db-rebiuld; did you mean db-rebuild? make help"),
    ("db-clear Makefile", "There is no target Makefile; make help lists them all."),
    ("db-clear it's", "There is no target it's; make help lists them all."),
])  # fmt: skip
def test_an_unknown_goal_stops_all(calls, goals, said):
    for flag in ("-s", "-k", "-n", "-j2"):
        result = calls.make(flag, *goals.split())
        assert (result.returncode, result.stdout, result.calls) == (2, "", [])
        assert said in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert "make help lists" in calls.make(*goals.split(), PYTHON="/nonexistent").stderr


def test_h49_what_a_makefile_around_this_one_sets_is_judged_too(calls):
    """Before or behind the include, exported or not; the command line wins."""
    (calls.checkout / "GNUmakefile").write_text(
        "IDS = A1 a2\nSEQ = $(IDS)\noverride KEEP := it's\ninclude Makefile\n"
        "POSTGRES_DB := other\nexport CARRY = 1\nFORCE = 1\nNEIN = 1\n"
    )
    for flag in ("-s", "-n"):
        calls.make(flag, "db-clear", "FORCE=0")
        told = calls.record.read_text()
        said = {"SEQ<A1 a2>", "KEEP<it's>", "POSTGRES_DB<other>", "CARRY<1>", "FORCE<0>"}
        assert said <= {*told.splitlines()}
        assert "variables FORCE\n" in told


def test_h25_no_password_gets_into_the_arguments_of_a_shell(calls):
    shell = calls.script(
        calls.checkout / "shell", '#!/bin/sh\necho "$*" >>log; exec /bin/sh "$@"\n'
    )
    (calls.checkout / "GNUmakefile").write_text("POSTGRES_PASSWORD := pw-2\ninclude Makefile\n")
    for file in ("Makefile", "GNUmakefile"):
        said = calls.make("-f", file, f"SHELL={shell}", "db-clear", "POSTGRES_PASSWORD=pw-1").told
        assert "POSTGRES_PASSWORD<pw-1>" in said
        calls.make("-f", file, f"SHELL={shell}", "db-clear")
    log = (calls.checkout / "log").read_text()
    assert "--make clear" in log
    assert "pw-" not in log


def test_the_goals_of_a_makefile_that_includes_this_one(calls):
    (calls.checkout / "GNUmakefile").write_text(
        "include Makefile\nserve: ; @echo served\ntest: ; @echo tested\nhelp: ; @echo helped\n"
    )
    assert calls.make().stdout == "served\n"
    for goals, said in (("serve", "served"), ("test", "tested"), ("help", "helped")):
        result = calls.make(goals)
        assert (result.stdout, result.stderr) == (f"{said}\n", "")
    assert calls.make("db-clear", "serve").stdout == f"{OUTPUT}served\n"
    assert [calls.make("db-clear", odd).calls for odd in ("A45", "a000045", "45")] == [[], [], []]


@pytest.mark.parametrize("target", TOOLS)
def test_what_belongs_to_the_tools_own_folder(calls, target):
    (calls.checkout / ".venv").mkdir()
    result = calls.make(target)
    assert (result.returncode, result.stdout) == (2, "")
    quoted = str(calls.tool).replace("'", "'\\''")
    assert f"belongs to the tool's own folder: make -C '{quoted}' {target}" in result.stderr
    assert ("flask test" in result.stderr) == target.startswith("test")
    assert (calls.checkout / ".venv").exists()


def test_help(calls):
    for folder, words in ((calls.checkout, TARGETS), (calls.tool, TARGETS + TOOLS)):
        result = calls.make(folder=folder)
        assert result.stdout == calls.make("help", folder=folder).stdout
        lines = result.stdout.splitlines()
        assert [line.split()[1] for line in lines if line.startswith("  make ")][:-1] == words
        assert max(map(len, lines)) <= 80
        for name in ("CARRY=1", "BACKSCOPE_DIR=", "SEQ=", "N=3", "make -n", "PYTHON="):
            assert name in result.stdout
        texts = [line for line in lines if line.startswith("  make ") and "make -n" not in line]
        assert [line for line in texts if line[21] != " " or line[22] == " "] == []


def test_from_wherever_it_is_called(calls, tmp_path):
    (tmp_path / "it's there").symlink_to(calls.tool)  # 3.81 loses a $ in the name after -f
    os.symlink(calls.checkout / "Makefile", tmp_path / "link.mk")
    (tmp_path / "extra.mk").write_text("EXTRA := 1\n")
    extra = {"MAKEFILES": str(tmp_path / "extra.mk")}
    for words, folder, environ in (
        (["-f", "it's there/Makefile"], tmp_path, {}),
        (["-f", "it's there/Makefile"], tmp_path, {"CDPATH": "/tmp"}),
        (["-f", f"{tmp_path}/it's there/Makefile"], calls.checkout, extra),
        (["-f", "link.mk"], tmp_path, {}),
        (["-C", str(calls.tool), "BACKSCOPE_DIR=x"], tmp_path, {"MAKEFILES": "../../extra.mk"}),
    ):
        assert calls.make(*words, "db-clear", folder=folder, **environ).calls == ["--make clear"]
        assert "no target" in calls.make(*words, "db_clear", folder=folder, **environ).stderr


def test_a_copy_of_the_makefile_runs_nothing(calls):
    (calls.checkout / "Makefile").unlink()
    shutil.copy(ROOT / "Makefile", calls.checkout / "Makefile")
    shutil.copytree(ROOT / "bin", calls.checkout / "bin")
    (calls.checkout / ".venv").mkdir()
    for goal in ("help", "clean", "test", *TARGETS):
        for flag in ("-s", "-n"):
            result = calls.make(flag, goal)
            assert (result.returncode, result.stdout, result.calls) == (2, "", [])
            assert "a copy without backscope_reset.py" in result.stderr
            assert "ln -sf ../backscope-reset/Makefile . # makes it a link." in result.stderr
    assert (calls.checkout / ".venv").exists()


def test_the_door_without_make(calls, tmp_path):
    target = calls.tool / "bin/backscope-reset"
    (tmp_path / "door").symlink_to(os.path.relpath(target, tmp_path))
    environ = {"PATH": os.environ["PATH"], "PYTHON": "echo", "CDPATH": "/tmp:/usr"}
    for command in ("./door", str(tmp_path / "door"), os.path.relpath(target, tmp_path)):
        result = subprocess.run(
            [command, "clear", "A 1"], cwd=tmp_path, env=environ, capture_output=True, text=True
        )
        assert result.stdout == f"{calls.tool}/backscope_reset.py clear A 1\n", result


@pytest.fixture
def own(calls, tmp_path):
    """Give a tool whose PYTHON makes a .venv of stubs that write down how they are called."""
    (calls.tool / "tests").mkdir(exist_ok=True)
    for name in ("requirements.txt", "tests/demo.txt", "tests/requirements.txt"):
        shutil.copy(ROOT / name, calls.tool / name)
    told = 'echo "--make $(basename "$0") $* PYTHON=$PYTHON" >>"$RECORD"\n'
    Calls.script(calls.tool / "bin/demo", f"#!/bin/sh\n{told}")
    copies = "for x in pip pytest ruff mypy shellcheck; do cp bin/demo .venv/bin/$x; done\n"
    Calls.script(tmp_path / "python", f"#!/bin/sh\n{told}mkdir -p .venv/bin\n{copies}")
    return calls


def test_the_tour_needs_less_than_the_tests(own):
    python = f"PYTHON={own.python}"
    first = own.make("demo", python, folder=own.tool)
    made, pip, demo = [line[7:] for line in first.calls]
    assert made == f"python -m venv .venv {python}"
    assert "-r requirements.txt -r tests/demo.txt " in pip
    assert demo == "demo  PYTHON="
    assert first.stdout.startswith("Installing into .venv for the demo: ")
    assert own.make("demo", folder=own.tool).stdout == ""
    more = own.make("test", python, folder=own.tool)
    pip, pytest_ = [line[7:] for line in more.calls]
    assert "-r tests/requirements.txt " in pip
    assert pytest_ == ("pytest -q -n 3 --cov --cov-report=term-missing:skip-covered tests"
                       " -m not slow PYTHON=")  # fmt: skip
    assert "not slow" not in str(own.make("test-all", folder=own.tool).calls)
    assert len(own.make("lint", folder=own.tool).calls) == 4
    os.utime(own.tool / "tests/demo.txt", (2**32, 2**32))  # newer than what was installed
    assert "pip" in own.make("demo", folder=own.tool).calls[0]


def test_clean_removes_only_what_was_made_here(own):
    mine = [".coverage", ".coverage.r1", ".mypy_cache", ".hypothesis"]
    for name in (*mine, ".coveragerc"):
        (own.tool / name).touch()
    own.make("demo", folder=own.tool)
    assert own.make("clean", folder=own.tool).returncode == 0
    assert [name for name in (".venv", *mine) if (own.tool / name).exists()] == []
    assert (own.tool / ".coveragerc").exists()
    (own.tool / ".venv/bin").mkdir(parents=True)  # somebody else's
    own.make("clean", folder=own.tool)
    result = own.make("demo", folder=own.tool)
    assert (result.returncode, result.calls) == (2, [])
    assert ".venv was not made by this Makefile" in result.stderr
    assert (own.tool / ".venv/bin").exists()
