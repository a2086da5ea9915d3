"""db-clear SEQ= and db-unflag: some rows change, all others stay."""


def stick(backscope, count, first=101):
    """Have downloads that never finished."""
    backscope.sql(
        "INSERT INTO sequences (id, shift, values_requested) SELECT 'A' || lpad(i::text, 6, '0'),"
        f" 0, true FROM generate_series({first}, {first + count - 1}) i"
    )


def test_seq_clears_only_those_sequences(backscope):
    result = backscope.run("clear", "a000001 A2", "A000999")
    assert result.code == 0, result
    assert result.calls[0].startswith("psql scope DELETE FROM ")
    assert backscope.ids() == ["A000003"]
    assert backscope.run("clear", SEQ="A3").code == 0
    assert backscope.ids() == []


def test_seq_takes_numbers_of_sequences_only(backscope):
    error = backscope.refused("clear", SEQ="A000001 B7 A0000045 A 45 ';--").err
    assert all(word in error for word in ("B7", "A0000045", "';--"))
    for command in ("clear", "unflag"):
        assert "SEQ" in backscope.refused(command, SEQ=" ").err  # empty is not "all"


def test_h30_downloads_that_never_finished_are_seen_and_un_flagged(backscope):
    stick(backscope, 3)
    assert "A000101" in backscope.run("status").out
    flagged = "SELECT count(*) FROM sequences WHERE values_requested"
    assert backscope.run("unflag", "a101").code == 0
    assert backscope.sql(flagged) == [(5,)]
    result = backscope.run("unflag")
    assert (result.code, len(result.trace)) == (0, 1), result
    assert backscope.sql(flagged) == [(3,)]  # those that have their values
    assert len(backscope.ids()) == 6
    result = backscope.run("unflag")
    assert (result.code, result.trace) == (0, [])


def test_seq_and_unflag_refuse_a_table_of_another_backscope(backscope):
    backscope.sql('ALTER TABLE sequences RENAME "values" TO terms')
    assert '"values"' in backscope.unchanged("unflag").said
    backscope.sql("DROP TABLE sequences")
    for words in (["clear", "A1"], ["unflag"]):
        assert "sequences" in backscope.unchanged(*words).said
