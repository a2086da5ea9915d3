"""Whatever a database is called, it is that one, or it is refused (H8, H26)."""

import os
import runpy
import string
import subprocess
from unittest import mock

import pytest
from checkout import PASSWORD, ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from resetting import Refused
from resetting.commands import createdb, dropdb, identifier, numbered, psql, rename
from resetting.misfits import settings_unfit
from resetting.settings import read_settings

ELSEWHERE = runpy.run_path(str(ROOT / "resetting/inside/backscope_probe.py"))["elsewhere"]
LISTED = ("My DB", 'a"b', "q'uote", "-dash", "a=b", "postgresql://x", "ünï", "$HOME;`id`\\")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
URLISH = st.text(string.ascii_letters + "?@/#%:=&+ '\"\\-", max_size=12)


@pytest.fixture
def unnamed(fresh):
    """Give a checkout whose database is named by the environment, and remove what is made."""
    fresh.write_env(POSTGRES_DB=None)
    before = set(fresh.postgres.databases())
    yield fresh
    for made in set(fresh.postgres.databases()) - before:
        fresh.postgres.sql(f"DROP DATABASE {identifier(made)}")


@pytest.mark.slow
def test_h26_each_name_by_hand_works(unnamed):
    postgres, before = unnamed.postgres, set(unnamed.postgres.databases())
    table = "CREATE TABLE sequences (id text, values text, values_requested bool)"
    for name in LISTED:
        postgres.sql(f"CREATE DATABASE {identifier(name)} OWNER scope")
        oid = postgres.databases()[name]
        result = unnamed.run("disposable", POSTGRES_DB="main", POSTGRES_DISPOSABLE_DB=name)
        assert result.code == 0, result
        assert [call.split()[0] for call in result.trace] == ["dropdb", "createdb"]
        assert set(postgres.databases()) - before == {name}
        assert postgres.databases()[name] != oid
        postgres.sql(table, name)
        postgres.sql("INSERT INTO sequences VALUES ('A000001'), ('A000002')", name)
        postgres.sql("ALTER TABLE sequences OWNER TO scope", name)
        result = unnamed.run("clear", "A1", f"--confirm={name}", POSTGRES_DB=name)
        assert result.code == 0, result
        assert postgres.sql("SELECT id FROM sequences", name) == [("A000002",)]
        postgres.sql(f"DROP DATABASE {identifier(name)}")


@pytest.mark.slow
def test_h26_a_whole_rebuild_and_undo_of_an_awkward_name(unnamed):
    name = "My \"q'uote"
    for action in (["rebuild"], ["rebuild", "--keep"], ["undo"], ["clear", f"--confirm={name}"]):
        result = unnamed.run(*action, POSTGRES_DB=name)
        assert result.code == 0, result
    assert {name, f"{name}.~1~"} <= set(unnamed.postgres.databases())


def test_h8_a_name_that_leads_elsewhere_is_refused(unnamed):
    unnamed.postgres.sql('CREATE DATABASE "a?b" OWNER scope')
    unnamed.postgres.sql('CREATE DATABASE "x%41y" OWNER scope')
    assert "POSTGRES_DB holds the character ?" in unnamed.refused("clear", POSTGRES_DB="a?b").err
    if make_url("postgresql://h/x%41y").database != "x%41y":  # SQLAlchemy 2.1 unquotes it
        for action in (["clear"], ["clear", "A1"], ["rebuild"]):
            assert "Flask would open xAy" in unnamed.refused(*action, POSTGRES_DB="x%41y").err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("names")


def read(folder, postgres, environ, dotenv=""):
    base = f"POSTGRES_HOST={postgres.host}\nPOSTGRES_PORT={postgres.port}\nPOSTGRES_USER=scope\n"
    (folder / ".env").write_bytes((base + dotenv).encode())
    seen = read_settings(folder, environ)
    found = list(settings_unfit(seen))
    if found:
        raise Refused(*found)
    return seen


def url_of(seen):
    """Give Backscope's URL, and whether the probe finds that it leads where it should."""
    names = ("USER", "PASSWORD", "HOST", "PORT", "DB")
    user, password, host, port, name = (seen.values[f"POSTGRES_{word}"] for word in names)
    url = f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{name}"
    with mock.patch.dict(os.environ, seen.values):
        return url, ELSEWHERE(url) is None


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.one_of(TEXT, URLISH), by_dotenv=st.booleans())
def test_any_name_is_exactly_that_database_or_refused(folder, postgres, name, by_dotenv):
    dotenv, environ = "", {"POSTGRES_PASSWORD": PASSWORD}
    if by_dotenv:
        escaped = name.replace("\\", "\\\\").replace("'", "\\'")
        dotenv = f"POSTGRES_DB='{escaped}'\n"
    else:
        environ["POSTGRES_DB"] = name
    try:
        seen = read(folder, postgres, environ, dotenv)
    except Refused:
        return
    if by_dotenv and seen.database != name:
        assert "${" in name or "\r" in name  # python-dotenv's interpolation, as Backscope has it
        name = seen.database
    assert seen.database == name
    url, ours = url_of(seen)
    before = postgres.databases()
    if not ours or name in before:
        return
    url = make_url(url)
    assert (url.database, url.host, str(url.port)) == (name, postgres.host, postgres.port)
    child = {**seen.for_children(), "PATH": os.environ["PATH"]}

    def run(step):
        words = [f"{postgres.bin}/{step.argv[0]}", *step.argv[1:]]
        return subprocess.run(words, env=child, check=True, capture_output=True, text=True).stdout

    run(createdb(name))
    try:
        assert set(postgres.databases()) - set(before) == {name}
        assert name in run(psql(name, "SELECT current_database()"))
        if len(name.encode()) < 60:
            kept = numbered(name, 7)
            for old, new in ((name, kept), (kept, name)):
                run(rename((old, new)))
                assert set(postgres.databases()) - set(before) == {new}
    finally:
        run(dropdb(name))
    assert postgres.databases() == before


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(user=URLISH, password=st.one_of(TEXT, URLISH).map(lambda text: text and f"q{text}q"))
def test_any_user_and_password_arrive_in_the_url_or_are_refused(folder, postgres, user, password):
    environ = {"POSTGRES_DB": "scope", "POSTGRES_USER": user, "POSTGRES_PASSWORD": password}
    try:
        seen = read(folder, postgres, environ)
    except Refused as refused:
        for finding in refused.findings:
            assert not password or password not in finding.what + finding.mend
        return
    url, ours = url_of(seen)
    if ours:  # then the tool and Flask log in alike
        parsed = make_url(url)
        theirs = (parsed.username, parsed.password or "", parsed.database)
        assert theirs == (seen.user, seen.password, "scope")


def test_the_tool_needs_no_more_than_it_says():
    wanted = (ROOT / "requirements.txt").read_text()
    for pin in ("python-dotenv >= 1.0.1", "psycopg2-binary >= 2.9.9"):
        assert pin in wanted
