"""Whatever is drawn: only what is on the screen is touched, and what is secret stays so."""

import signal
from urllib.parse import quote, quote_plus, unquote

import pytest
from checkout import PASSWORD
from facts_of import settings_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from resetting import Refused
from resetting.settings import DEFAULTS, TARGET, read_settings

REDIRECT = ("PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGDATABASE", "PGPASSFILE", "PGSYSCONFDIR",
            "PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS", "FLASK_APP", "FLASK_ENV_FILE",
            "FLASK_SKIP_DOTENV", "FLASK_DB_UPGRADE_SQL", "FLASK_DB_INIT_DIRECTORY")  # fmt: skip
OURS = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGOPTIONS", "PGAPPNAME")
NAMES = st.sampled_from([*DEFAULTS, *REDIRECT, *OURS, "NAME"])
WORDS = st.sampled_from(["scope", "${NAME}", "5432"])
VALUES = st.text("ab1./:@%$ {}'\"\\NAME_", max_size=8) | WORDS
VARIABLES = st.dictionaries(NAMES, VALUES, max_size=6)
FEW = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


@settings(max_examples=150, **FEW)
@given(dotenv=VARIABLES, environ=VARIABLES)
def test_every_command_gets_the_settings_that_are_shown(tmp_path, dotenv, environ):
    """And nothing that leads libpq or Flask elsewhere, wherever it came from."""
    lines = [f"{name}={value}\n" for name, value in dotenv.items()]
    (tmp_path / ".env").write_text("POSTGRES_DB=scope\n" + "".join(lines))
    try:
        seen = read_settings(tmp_path, environ)
    except Refused:
        return
    child = seen.for_children()
    assert {name: child[name] for name in DEFAULTS} == seen.values
    assert seen.values["POSTGRES_DB"] == seen.database
    assert (child.get("PGHOST", ""), child.get("PGPORT", "")) == (seen.host, seen.port)
    assert child.get("PGUSER", "") == seen.user
    if seen.password:
        assert child["PGPASSWORD"] == seen.password
    assert not set(REDIRECT) - {"PGPASSFILE"} & set(child)
    assert "lock_timeout" in child["PGOPTIONS"]
    for name in TARGET:  # what the environment changes is on the screen
        if name in environ and environ[name] != {**DEFAULTS, **seen.dotenv}[name]:
            assert name in seen.overrides


@settings(max_examples=150, **FEW)
@given(
    secret=st.text("aZ9 é'\"\\%@:/?#+&\u2603", min_size=6, max_size=12),
    given_encoded=st.booleans(),
)
def test_a_password_is_shown_in_none_of_its_forms(secret, given_encoded):
    written = quote(secret, safe="") if given_encoded else secret
    seen = settings_of(POSTGRES_PASSWORD=written)
    for plain in {written, unquote(written)}:
        ways = [quote(plain), quote(plain, ""), quote_plus(plain), quote(plain, " +")]
        for form in [plain, repr(plain)[1:-1], ascii(plain)[1:-1], *ways]:
            assert form not in seen.mask(f"x://scope:{form}@host/scope"), form


# ------------------------------------------------------------ other databases, for real

STEPS = ("psql*", "dropdb*", "mv*", "createdb*", "flask db init", "flask db migrate",
         "flask db upgrade", "psql*COPY*")  # fmt: skip
FAULTS = ("FAIL", "KILL_BEFORE", "KILL_DURING", "KILL_AFTER", signal.SIGINT, signal.SIGTERM,
          signal.SIGHUP)  # fmt: skip
DRAWN = st.tuples(
    st.sampled_from([["--keep"], ["--carry"], ["--confirm"], ["--keep", "--force"]]),
    st.sampled_from(STEPS),
    st.sampled_from(FAULTS),
)
STRANGERS = ("other", "{}_other", "{}.~1~x", "x{}.~1~", "{}.~01~")  # their names look alike


@pytest.fixture
def strangers(backscope):
    """Give databases that are nobody's business, with what they hold."""
    names = [one.format(backscope.name) for one in STRANGERS]
    for name in names:
        backscope.postgres.sql(f'CREATE DATABASE "{name}" TEMPLATE {backscope.name} OWNER scope')

    def content():
        oids = backscope.postgres.databases()
        return {name: (oids.get(name), backscope.postgres.rows(name)) for name in names}

    yield content
    for name in names:
        backscope.postgres.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def break_and_mend(backscope, flags, step, fault):
    """Run a rebuild with a fault in a step; then the same command has to complete."""
    words = ["rebuild", *flags, *([backscope.name] if flags == ["--confirm"] else [])]
    if isinstance(fault, str):
        backscope.start(*words, **{fault: step}, **backscope.fast).communicate()
    else:
        do = f"kill -{fault.value} $PPID; sleep 9 & wait"
        backscope.start(*words, INSTEAD=step, DO=do, **backscope.fast).communicate()
    backscope.trace.unlink(missing_ok=True)
    for _ in range(50):
        result = backscope.run(*words, **backscope.fast)
        if "Another reset" not in result.err and "in the way" not in result.err:
            break
    assert result.code == 0, result


def check(backscope, strangers, drawn):
    """Have a fault, and see that nobody else's rows and none that are kept were touched."""
    if not backscope.sql("SELECT * FROM sequences"):
        backscope.fill()
    old, others = backscope.mine()[backscope.name], strangers()
    break_and_mend(backscope, *drawn)
    assert strangers() == others
    kept = {oid: name for name, oid in backscope.mine().items()}.get(old)
    assert (kept is None) == (drawn[0] == ["--confirm"])
    if kept:
        assert len(backscope.postgres.rows(kept)["sequences"]) == 3


@settings(max_examples=2, phases=[Phase.generate], derandomize=True, **FEW)
@given(drawn=DRAWN)
@pytest.mark.slow
def test_no_fault_touches_another_database(backscope, strangers, drawn):
    check(backscope, strangers, drawn)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=12, phases=[Phase.generate], **FEW)
@given(drawn=DRAWN)
def test_no_fault_at_all_touches_another_database(backscope, strangers, drawn):
    check(backscope, strangers, drawn)


@pytest.mark.slow
def test_no_environment_touches_another_database(backscope, strangers):
    """The same names in all places at once; PASSWORD is the only one that is right."""
    others = strangers()
    noise = {name: "other" for name in REDIRECT if name not in ("PGPASSFILE", "FLASK_APP")}
    (backscope.folder / "flaskr/.env").write_text("".join(f"{n}=other\n" for n in noise))
    result = backscope.run("clear", "A1", PGPASSWORD="x" + PASSWORD, **noise)
    assert result.code == 0, result
    assert backscope.run("rebuild", "--keep", **noise, **backscope.fast).code == 0
    assert backscope.run("undo", **noise).code == 0
    assert len(backscope.sql("SELECT * FROM sequences")) == 2
    assert strangers() == others
