"""`.env` and children: H3 H5 H25 H27 H28 H29 H31 H32 H36 H39 H51 H52 H65 H96 H105."""

import sys

import builders as make
from builders import SECRET, cases, outcome

from resetting.settings import read_settings

SKIPPED = {
    "no-value": (b"A=1\n\nPOSTGRES_DB\n", "line 3"),
    "twice": (b"A B\nPOSTGRES_DB=x\nC D\n", "line 1, 3"),
    "latin-1": (b"A=1\n# \xfc\n", "UTF-8, at line 2"),
    "utf-16": ("A=1\n".encode("utf-16"), "UTF-8, at line 1"),
}
TAKEN = {
    "ipv6": (b"POSTGRES_HOST=[::1]", {}, "::1"),
    "of-env": (b"POSTGRES_HOST=''\nPGHOST=far", {}, "far"),
    "of-environment": (b"POSTGRES_HOST=''", {"PGHOST": "/run"}, "/run"),
}
HERE = dict.fromkeys(["localhost", "127.0.0.1", "::1", "", "/tmp"], True)
HOSTS = {**HERE, **dict.fromkeys(["db.example.org", "localhost.evil.org", "/tmp,far"], False)}


def read(folder, content, variable="POSTGRES_DB", **environ):
    (folder / ".env").write_bytes(content)
    return read_settings(folder, environ, variable)


def test_the_environment_wins_and_that_is_told(tmp_path, monkeypatch):
    said = outcome(read_settings, tmp_path, {}, "POSTGRES_DB")
    assert ".env cannot be read: No such file" in said and ".env.example" in said
    environ = {"POSTGRES_DB": "other", "POSTGRES_PORT": "5432", "POSTGRES_DISPOSABLE_DB": "y"}
    assert read(tmp_path, b"POSTGRES_DB=scope", **environ).overrides == ["POSTGRES_DB"]
    disposable = read(tmp_path, b"POSTGRES_DB=scope", "POSTGRES_DISPOSABLE_DB", **environ)
    assert disposable.overrides == ["POSTGRES_DISPOSABLE_DB"]
    monkeypatch.setenv("WHO", "theirs")
    odd = b"WHO=ours\nexport POSTGRES_DB = '${WHO}%41' # c\nPOSTGRES_USER=a%40b\nOTHER\n"
    settings = read(tmp_path, odd)
    assert (settings.database, settings.user, settings.password) == ("theirs%41", "a@b", "root")


@cases("content, key", SKIPPED)
def test_a_line_that_would_be_skipped_is_refused(tmp_path, content, key):
    assert key in outcome(read, tmp_path, content)
    assert "${EDITOR:-vi}" in outcome(read, tmp_path, content)


@cases("content, environ, host", TAKEN)
def test_the_host_is_what_libpq_would_take(tmp_path, content, environ, host):
    assert read(tmp_path, content, **environ).host == host


@cases("host, local", {host: (host, HOSTS[host]) for host in HOSTS})
def test_another_machine_is_named_in_what_is_typed(host, local):
    settings = make.settings(host=host)
    assert settings.local == (settings.confirmation_text == "scope") == local
    assert settings.confirmation_text in ("scope", f"scope@{host}")


def test_a_password_is_masked_however_it_is_written():
    settings = make.settings({"POSTGRES_PASSWORD": "p\\%40/x"}, password="p\\@/x")
    texts = ["p\\%40/x", "p\\@/x", "p\\\\@/x", "p%5C%40/x", "p%5C%40%2Fx"]
    assert settings.mask(", ".join(texts)) == ", ".join(["***"] * 5)
    assert SECRET not in repr(make.settings())
    name = make.settings({"POSTGRES_PASSWORD": "scope"})
    assert name.mask("scope on localhost") == "scope on localhost"


def test_children_get_what_was_read_and_nothing_that_redirects():
    redirecting = ["PGDATABASE", "PGSERVICE", "PGHOSTADDR", "FLASK_APP", "FLASK_DB_X"]
    environ = {**dict.fromkeys(redirecting, "x"), "PGPORT": "1", "PGSSLMODE": "require"}
    child = make.settings(environ={**environ, "PATH": "/bin"}).child_environment()
    assert not {*redirecting} & {*child}
    assert (child["PGPORT"], child["PGSSLMODE"]) == ("5432", "require")
    assert child["PGPASSWORD"] == child["POSTGRES_PASSWORD"] == SECRET
    assert "lock_timeout=5s" in child["PGOPTIONS"]
    assert child["PATH"] == f"{sys.executable.rpartition('/')[0]}:/bin"
