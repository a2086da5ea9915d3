"""Whatever is drawn: no database but the one on the screen is touched (H27 H28)."""

import re

import pytest
from checkout import FAIL, KILL, slowly
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from postgres import PASSWORD

SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
STRANGERS = ("other", "{}_other", "{}.~1~x", "{}.~01~")  # their names look alike
BACKUP = r"(\.~(0|[1-9][0-9]*)~)?"
WORDS = """clear|clear --keep|clear --seq A1|unflag|rebuild --keep|rebuild --carry|undo|disposable
    |rebuild --confirm {named}|prune --confirm {named}"""
STEPS = ("psql*", "dropdb*", "mv*", "createdb*", "flask*", "flask db upgrade*", "psql*COPY*", "rm*")
REDIRECT = """PGHOSTADDR PGSERVICE PGSERVICEFILE PGDATABASE PGSYSCONFDIR PGTARGETSESSIONATTRS
    PGLOADBALANCEHOSTS FLASK_ENV_FILE FLASK_DB_UPGRADE_SQL FLASK_DB_INIT_DIRECTORY PSQLRC PAGER"""
OURS = "FLASK_SKIP_DOTENV POSTGRES_DB POSTGRES_DISPOSABLE_DB PGHOST PGOPTIONS"
VALUES = ["other", "{}_other", "{}.~01~", "1", "postgres", "", "${{NAME}}"]
NOISE = st.dictionaries(
    st.sampled_from(f"{REDIRECT} {OURS}".split()), st.sampled_from(VALUES), max_size=5
)
DRAWN = {
    "words": st.sampled_from([words.strip() for words in WORDS.split("|")]),
    "dotenv": NOISE,
    "environ": NOISE,
    "fault": st.tuples(st.sampled_from(STEPS), st.sampled_from(["", FAIL, KILL, f"{KILL}; exit"])),
}


@pytest.fixture
def strangers(kept):
    names = [name.format(kept.name) for name in STRANGERS]
    for name in names:
        kept.postgres.sql(f'CREATE DATABASE "{name}" TEMPLATE model OWNER scope')
        kept.sql("INSERT INTO searches (term) VALUES ('mine')", name)

    def contents():
        oids = kept.postgres.databases()
        known = {*names, *kept.mine(), "postgres"} & set(oids)
        return {name: (oids[name], kept.postgres.rows(name)) for name in known}

    yield contents
    for name in names:
        kept.postgres.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def assert_touches_only_the_target(kept, strangers, words, dotenv, environ, fault):
    dotenv = {name: text.format(kept.name) for name, text in dotenv.items()}
    environ = {name: text.format(kept.name) for name, text in environ.items()}
    kept.write_env(**dotenv)
    named = {**kept.settings, **dotenv, **environ}["POSTGRES_DB"]
    environ.update(NAME="other", PGPASSWORD=f"x{PASSWORD}")
    before = strangers()
    for do in (fault, ("", "")):
        result = kept.run(words.format(named=named), **environ, before=do)
        assert result.code in (0, 1, 2, -9), result
        shown = re.findall(r"^Database +(\S+) on", result.out, re.MULTILINE)
        ours = "|".join(re.escape(name) + BACKUP for name in shown)
        after = strangers()
        touched = [name for name in before if after.get(name) != before[name]]
        assert not [name for name in touched if not re.fullmatch(ours, name)], result


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [3, slowly(60)])
def test_no_database_but_the_one_on_the_screen_is_touched(kept, strangers, count):
    @settings(max_examples=count, phases=[Phase.generate], derandomize=count == 3, **SLOW)
    @given(**DRAWN)
    def check(**drawn):
        assert_touches_only_the_target(kept, strangers, **drawn)

    check()
