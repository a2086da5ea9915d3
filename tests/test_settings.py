"""Where Backscope is and which database it uses, read as Backscope reads it; purely."""

import os
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from facts_of import SECRET, settings_of, wish_of
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from psycopg2.extensions import parse_dsn

from resetting import Refused
from resetting.backscope import find_checkout
from resetting.envfile import read_dotenv
from resetting.settings import APPLICATION, DEFAULTS, EXACT, PATIENCE, read_settings


@pytest.fixture
def dotenv(tmp_path, monkeypatch):
    """Read a .env with this text, in this environment, as Backscope's processes have it."""

    def read(text, **environ):
        for name in list(os.environ):
            monkeypatch.delenv(name)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / ".env").write_bytes(data)
        return read_settings(tmp_path, environ)

    return read


def refusal(function, *arguments, **more):
    """The one finding of what is refused."""
    with pytest.raises(Refused) as refused:
        function(*arguments, **more)
    (finding,) = refused.value.findings
    return finding


def test_what_is_not_said_is_backscopes_default(dotenv):
    settings = dotenv("")
    assert dict(settings.values) == DEFAULTS
    assert (settings.host, settings.port, settings.user) == ("localhost", "5432", "postgres")
    assert (settings.password, settings.environment) == ("root", "development")
    assert settings.origin("POSTGRES_DB") == "default"
    assert settings.overrides == []


def test_h5_h51_the_environment_wins_over_dotenv_and_that_is_known(dotenv):
    text = "POSTGRES_DB='scope'\nPOSTGRES_PORT=5433\nexport POSTGRES_USER=me # who\n"
    settings = dotenv(text, POSTGRES_DB="other", POSTGRES_HOST="db.example", POSTGRES_USER="me")
    assert (settings.database, settings.port, settings.host) == ("other", "5433", "db.example")
    assert settings.overrides == ["POSTGRES_DB", "POSTGRES_HOST"]  # the user is the same
    assert settings.origin("POSTGRES_DB") == settings.origin("POSTGRES_USER") == "the environment"
    assert settings.origin("POSTGRES_PORT") == ".env"
    assert settings.change("POSTGRES_DB").startswith("unset POSTGRES_DB ")
    assert settings.change("POSTGRES_PORT").startswith("${EDITOR:-vi} ")


def test_an_empty_value_in_the_environment_wins_too(dotenv):
    assert dotenv("POSTGRES_DB=scope", POSTGRES_DB="").database == ""


def test_h3_no_dotenv_is_refused_with_the_example(tmp_path):
    finding = refusal(read_dotenv, tmp_path / ".env", ())
    assert "There is no .env in" in finding.what
    command = finding.mend.split(" && ")[0].split()
    assert command[0] == "cp"
    assert Path(command[1]).expanduser().is_file()


def test_h54_a_fifo_and_a_folder_are_not_read(tmp_path):
    os.mkfifo(tmp_path / ".env")  # opening it would wait for ever
    assert "is no file" in refusal(read_dotenv, tmp_path / ".env", ()).what
    (tmp_path / "folder").mkdir()
    assert "is no file" in refusal(read_dotenv, tmp_path / "folder", ()).what
    (tmp_path / "dangling").symlink_to("nowhere")
    assert "is no file" in refusal(read_dotenv, tmp_path / "dangling", ()).what


def test_a_dotenv_that_may_not_be_read(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("POSTGRES_DB=scope")

    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    finding = refusal(read_settings, tmp_path, {})
    assert finding.what == ".env cannot be read: Permission denied."


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("POSTGRES_DB=scope\nPOSTGRES_PASSWORD='pw-sEcret\n", "2"),
        ("\n\n POSTGRES DB=pw-sEcret\n", "3"),
        ("POSTGRES_DB\n", "1"),  # no value at all
        ("POSTGRES_DB=a\n='pw-sEcret'\n\n'pw-sEcret", "2, 4"),
        (b"A=1\nPOSTGRES_DB=\xff pw-sEcret\n", "2"),
        (b"\xef\xbb\xbfPOSTGRES_DB=pw-sEcret\n", "1"),  # the mark is a part of the name
    ],
)
def test_h31_a_line_that_does_not_parse_is_named_by_its_number(dotenv, text, lines):
    finding = refusal(dotenv, text)
    assert f"does not parse at line {lines}," in finding.what
    assert "sEcret" not in finding.what + finding.mend


def test_a_line_that_is_not_backscopes_may_be_odd(dotenv):
    assert dotenv("# a comment\n\nSOMETHING\nPOSTGRES_DB=scope\n").database == "scope"


def test_h36_what_two_readings_expand_differently_is_refused(dotenv):
    text = "NAME=precious\nPOSTGRES_DB=${NAME}\nPOSTGRES_USER=${WHO:-me}\n"
    finding = refusal(dotenv, text, NAME="scope", WHO="you")
    assert "POSTGRES_DB in .env holds a ${…}" in finding.what
    assert "POSTGRES_USER" not in finding.what
    assert dotenv(text).database == "precious"
    assert dotenv(text, NAME="precious").user == "me"
    assert dotenv(text, NAME="scope", POSTGRES_DB="scope").database == "scope"


def test_h5_what_the_environment_says_through_dotenv_is_the_environments(dotenv, monkeypatch):
    text = "POSTGRES_DB=${NAME:-scope}\nPOSTGRES_HOST=${WHERE}\n"
    assert dotenv(text).overrides == []
    settings = dotenv(text, NAME="other", WHERE="db.example")
    assert settings.database == "other"
    assert settings.overrides == ["POSTGRES_DB", "POSTGRES_HOST"]
    assert settings.origin("POSTGRES_DB") == "the environment"
    assert settings.dotenv["POSTGRES_DB"] == "scope"
    assert os.environ["NAME"] == "other"  # it was only away for the reading


def test_h32_h51_the_folder_of_the_socket_is_a_setting_too(dotenv):
    text = "POSTGRES_HOST=\nPGHOST=/run/a\n"
    assert (dotenv(text).host, dotenv(text).overrides) == ("/run/a", [])
    settings = dotenv(text, PGHOST="/run/b")
    assert (settings.host, settings.overrides) == ("/run/b", ["PGHOST"])
    assert dotenv("POSTGRES_HOST=\n", PGHOST="/run/b").overrides == []
    assert dotenv("POSTGRES_HOST=h\nPGHOST=/run/a\n", PGHOST="/run/b").overrides == []


@pytest.mark.parametrize(
    ("value", "host", "where", "local"),
    [
        ("localhost", "localhost", "localhost:5432", True),
        ("127.0.0.7", "127.0.0.7", "127.0.0.7:5432", True),
        ("[::1]", "::1", "[::1]:5432", True),
        ("db.example", "db.example", "db.example:5432", False),
        ("[2001:db8::1]", "2001:db8::1", "[2001:db8::1]:5432", False),
        ("", "", "the socket in the default folder, port 5432", True),  # H32
    ],
)
def test_h29_where_the_server_is(dotenv, value, host, where, local):
    settings = dotenv(f"POSTGRES_DB=scope\nPOSTGRES_HOST='{value}'\n")
    assert (settings.host, settings.where, settings.local) == (host, where, local)
    assert settings.answer == ("scope" if local else f"scope@{host}")


def test_h32_an_empty_host_is_libpqs_own(dotenv):
    settings = dotenv("POSTGRES_HOST=\nPGHOST=/run/a\n")
    assert (settings.host, settings.local) == ("/run/a", True)
    assert settings.where == "the socket in /run/a, port 5432"
    assert dotenv("POSTGRES_HOST=\nPGHOST=/run/a\n", PGHOST="/run/b").host == "/run/b"


REDIRECTING = (
    *("PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGDATABASE", "PGPASSFILE"),
    *("PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS", "PG_COLOR"),
    *("FLASK_APP", "FLASK_ENV_FILE", "FLASK_SKIP_DOTENV", "FLASK_DB_DIRECTORY"),
)


def test_h27_h35_h37_children_get_what_was_shown_and_nothing_that_redirects():
    astray = {
        **dict.fromkeys(REDIRECTING, "elsewhere"),
        "PGHOST": "x",
        "PGPORT": "1",
        "PGUSER": "x",
    }
    kept = {"PGSSLMODE": "require", "PG_BIN": "/opt", "PATH": "/bin", "FLASK_DEBUG": "1", "PGX": ""}
    settings = settings_of({**astray, **kept, "PGOPTIONS": "-c role=x"}, **astray, PGSSLCERT="c")
    children = settings.for_children()
    assert not set(REDIRECTING) & set(children)
    assert {name: children[name] for name in DEFAULTS} == dict(settings.values)
    assert (children["PGHOST"], children["PGPORT"], children["PGUSER"]) == (
        "localhost", "5432", "scope")  # fmt: skip
    assert (children["PGPASSWORD"], children["PGAPPNAME"]) == (SECRET, APPLICATION)
    assert children["PGOPTIONS"] == f"{PATIENCE} {EXACT}"
    assert PATIENCE.startswith("-c lock_timeout=5s ")  # H12
    assert (children["PGSSLMODE"], children["PGSSLCERT"]) == ("require", "c")
    assert (children["PG_BIN"], children["PATH"], children["FLASK_DEBUG"]) == ("/opt", "/bin", "1")
    assert "PGX" not in children


def test_the_looking_connection_has_the_same_environment(monkeypatch):
    monkeypatch.setattr(os, "environ", {"PGSERVICE": "elsewhere"})
    settings_of().adopt()
    assert os.environ == settings_of().for_children()


def test_an_empty_password_leaves_the_choice_to_the_users_own_file():
    own = {"PGPASSFILE": "/home/a/.pgpass", "PGPASSWORD": "b"}
    children = settings_of(own, POSTGRES_PASSWORD="").for_children()
    assert {name: children[name] for name in own} == own
    assert settings_of(own).for_children()["PGPASSWORD"] == SECRET
    assert "PGHOST" not in settings_of(POSTGRES_HOST="", host="").for_children()


def test_h8_user_and_password_are_unquoted_as_sqlalchemy_does():
    settings = settings_of(POSTGRES_USER="a%40b", POSTGRES_PASSWORD="x%2Fy%%")
    assert (settings.user, settings.password) == ("a@b", "x/y%%")
    assert settings.for_children()["PGPASSWORD"] == "x/y%%"
    assert settings.for_children()["POSTGRES_PASSWORD"] == "x%2Fy%%"  # Flask reads it itself


@examples(max_examples=60)
@given(st.text("pW7@/%?#:+ '\"\\é", min_size=3, max_size=9))
def test_h52_a_password_is_masked_however_it_is_written(password):
    settings = settings_of(POSTGRES_PASSWORD=password)
    for plain in (password, settings.password):
        ways = (quote(plain), quote(plain, ""), quote(plain, " +"), quote_plus(plain))
        for written in (plain, repr(plain)[1:-1], *ways):
            masked = settings.mask(f"could not connect to <{written}>")
            assert masked.startswith("could not connect to <")
            assert written not in masked


def test_h52_what_is_not_secret_is_not_masked():
    assert settings_of().mask(f"x{SECRET}y {SECRET}") == "x***y ***"
    assert settings_of(POSTGRES_PASSWORD="scope").mask("role scope") == "role scope"
    assert settings_of(POSTGRES_PASSWORD="").mask("role scope") == "role scope"


def test_h25_no_secret_in_what_python_shows_of_settings():
    assert SECRET not in repr(settings_of({"POSTGRES_PASSWORD": SECRET, "PGPASSWORD": SECRET}))


NAMES = st.text("ab '\"\\=$`é-", min_size=1, max_size=6)


@given(name=NAMES, user=NAMES)
def test_h56_a_connection_string_for_another_shell_leads_here(name, user):
    settings = settings_of(POSTGRES_USER=user)
    expected = {"host": "localhost", "port": "5432", "user": user, "dbname": name}
    assert parse_dsn(settings.conninfo(name)) == expected
    del expected["user"]
    assert parse_dsn(settings.conninfo(name, role=False)) == expected


def test_h56_commands_that_are_typed_elsewhere_say_where_they_go():
    settings = settings_of(POSTGRES_HOST="db.example")
    assert settings.client("dropdb", "-a b") == (
        "dropdb -h db.example -p 5432 -U scope -- '-a b'")  # fmt: skip
    assert settings.psql("postgres", 'X "y"') == (
        "psql 'host=db.example port=5432 user=scope dbname=postgres' -c 'X \"y\"'")  # fmt: skip
    assert settings.superuser("X") == (
        "psql 'host=db.example port=5432 dbname=postgres' -c X   as a superuser")  # fmt: skip
    assert settings_of(POSTGRES_HOST="", host="").client("dropdb", "a").startswith("dropdb -p 5432")


def test_a_folder_that_is_no_checkout(tmp_path):
    for folder in (str(tmp_path), "", str(tmp_path / "a b")):
        finding = refusal(find_checkout, wish_of(folder=folder))
        assert "is no Backscope checkout" in finding.what
        assert "BACKSCOPE_DIR=" in finding.mend
    (tmp_path / "flaskr").mkdir()
    (tmp_path / "flaskr" / "config.py").touch()
    assert find_checkout(wish_of(folder=str(tmp_path / "x" / ".."))) == tmp_path.resolve()
    finding = refusal(
        find_checkout, wish_of("clear", folder=str(tmp_path / "flaskr"))
    )  # one that is near is named
    assert finding.mend == f"make db-status BACKSCOPE_DIR={tmp_path.resolve()}   names the checkout"


def test_what_make_was_told_is_not_to_be_unset():
    told = settings_of({"POSTGRES_PORT": "1", "RESET_VARIABLES": "POSTGRES_PORT FORCE"})
    assert told.origin("POSTGRES_PORT") == "make's command line"
    assert told.change("POSTGRES_PORT").startswith("   without POSTGRES_PORT=, or")
    assert settings_of({"POSTGRES_PORT": "1"}).change("POSTGRES_PORT").startswith("unset ")


def test_python_does_not_wait_at_the_end_of_a_step():
    assert "PYTHONINSPECT" not in settings_of({"PYTHONINSPECT": "1"}).for_children()
