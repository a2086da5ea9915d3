"""The hints that a run has printed: each a command alone on its line, its purpose above it."""

import re
import shutil
import subprocess

HINT = re.compile(r"^    To (\S.*):\n      (\S.*)\n", re.M)
COLLECTED = set()  # by this process, in all tests
SHELLS = [shell for shell in map(shutil.which, ("sh", "zsh")) if shell]


def collect_hints(text):
    """Return the purposes and commands of the hints in a text, and keep the commands."""
    hints = HINT.findall(text)
    COLLECTED.update(command for _, command in hints)
    return hints


def syntax_errors(commands):
    """Return the commands that a shell does not take, or takes for something else (H101)."""
    found = [command for command in commands if re.search(r"\s#|\.\.\.|…", command)]
    for shell in SHELLS:
        text = "\n".join(sorted(commands)) + "\n"
        done = subprocess.run([shell, "-n"], input=text, text=True, capture_output=True)
        found += [done.stderr] * bool(done.returncode)
    return found


def hinted(result, key):
    """Return the one printed command that has a key word in it."""
    (command,) = {command for _, command in result.hints if key in command}
    return command


def follow(backscope, command, **environ):
    """Run a printed command as a superuser would who is asked for a password."""
    password = backscope.postgres.variables["PGPASSWORD"]
    environ = {**backscope.environ, "PGPASSWORD": password, **environ}
    done = subprocess.run(["sh", "-c", command], cwd="/", env=environ, capture_output=True)
    assert done.returncode == 0, (command, done)
    backscope.take_trace()
    return done.stdout.decode()
