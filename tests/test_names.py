"""Whatever a database is called, it is that one, or it is refused (H8, H26)."""

import os
import string
import subprocess

import pytest
from conftest import PASSWORD, ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

import backscope_reset as tool

LISTED = [
    *("My DB", 'a"b', "q'uote", "-dash", "a=b", "postgresql://x", "ünï", "x%41y", "a/b"),
    *("a\\b", "--help", "$HOME;`id`", " lead", "a:b@c"),
]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
URLISH = st.text(string.ascii_letters + "?@/#%:=&+ '\"\\-", max_size=12)


@pytest.mark.parametrize("name", LISTED)
def test_each_name_by_hand_works(fresh, name):
    """The whole rebuild and clear; test_any_name does the same for what nobody thought of."""
    fresh.write_env(POSTGRES_DB=None)
    before = set(fresh.postgres.databases())
    stub = {"INSTEAD": "flask*", "DO": "exit 5", "POSTGRES_DB": name}
    quoted = name.replace('"', '""')
    fresh.postgres.sql(f'CREATE DATABASE "{quoted}" OWNER scope')
    oid = fresh.postgres.databases()[name]
    try:
        result = fresh.run("rebuild", f"--confirm={name}", **stub)
        if make_url(f"postgresql+psycopg2://h/{name}").database != name:
            assert "%" in name  # SQLAlchemy 2.1 unquotes it, 2.0 does not
            assert "Flask would open" in result.err
            for action in (["clear"], ["clear", "A1"]):
                assert "Flask would open" in fresh.refused(*action, POSTGRES_DB=name).err
            assert fresh.postgres.databases()[name] == oid
            return
        assert result.code == 1, result
        assert [call.split()[0] for call in result.trace] == ["dropdb", "createdb", "flask"]
        assert set(fresh.postgres.databases()) - before == {name}
        assert fresh.postgres.databases()[name] != oid
        fresh.postgres.sql(
            "CREATE TABLE sequences (id text, values text, values_requested bool)", name
        )
        fresh.postgres.sql("INSERT INTO sequences VALUES ('A000001'), ('A000002')", name)
        fresh.postgres.sql("ALTER TABLE sequences OWNER TO scope", name)
        result = fresh.run("clear", "A1", f"--confirm={name}", POSTGRES_DB=name)
        assert result.code == 0, result
        assert fresh.postgres.sql("SELECT id FROM sequences", name) == [("A000002",)]
    finally:
        for made in set(fresh.postgres.databases()) - before:
            quoted = made.replace('"', '""')
            fresh.postgres.sql(f'DROP DATABASE "{quoted}"')


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("names")


def read(folder, postgres, environ, dotenv=""):
    base = f"POSTGRES_HOST={postgres.host}\nPOSTGRES_PORT={postgres.port}\nPOSTGRES_USER=scope\n"
    (folder / ".env").write_bytes((base + dotenv).encode())
    return tool.read_settings(folder, environ)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
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
    except tool.Refused:
        return
    if by_dotenv and seen.database != name:
        assert "${" in name or "\r" in name  # python-dotenv's interpolation, as Backscope has it
        name = seen.database
    assert seen.database == name
    url = make_url(seen.url)  # what SQLAlchemy makes of Backscope's URL
    target = {"dbname": url.database, "host": url.host, "port": str(url.port), "user": url.username}
    if not tool.proved(seen, {"target": target}):
        assert "%" in name  # and so it is refused
        return
    before = postgres.databases()
    if name in before:
        return
    child = {**tool.child_environment(seen, os.environ), "PATH": os.environ["PATH"]}
    run = {"env": child, "check": True, "capture_output": True, "text": True}
    subprocess.run([f"{postgres.bin}/{tool.named('createdb', name)[0]}",
                    *tool.named("createdb", name)[1:]], **run)  # fmt: skip
    try:
        assert set(postgres.databases()) - set(before) == {name}
        step = tool.psql(name, "SELECT current_database();")
        out = subprocess.run([f"{postgres.bin}/psql", "-At", *step.argv[1:]], input=step.sql, **run)
        assert out.stdout == name + "\n"
        if len(name.encode()) < 60:
            for renames, now in ((("name", "kept"), f"{name}.~7~"), (("kept", "name"), name)):
                step = tool.rename(name, 7, False, renames)
                subprocess.run([f"{postgres.bin}/psql", *step.argv[1:]], input=step.sql, **run)
                assert set(postgres.databases()) - set(before) == {now}
    finally:
        subprocess.run([f"{postgres.bin}/dropdb", *tool.named("dropdb", name)[1:]], **run)
    assert postgres.databases() == before


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(user=URLISH, password=st.one_of(TEXT, URLISH))
def test_any_user_and_password_arrive_in_the_url_or_are_refused(folder, postgres, user, password):
    environ = {"POSTGRES_DB": "scope", "POSTGRES_USER": user, "POSTGRES_PASSWORD": password}
    try:
        seen = read(folder, postgres, environ)
    except tool.Refused as refused:
        for finding in refused.args:
            assert len(password) < 4 or password not in finding.what + finding.mend
        return
    url = make_url(seen.url)
    assert (url.username, url.password or "", url.database) == (user, password, "scope")


def test_the_tool_needs_no_more_than_it_says():
    wanted = (ROOT / "requirements.txt").read_text()
    for pin in ("python-dotenv >= 1.0.1", "psycopg2-binary >= 2.9.9"):
        assert pin in wanted
