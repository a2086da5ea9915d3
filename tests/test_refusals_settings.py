"""What is wrong with the settings (H3 to H9, H31) is refused, by every procedure."""

import pytest
from checkout import PASSWORD, edit
from test_environment import VERBS


def test_h3_no_dotenv(backscope):
    (backscope.folder / ".env").rename(backscope.folder.parent / ".env")  # a parent's
    for verb in VERBS:
        error = backscope.refused(verb).err
        assert "There is no .env in" in error
        assert "cp " in error
    (backscope.folder / ".env").mkdir()
    assert ".env is no file" in backscope.refused("clear").err


@pytest.mark.slow
def test_h4_no_name_or_the_servers_own(backscope):
    before = backscope.postgres.databases()
    for name in (None, "", "postgres", "template0", "template1"):
        backscope.write_env(POSTGRES_DB=name)
        for action in (["clear"], ["rebuild", "--confirm", name or ""]):
            assert "POSTGRES_DB is" in backscope.refused(*action).err
    backscope.write_env(POSTGRES_DISPOSABLE_DB="postgres")
    assert "POSTGRES_DISPOSABLE_DB is postgres" in backscope.refused("disposable").err
    assert backscope.postgres.databases() == before


def test_h5_the_environment_wins_and_is_shown(backscope):
    other = backscope.name + "_other"
    backscope.postgres.sql(f"CREATE DATABASE {other} TEMPLATE model OWNER scope")
    backscope.sql("INSERT INTO searches (term) VALUES ('a')", database=other)
    error = backscope.refused("clear", "--confirm", backscope.name, POSTGRES_DB=other).err
    assert f"CONFIRM is {backscope.name}, but the target is {other}." in error
    result = backscope.refused("clear", POSTGRES_DB=other)  # it asks, and nobody answers
    assert f"POSTGRES_DB={other} is from the environment, .env says {backscope.name}" in result.out
    assert f"make db-clear POSTGRES_DB={other} CONFIRM={other}" in result.err
    assert backscope.run("clear", "--confirm", other, POSTGRES_DB=other).code == 0
    assert len(backscope.sql("SELECT * FROM sequences")) == 3
    assert backscope.sql("SELECT * FROM searches", database=other) == []


@pytest.mark.slow
def test_h6_the_testing_environment(backscope):
    backscope.write_env(APP_ENVIRONMENT="testing", POSTGRES_DISPOSABLE_DB="dis_posable")
    for verb in set(VERBS) - {"status", "disposable"}:
        error = backscope.refused(verb).err
        assert "APP_ENVIRONMENT is testing" in error
        assert "POSTGRES_DB=dis_posable # is about dis_posable" in error


@pytest.mark.slow
def test_h7_an_unknown_environment(backscope):
    for name in ("staging", "", "Development"):
        backscope.write_env(APP_ENVIRONMENT=name)
        error = backscope.refused("clear").err
        assert "which this Backscope does not know" in error
        assert "development, production, testing" in error
    error = backscope.refused("rebuild", "--confirm", backscope.name).err
    assert "which this Backscope does not know" in error


@pytest.mark.slow
def test_h8_characters_that_mean_something_in_a_url(backscope):
    for variable, character in (("DB", "?"), ("PASSWORD", "@"), ("USER", ":"), ("HOST", "/")):
        backscope.write_env(**{f"POSTGRES_{variable}": f"xy{character}zzy"})
        error = backscope.refused("clear").err
        assert f"POSTGRES_{variable} holds the character {character}" in error
        assert variable != "PASSWORD" or "zzy" not in error
    confirm = ["--confirm", backscope.name + "@" + f"xy{character}zzy"]
    assert "POSTGRES_HOST holds the character /" in backscope.refused("rebuild", *confirm).err


def test_h8_a_password_that_works_by_hand_works(backscope, role):
    backscope.postgres.sql(f"ALTER ROLE {role} PASSWORD 'x%y A'")
    for table in ("sequences", "searches", '"user"', "alembic_version"):
        backscope.sql(f"ALTER TABLE {table} OWNER TO {role}")
    backscope.sql(f"GRANT CREATE ON SCHEMA public TO {role}")
    backscope.write_env(POSTGRES_USER=role, POSTGRES_PASSWORD="x%25y %41")
    result = backscope.run("clear")
    assert result.code == 0, result
    assert backscope.sql("SELECT * FROM sequences") == []


@pytest.mark.inside
def test_h9_flask_opens_another_database(backscope):
    config = backscope.folder / "flaskr/config.py"
    text = config.read_text()
    for old, new, shown in (
        ('os.getenv("POSTGRES_DB", "postgres")', '"elsewhere"', "elsewhere on"),
        ('os.getenv("POSTGRES_HOST", "localhost")', '"example.invalid"', "example.invalid:"),
        ('os.getenv("POSTGRES_PORT", 5432)', "5999", ":5999"),
        ('os.getenv("POSTGRES_USER", "postgres")', '"boss"', "as boss"),
        ("{port}/{database}", "{port}/{database}?host=/tmp", "on /tmp:"),
    ):
        edit(config, old, new)
        error = backscope.refused("clear").err
        assert "Flask would open" in error
        assert shown in error
        assert f"the settings say {backscope.name} on" in error
        config.write_text(text)
    edit(config, "postgresql+psycopg2://{user}", "nonsense {user}")
    error = backscope.refused("rebuild", "--confirm", backscope.name).err
    assert PASSWORD not in error
    assert "Flask would open" in error


def test_h31_lines_that_do_not_parse(backscope):
    path = backscope.folder / ".env"
    good = path.read_text()
    for text, line in (
        (good + "\nthis is no=assignment'\n", "line 8"),
        (good.replace("POSTGRES_HOST=", "POSTGRES_HOST ~ "), "line 4"),
        (good + "POSTGRES_HOST\n", "line 7"),
        ("\ufeff" + good, "line 1"),
    ):
        path.write_text(text, encoding="utf-8")
        error = backscope.refused("clear").err
        assert line in error
        assert "assignment" not in error
    path.write_bytes(good.encode() + b"X=\xff\n")
    assert "at line 7" in backscope.refused("clear").err


@pytest.mark.slow
def test_h31_a_port_that_is_none(backscope):
    for port in ("", "65536", "five", "\u0665", "-1"):
        backscope.write_env(POSTGRES_PORT=port)
        assert "POSTGRES_PORT is no port number" in backscope.refused("clear").err


@pytest.mark.slow
def test_an_empty_user_and_odd_hosts(backscope):
    for change, said in (
        ({"POSTGRES_USER": ""}, "POSTGRES_USER is empty"),
        ({"POSTGRES_HOST": "[::1]"}, f"[::1]:{backscope.postgres.port}"),
        ({"POSTGRES_HOST": "::1"}, "POSTGRES_HOST='[::1]'"),
        ({"POSTGRES_HOST": "/tmp"}, "export PGHOST=/tmp"),
        ({"POSTGRES_HOST": "one,two"}, "names several servers"),
    ):
        backscope.write_env(**change)
        assert said in backscope.refused("clear").err


def test_all_findings_are_reported_together(backscope, role):
    backscope.write_env(POSTGRES_USER=role)
    (backscope.folder / "migrations").rename(backscope.folder / "elsewhere")
    (backscope.folder / "migrations").write_text("")
    with backscope.as_scope():
        error = backscope.refused("rebuild", "--confirm", "wrong").err
    for part in ("CONFIRM is wrong", "CREATEDB", "is owned by", "in the way", "is no folder"):
        assert part in error


@pytest.mark.slow
def test_confirm_must_be_right_even_if_nothing_asks(backscope):
    for action in (["unflag"], ["rebuild", "--keep"], ["undo"], ["clear", "A1"]):
        assert "CONFIRM is" in backscope.refused(*action, "--confirm", "").err
    for wrong in (backscope.name + " ", backscope.name.upper()):
        assert "CONFIRM is" in backscope.refused("clear", "--confirm", wrong).err
