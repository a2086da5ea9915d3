"""The password is in no output and in no argument list; each run of each test looks for it, too."""

import os
from subprocess import PIPE, Popen, check_output
from urllib.parse import quote

import pytest
from checkout import HANG
from postgres import PASSWORD
from test_make import MAKEFILE, run
from test_settings import append

ODD = "p'w %41 /x"


def test_h52_an_error_that_quotes_the_url_is_masked(backscope):
    """As the probe's answer, and in a step's traceback under VERBOSE=1."""
    line = "raise KeyError(Config.SQLALCHEMY_DATABASE_URI)\n"
    append(backscope.folder / "flaskr/config.py", line)
    assert "scope:***@" in backscope.refused("rebuild", "--keep", FAST="").said
    out, err = backscope.start("clear", VERBOSE="1", FAST="").communicate()
    assert "Traceback" in out + err
    assert PASSWORD not in out + err


def test_h25_a_password_that_is_percent_encoded_works_and_is_masked_in_each_form(backscope, role):
    backscope.postgres.sql(f"ALTER ROLE {role} PASSWORD 'p''w %41 /x'; GRANT scope TO {role}")
    backscope.write_env(POSTGRES_USER=role, POSTGRES_PASSWORD=quote(ODD, "").replace("'", "%27"))
    line = f"print({ODD!r}, {quote(ODD)!r}, {quote(ODD, '')!r})\n"
    append(backscope.folder / "flaskr/config.py", line)
    result = backscope.run("clear", VERBOSE="1", FAST="")
    assert result.code == 0, result
    assert backscope.ids() == []
    assert "*** *** ***" in result.said


@pytest.mark.parametrize("where", [".env", "the environment", "make's command line"])
def test_h25_a_dry_run_and_an_argument_list_do_not_show_it(backscope, where):
    """While a step runs; it is in make's own arguments only if it was typed there."""
    words, environ = [], {"POSTGRES_DISPOSABLE_DB": f"{backscope.name}_disposable"}
    backscope.write_env(POSTGRES_PASSWORD=PASSWORD if where == ".env" else "another")
    if where == "the environment":
        environ["POSTGRES_PASSWORD"] = PASSWORD
    elif where != ".env":
        words = [f"POSTGRES_PASSWORD={PASSWORD}"]
    shown = run(backscope, *MAKEFILE, "-n", "db-disposable", *words, **environ)
    assert "createdb" in shown.stdout
    environ = {**backscope.environ, **environ, "BEFORE": "createdb*", "DO": HANG}
    command = [*MAKEFILE, "db-disposable", *words]
    with Popen(command, cwd=backscope.folder, env=environ, stdout=PIPE, stderr=PIPE) as process:
        hanging = backscope.hung()
        lists = check_output(["ps", "-ww", "-eo", "args"], text=True).splitlines()
        os.kill(hanging, 9)
        said = str(process.communicate())
    assert PASSWORD not in shown.stdout + shown.stderr + said
    assert not [one for one in lists if PASSWORD in one and not one.startswith(MAKEFILE[0])]
