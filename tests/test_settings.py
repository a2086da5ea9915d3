"""Which database it is: what Backscope would read, in .env and in the environment."""

import pytest


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def test_h3_without_dotenv_nothing_is_guessed(backscope):
    (backscope.folder / ".env").rename(backscope.folder.parent / ".env")  # a parent's is none
    assert "\n      cp " in backscope.refused("rebuild", "--keep").err


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda text: text + b"this is no=pw-other'\n", "line 7"),
        (lambda text: text + b"\n# a comment\n\nPOSTGRES_HOST\n", "line 10"),
        (lambda text: text.replace(b"POSTGRES_HOST=", b"POSTGRES_HOST ~ pw-other"), "line 4"),
        (lambda text: text + b"# caf\xe9\n", "not in UTF-8, at line 7"),
        (lambda text: text.decode().encode("utf-16"), "not in UTF-8, at line 1"),
    ],
)
def test_h31_h65_a_line_that_is_not_understood_is_named_by_its_number(backscope, change, words):
    path = backscope.folder / ".env"
    path.write_bytes(change(path.read_bytes()))
    error = backscope.refused("clear").err
    assert words in error
    assert "pw-other" not in error


def test_h4_h31_no_name_one_of_postgresqls_own_and_a_port_that_is_none(backscope):
    before = backscope.postgres.databases()
    for name in (None, "postgres", "template0"):
        backscope.write_env(POSTGRES_DB=name)
        assert "POSTGRES_DB is" in backscope.refused("rebuild", CONFIRM=name or "").err
    backscope.write_env(POSTGRES_DISPOSABLE_DB="postgres")
    assert "POSTGRES_DISPOSABLE_DB is" in backscope.refused("disposable").err
    for port in ("", "65536", "\u0665"):
        backscope.write_env(POSTGRES_PORT=port)
        assert "POSTGRES_PORT" in backscope.refused("clear").err
    assert backscope.postgres.databases() == before


@pytest.mark.parametrize("name", ["DB", "HOST", "PORT", "USER"])
def test_h5_h51_what_the_environment_says_against_dotenv_is_shown_and_asked(backscope, name):
    name = f"POSTGRES_{name}"
    environ = {name: backscope.settings[name]}
    backscope.write_env(**{name: "5999"})
    result = backscope.refused("clear", **environ)  # it asks, and nobody answers
    assert all(words in result.out for words in (name, environ[name], "5999", ".env"))
    assert f"{name}={environ[name]}" in result.err  # so does the way to confirm
    assert backscope.run("clear", CONFIRM=backscope.name, **environ).code == 0
    assert backscope.ids() == []


def test_h32_an_empty_host_is_the_unix_socket(backscope):
    backscope.write_env(POSTGRES_HOST="")
    folder = backscope.postgres.variables["PG_SOCKET_DIR"]
    result = backscope.run("clear", PGHOST=folder, FAST="")
    assert result.code == 0, result
    assert folder in result.said
    assert backscope.ids() == []


def test_h39_what_flask_app_names_is_what_the_probe_and_a_step_load(backscope):
    """Wherever it is said; what no step could load is found before the drop."""
    keep = ("rebuild", "--keep")
    assert "elsewhere" in backscope.refused(*keep, FAST="", FLASK_APP="elsewhere").err
    append(backscope.folder / ".env", "FLASK_APP=nowhere\n")
    assert "nowhere" in backscope.refused(*keep, FAST="").err
    backscope.write_env()
    (backscope.folder / "wsgi.py").rename(backscope.folder / "second.py")
    append(backscope.folder / ".flaskenv", "FLASK_APP=second:app\n")
    assert backscope.run("clear", FAST="").code == 0
    assert backscope.ids() == []
