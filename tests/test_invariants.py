"""Whatever is drawn: no database but the one on the screen is touched."""

import re

import pytest
from checkout import FAIL, KILL, slowly
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from postgres import PASSWORD

FEW = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
STRANGERS = ("other", "{}_other", "{}.~1~x", "{}.~01~")  # their names look alike
WORDS = (["clear"], ["clear", "A1"], ["unflag"], ["rebuild", "--confirm"], ["rebuild", "--keep"],
         ["rebuild", "--carry"], ["undo"], ["disposable"])  # fmt: skip
STEPS = ("psql*", "dropdb*", "mv*", "createdb*", "flask*", "flask db upgrade", "psql*COPY*")
REDIRECT = ("PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGDATABASE", "PGSYSCONFDIR",
            "PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS", "FLASK_ENV_FILE",
            "FLASK_SKIP_DOTENV", "FLASK_DB_UPGRADE_SQL", "FLASK_DB_INIT_DIRECTORY")  # fmt: skip
NOISE = st.dictionaries(
    st.sampled_from([*REDIRECT, "POSTGRES_DB", "POSTGRES_DISPOSABLE_DB", "PGHOST", "PGOPTIONS"]),
    st.sampled_from(["other", "{}_other", "{}.~01~", "1", "postgres", "", "${{NAME}}"]),
    max_size=5,
)
DRAWN = {
    "words": st.sampled_from(WORDS), "dotenv": NOISE, "environ": NOISE,
    "step": st.sampled_from(STEPS), "do": st.sampled_from(["", FAIL, KILL, f"{KILL}; exit"]),
}  # fmt: skip


@pytest.fixture
def strangers(kept):
    """Give what tells whether databases that are nobody's business are as they were."""
    names = [one.format(kept.name) for one in STRANGERS]
    for name in names:
        kept.postgres.sql(f'CREATE DATABASE "{name}" TEMPLATE model OWNER scope')
        kept.sql("INSERT INTO searches (term) VALUES ('mine')", database=name)

    def content(*others):
        oids = kept.postgres.databases()
        known = [name for name in (*names, *others) if name in oids]
        return {name: (oids[name], kept.postgres.rows(name)) for name in known}

    yield content
    for name in names:
        kept.postgres.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def touches_only_the_target(kept, strangers, words, dotenv, environ, step, do):
    """Run the tool with all that was drawn, and once more without the fault."""
    dotenv, environ = ({name: text.format(kept.name) for name, text in one.items()}
                       for one in (dotenv, environ))  # fmt: skip
    kept.write_env(**dotenv)
    named = {**kept.settings, **dotenv, **environ}.get("POSTGRES_DB", "")
    words = [*words, *([named] if words[-1] == "--confirm" else [])]
    environ.update(NAME="other", PGPASSWORD=f"x{PASSWORD}", FAST=named, NOTE_ENVIRONMENT="1")
    before = strangers(*kept.mine(), "postgres")
    for fault in ({"BEFORE": step, "DO": do}, {}):
        result = kept.run(*words, **environ, **fault)
        assert result.code in (0, 1, 2, -9), result
        shown = "".join(re.findall(r"^Database +(\S+) on", result.out, re.MULTILINE))
        ours = [one for one in before if re.fullmatch(re.escape(shown) + r"(\.~\d+~)?", one)]
        after = strangers(*kept.mine(), "postgres")
        for name in set(before) - set(ours if shown else ()):
            assert after.get(name) == before[name], result
        if result.trace:  # H27, H28, H36, H37: where its commands go is what is shown, too
            got = dict(line.partition("=")[::2] for line in
                       (kept.folder.parent / "trace.env").read_text().splitlines())  # fmt: skip
            assert not (set(REDIRECT) - {"FLASK_SKIP_DOTENV"}) & set(got)
            assert shown in (got["POSTGRES_DB"], got["POSTGRES_DISPOSABLE_DB"])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [4, slowly(60)])
def test_no_database_but_the_one_on_the_screen_is_touched(kept, strangers, count):
    @settings(max_examples=count, phases=[Phase.generate], derandomize=count == 4, **FEW)
    @given(**DRAWN)
    def check(**drawn):
        touches_only_the_target(kept, strangers, **drawn)

    check()
