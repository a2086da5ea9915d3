"""What belongs to what: a model of all small states of databases and folders, without a server.

A state is run through each prefix of a plan, looked at again, planned again, and has to reach
the goal: the current database's migrations are `migrations`, a kept one's have its number.
"""

import itertools
from dataclasses import replace

import pytest
from facts_of import CHECKOUT, database_of, facts_of, folder_of, wish_of

from resetting.facts import Folders
from resetting.pairs import WAITING, Pairs, holds, pairs
from resetting.undo import Undo

N, A, B, C, X = map(frozenset, ("", "a", "b", "c", "x"))  # x is another database's
AB, AX = A | B, A | X
TWO = [
    dict(zip(order, two))
    for order in ((1, 2), (2, 1))
    for two in itertools.product((N, B, C), (N, B))
]
KEPT = ({}, {1: N}, {1: A}, {1: B}, *TWO)
MOST = 7  # renames: put away what waits, then two exchanges of three


def every_state():
    """All small states, those included that only hands can make."""
    for current, kept, here, zero, one, two in itertools.product(
        (None, N, A), KEPT, (None, N, A, B, X, AB, AX),
        (None, A, B, X), (None, N, A, B, X), (None, A, C, X),
    ):  # fmt: skip
        folders = {n: at for n, at in enumerate((zero, one, two)) if at is not None}
        seen = frozenset().union(here or (), *folders.values())
        yield Pairs(current, kept, here, folders, X & seen)


def places(state):
    """All folders by where they are."""
    return {**state.folders, **({} if state.folder is None else {None: state.folder})}


def contents(state):
    """What the folders hold, wherever they are."""
    return sorted(sorted(folder) for folder in places(state).values())


def walk(state):
    """The states on the way to the goal, each move checked."""
    states = [state]
    for source, target in itertools.islice(state.moves(), MOST + 1):
        now = places(states[-1])
        assert source in now, "nothing is there to be moved"
        assert target not in now, "mv would move it into the other"
        foreign = now[source] & state.others and not holds(now[source], state.current)
        assert not foreign, "it belongs to another database"
        states.append(states[-1].apply((source, target)))
    assert len(states) <= MOST + 1, "it does not end"
    return states


def test_from_any_state_the_moves_end_and_none_touches_what_is_anothers():
    for state in every_state():
        states = walk(state)
        end = states[-1]
        assert end.next_move() is None
        assert contents(end) == contents(state)
        for number in state.kept:
            assert end.home(number) or not state.home(number), state
        for other, at in places(state).items():  # a stranger's is where it was
            if at & state.others and not holds(at, state.current):
                assert places(end)[other] == at
        if WAITING in end.folders:
            assert end.foreign(end.folders[WAITING]), "it would wait for ever"
        for between in states:
            assert between.settled == end, "an interruption would lead elsewhere"
        if state.current and not holds(end.folder, state.current):  # so nobody's becomes current
            assert end.folder in (None, state.folder, state.folders.get(WAITING)), state


def blocked(end):
    """Whether the current database's migrations lie elsewhere, so that the undo is refused."""
    return not holds(end.folder, end.current) and any(map(end.strayed, end.folders))


def test_a_swap_ends_at_home_unless_another_databases_folder_is_in_the_way():
    for state in every_state():
        if state.next_move():
            continue
        for number in state.kept:
            end = walk(state.swap(number))[-1]
            if blocked(end):
                waiting = end.folders.get(WAITING)
                in_the_way = end.folder if waiting is None else waiting
                assert in_the_way and end.foreign(in_the_way), (state, number)


def at_rest():
    """The states that the tool itself leaves: each folder is one database's, or left over."""
    for current, one, two in itertools.product((None, N, A), (None, N, B), (None, N, C)):
        kept = {n: at for n, at in ((1, one), (2, two)) if at is not None}
        for here, first, second, third in itertools.product(
            (None, current or X), (None, one or B), (None, two or C), (None, frozenset("z"))
        ):
            folders = {1: first, 2: second, 3: third}
            yield Pairs(current, kept, here, {n: at for n, at in folders.items() if at is not None})


def test_at_rest_no_undo_is_begun():
    for state in at_rest():
        assert state.next_move() is None, state


def goal(state):
    """Whether each database that has a revision has its migrations, if they are anywhere."""
    anywhere = places(state).values()
    here = holds(state.folder, state.current) or not any(
        holds(at, state.current) for at in anywhere
    )
    kept = [
        state.home(n) or not any(holds(at, revisions) for at in anywhere)
        for n, revisions in state.kept.items()
    ]
    return here and all(kept)


def test_an_undo_cut_off_anywhere_reaches_its_goal_and_is_itself_undone():
    for state in at_rest():
        for number in state.kept:
            swapped = state.swap(number)
            end = walk(swapped)[-1]
            assert end.current == state.kept[number]
            assert end.kept.get(number) == state.current
            assert goal(end), (state, number)
            for between in walk(swapped)[:-1]:  # run again, it is finished and not reversed
                assert between.next_move(), "the same command would swap them back"
                assert not between.home(number), "with its number it would swap them back"
            if state.current is not None and goal(state):
                again = walk(end.swap(number))[-1]
                assert (again.current, again.kept) == (state.current, state.kept)
                assert goal(again)


def seen(state, **changes):
    """The facts in which a state would be seen."""
    kept = {n: database_of(f"scope.~{n}~", at, **changes) for n, at in state.kept.items()}
    current = None if state.current is None else database_of("scope", state.current, **changes)
    here = None if state.folder is None else folder_of("migrations", state.folder)
    numbered = {n: folder_of(f"migrations.~{n}~", at) for n, at in state.folders.items()}
    return facts_of(
        database=current, kept=kept, folders=Folders(here is not None, here, numbered),
        others=dict.fromkeys(state.others, "other"),
    )  # fmt: skip


def moves_of(steps):
    """The renames of folders among some steps."""
    return [step.argv[1:] for step in steps if step.program == "mv"]


def called(number):
    return "migrations" if number is None else f"migrations.~{number}~"


def test_an_undo_does_what_the_model_does_and_refuses_where_it_is_blocked():
    for state in itertools.islice(every_state(), 0, None, 97):
        undo, facts = Undo(wish_of("undo")), seen(state)
        assert pairs(facts) == replace(state, others=state.others - (state.current or N))
        begun = list(state.moves())
        number = next(iter(state.kept), 0)
        after = state if begun or not number else state.swap(number)
        steps = list(undo.steps(facts))
        expected = [(called(one), called(two)) for one, two in after.moves()]
        assert moves_of(steps) == expected
        swaps = [step for step in steps if "RENAME" in str(step)]
        assert len(swaps) == (0 if begun or not number else 1)
        refusals = [finding.what for finding in undo.refuses(facts)]
        if begun:
            assert not refusals
        elif not number:
            assert refusals == ["Nothing of scope is kept."]
        else:
            assert bool(refusals) == blocked(after.settled), (state, refusals)


@pytest.mark.parametrize(
    ("here", "waiting", "says"),
    [
        (X, None, "mv {0}/migrations {0}/migrations.~2~   sets"),
        (A, X, "mv {0}/migrations.~0~ {0}/migrations.~2~   sets"),
    ],
)
def test_what_is_anothers_is_named_with_a_way_out(here, waiting, says):
    folders = {1: B, **({} if waiting is None else {WAITING: waiting})}
    (finding,) = Undo(wish_of("undo")).refuses(seen(Pairs(A, {1: B}, here, folders, X)))
    assert "belongs to other, those of scope.~1~ cannot take its place" in finding.what
    assert finding.mend.startswith(says.format(CHECKOUT))
    assert finding.mend.endswith("\nmake db-undo N=1   swaps them then")


def test_a_swap_by_force_that_was_not_committed_is_not_begun():
    """Doors that were closed for it tell that the databases did not change places yet."""
    state = Pairs(A, {1: B}, A, {1: B})
    closed = seen(state, open=False, contents=None)
    assert pairs(closed) == state
    steps = list(map(str, Undo(wish_of("undo")).steps(closed)))
    assert "RENAME" in steps[0]
    assert steps[0].count("ALLOW_CONNECTIONS true") == 2
    bare = replace(closed, folders=Folders(False, None, {}))
    assert pairs(bare) == Pairs(N, {1: N}, None, {})


def test_h44_a_copy_of_ours_records_the_same_and_claims_nothing():
    """Of `createdb -T scope copy`: an undo that is begun goes on all the same."""
    swapped = Pairs(B, {1: A}, A, {1: B})
    facts = replace(seen(swapped), others={"a": "copy", "x": "other"})
    assert pairs(facts) == replace(swapped, others=X)
    assert pairs(facts).settled == Pairs(B, {1: A}, B, {1: A}, X)


def keeping(state, number, new):
    """The states after each step of a rebuild with KEEP=1, as backscope_reset.Rebuild has them."""
    states = [state]
    if state.current:  # a database without a revision is nothing to keep
        states.append(replace(state, current=None, kept={number: state.current, **state.kept}))
    elif state.current is not None:
        states.append(replace(state, current=None))
    if state.folder is not None:
        states.append(states[-1].apply((None, number)))
    for changes in ({"current": N}, {"folder": N}, {"folder": new}, {"current": new}):
        states.append(replace(states[-1], **changes))
    return states


def test_keep_killed_at_each_point_and_run_again_keeps_one_whole_pair():
    for state in at_rest():
        if not goal(state) or (state.current and state.folder is None):
            continue
        for killed in keeping(state, state.number(), frozenset("k"))[:-1]:
            assert killed.next_move() is None, "a rebuild would be refused for an undo"
            end = keeping(killed, killed.number(), frozenset("n"))[-1]
            assert (end.current, end.folder) == (frozenset("n"), frozenset("n"))
            newest = {n: at for n, at in end.kept.items() if n not in state.kept}
            assert list(newest.values()) == ([state.current] if state.current else [])
            assert all(map(end.home, newest)), (state, killed)
            for number in state.kept:
                assert end.kept[number] == state.kept[number]
                assert end.home(number) or not state.home(number)
            back = walk(end.swap(next(iter(newest))))[-1] if newest else state
            assert (back.current, back.folder) == (state.current, state.folder)


def test_migrations_follow_a_database_without_a_revision_too():
    """It had rows, so it was kept; the run was killed before its folder was renamed."""
    assert Pairs(None, {1: N}, A, {}).number() == 1
    assert Pairs(None, {1: N, 2: A}, A, {}).number() == 2, "it is known whose they are"
    assert Pairs(None, {1: N}, X, {}, X).number() == 2, "another database's are not kept's"
    assert Pairs(None, {1: A}, A, {1: A}).number() == 2
    assert Pairs(A, {1: B}, A, {2: C}).number() == 3


def test_the_folder_of_a_database_that_records_nothing_goes_with_it():
    end = Pairs(A, {1: N}, A, {1: C}).swap(1).settled
    assert (end.folder, end.folders) == (C, {1: A})
    there = Pairs(A, {1: B}, B, {1: C}).settled  # another checkout's KEEP=1; 1 is left over here
    assert (there.folder, there.folders) == (None, {1: B, 2: C})
