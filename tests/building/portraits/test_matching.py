"""Matching clients and portraits: by the table, by gender and age, disjoint splits, and no portrait wasted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from mirror.building.dropped import Dropped
from mirror.building.portrait import Portrait
from mirror.building.portraits.assignment import age_group
from mirror.building.portraits.matching import match_portraits
from mirror.building.portraits.table import Portraits
from mirror.building.screenplays import ClientInfo, Screenplay


def client(idx, gender="woman", age=30, person=""):
    return Screenplay(idx, ClientInfo("", gender=gender, age=age), "", (), person=person)


def portrait(person, gender="woman", age=30):
    return Portrait(person, (Path(f"{person}.png"),), person, gender, age)


def portraits(*kept, **named):
    by_person = {one.person: one for one in kept}
    return Portraits(kept, (), {**by_person, **named})


def matched(sifted):
    return {one.idx: one.portrait.person for one in sifted.kept}


def reasons(sifted):
    return {one.idx: one.reason for one in sifted.dropped}


def four(number, **of):
    kinds = ("emotional", "cognitive", "behavioral", "no")
    return [client(f"cactus-{number}-{kind}-resistance", **of) for kind in kinds]


def test_the_nearest_age_group_of_the_gender_is_taken():
    people = portraits(portrait("a", age=39), portrait("b", age=33), portrait("c", "man", 30), portrait("d", age=24))
    assert matched(match_portraits([client("1", age=29)], [], people, 0).training) == {"1": "b"}
    assert [age_group(age) for age in (24, 25, 34, 35)] == [20, 30, 30, 40]


def test_the_gap_in_age_is_a_limit():
    people = portraits(portrait("a", age=41))
    assert matched(match_portraits([client("1", age=31)], [], people, 0).training) == {"1": "a"}
    result = match_portraits([client("1", age=30)], [], people, 0).training
    assert reasons(result) == {"1": "no_portrait_left"}
    assert "a woman of 30: none of 1 portraits of that gender is left within 10 years" in result.dropped[0].detail
    assert matched(match_portraits([client("1", age=30)], [], people, 0, age_gap=11).training) == {"1": "a"}


def test_a_greedy_choice_would_leave_a_client_without_a_portrait():
    people = portraits(portrait("a", age=30), portrait("b", age=40))
    for seed in range(8):  # the client of 35 may have either, the one of 25 only a
        result = match_portraits([client("1", age=35), client("2", age=25)], [], people, seed).training
        assert matched(result) == {"1": "b", "2": "a"}


def test_unknown_gender_is_dropped_and_unknown_age_takes_any():
    people = portraits(portrait("a", age=90), portrait("b", "", 30), portrait("c", "man", None))
    clients = [client("1", age=None), client("2", ""), client("3", "man", 30)]
    result = match_portraits(clients, [], people, 0).training
    assert matched(result) == {"1": "a"}
    assert reasons(result) == {"2": "gender_unknown", "3": "no_portrait_left"}


def test_the_four_dialogues_of_a_client_share_a_person_or_have_their_own():
    people = portraits(*(portrait(name) for name in "abcdefgh"))
    screenplays = four(1) + four(2)
    shared = matched(match_portraits(screenplays, [], people, 0).training)
    assert len(shared) == 8 and len(set(shared.values())) == 2
    assert len({shared[one.idx] for one in four(1)}) == 1
    own = matched(match_portraits(screenplays, [], people, 0, persons="once").training)
    assert sorted(own.values()) == list("abcdefgh")


def test_a_client_whose_dialogues_disagree_on_the_gender_has_none():
    screenplays = [client("c-1-no-resistance", "woman"), client("c-1-emotional-resistance", "man")]
    result = match_portraits(screenplays, [], portraits(portrait("a")), 0).training
    assert set(reasons(result).values()) == {"gender_unknown"}


def test_the_table_wins_whatever_the_age_and_serves_the_clients_other_dialogues():
    people = portraits(portrait("a", age=80), portrait("b"))
    screenplays = [client("c-1-emotional-resistance"), client("c-1-no-resistance", person="a"), client("c-2")]
    result = match_portraits(screenplays, [], people, 0).training
    assert matched(result) == {"c-1-emotional-resistance": "a", "c-1-no-resistance": "a", "c-2": "b"}


def test_faults_of_named_persons():
    missing = Dropped("portrait", "x.png", None, "several_faces", "shows 2 faces", "portrait")
    people = portraits(portrait("a"), portrait("b", "man"), portrait("c"), **{"x.png": missing})
    screenplays = [
        client("1", person="a"),
        client("2", person="a"),
        client("3", person="b"),
        client("4", person="x.png"),
        client("5", person="never asked for"),
        client("6-no-resistance", person="c"),
        client("6-cognitive-resistance", person="b"),
    ]
    result = match_portraits(screenplays, [], people, 0).training
    assert matched(result) == {"1": "a", "6-no-resistance": "c"}
    assert reasons(result) == {
        "2": "person_used_twice",
        "3": "another_gender",
        "4": "no_such_portrait",
        "5": "no_such_portrait",
        "6-cognitive-resistance": "another_gender",
    }
    assert "several_faces: shows 2 faces" in result.dropped[2].detail


def test_a_client_has_one_person_and_each_dialogue_its_own_picture_of_it():
    first, second = (Portrait(name, (Path(f"{name}.png"),), "p", "woman", 30) for name in ("1", "2"))
    people = Portraits((first, portrait("q")), (), {"1.png": first, "2.png": second, "q": portrait("q")})
    screenplays = [client("c-no-resistance", person="1.png"), client("c-cognitive-resistance", person="2.png")]
    third = client("c-behavioral-resistance", person="")
    stranger = client("c-emotional-resistance", person="q")
    result = match_portraits([*screenplays, third, stranger], [], people, 0).training
    assert reasons(result) == {"c-emotional-resistance": "another_person_of_the_client"}
    assert {one.idx: one.portrait.name for one in result.kept} == {
        "c-no-resistance": "1",
        "c-cognitive-resistance": "2",
        "c-behavioral-resistance": "2",
    }
    once = match_portraits(screenplays, [], people, 0, persons="once").training
    assert reasons(once) == {"c-no-resistance": "person_used_twice"}


def test_the_splits_are_disjoint_in_clients_and_persons_and_the_test_goes_first():
    people = portraits(portrait("a"), portrait("b"))
    training = [*four(1), client("cactus-2-no-resistance"), client("cactus-3-no-resistance", person="b")]
    result = match_portraits(training, [four(1)[0], client("9", person="b")], people, 0)
    assert matched(result.test) == {four(1)[0].idx: "a", "9": "b"}
    assert [*reasons(result.training).values()] == ["test_client"] * 4 + ["no_portrait_left", "test_person"]


AGES = st.integers(18, 70) | st.none()
GENDERS = st.sampled_from(["woman", "man"])
CLIENTS = st.lists(st.tuples(GENDERS, AGES, st.booleans()), max_size=9)
PEOPLE = st.lists(st.tuples(GENDERS, AGES), max_size=9)


def built(clients, people):
    training = [client(f"c-{n}", gender, age) for n, (gender, age, is_test) in enumerate(clients) if not is_test]
    test = [client(f"c-{n}", gender, age) for n, (gender, age, is_test) in enumerate(clients) if is_test]
    return training, test, [portrait(f"p-{n}", *of) for n, of in enumerate(people)]


def fits(one, by, gap):
    ages = one.info.age, by.age
    return one.info.gender == by.gender and (ages[0] is None or (ages[1] is not None and abs(ages[0] - ages[1]) <= gap))


def most_matched(clients, people, gap):
    edges = np.array([[fits(one, by, gap) for by in people] for one in clients]).reshape(len(clients), len(people))
    return int((maximum_bipartite_matching(csr_array(edges)) >= 0).sum()) if edges.size else 0


@settings(max_examples=150, deadline=None)
@given(CLIENTS, PEOPLE, st.integers(0, 20), st.integers(0, 3))
def test_as_many_clients_as_possible_are_matched_the_test_first(clients, people, gap, seed):
    training, test, people = built(clients, people)
    result = match_portraits(training, test, portraits(*people), seed, gap)
    pairs = [(one, one.portrait) for one in (*result.training.kept, *result.test.kept)]
    assert all(fits(one, by, gap) for one, by in pairs)
    assert len({by.person for _, by in pairs}) == len(pairs) == most_matched([*training, *test], people, gap)
    assert len(result.test.kept) == most_matched(test, people, gap)
    assert len(pairs) + len(result.training.dropped) + len(result.test.dropped) == len(clients)


@settings(max_examples=60, deadline=None)
@given(CLIENTS, PEOPLE, st.randoms(use_true_random=False))
def test_neither_the_order_of_clients_nor_of_portraits_matters(clients, people, random):
    training, test, people = built(clients, people)
    one = match_portraits(training, test, portraits(*people), 5)
    for each in (training, test, people):
        random.shuffle(each)
    two = match_portraits(training, test, portraits(*people), 5)
    assert matched(one.training) == matched(two.training) and matched(one.test) == matched(two.test)
    assert [s.idx for s in two.training.kept] == [s.idx for s in training if s.idx in matched(one.training)]


def test_one_more_client_changes_few_of_the_others_and_another_seed_most():
    people = portraits(*(portrait(f"p{n}", age=20 + n % 40) for n in range(600)))
    clients = [client(f"c{n}", age=20 + n % 40) for n in range(60)]
    before = matched(match_portraits(clients[:-1], [], people, 0).training)
    after = matched(match_portraits(clients, [], people, 0).training)
    assert sum(before[idx] != after[idx] for idx in before) <= 3
    other = matched(match_portraits(clients[:-1], [], people, 1).training)
    assert sum(before[idx] != other[idx] for idx in before) > 50


# Own sessions ---------------------------------------------------------------------------------------------------------


def session(idx, path, content, **info):
    path.write_bytes(content)
    info = ClientInfo(gender="woman", **{"personal_info": idx} | info)
    return Screenplay(idx, info, "", (), person=path.stem, portrait=Portrait(path.stem, (path,), path.stem, "woman"))


def test_sessions_keep_their_portraits_and_stay_apart_from_the_test_split(tmp_path):
    faces = {name: tmp_path / f"{name}.png" for name in "abc"}
    for name, path in faces.items():
        path.write_bytes(name.encode())
    people = [Portrait(name, (path,), f"person {name}", "woman", 30) for name, path in faces.items()]
    known = Portraits(tuple(people), (), {"a": people[0]}, {path: f"person {name}" for name, path in faces.items()})
    training = [
        session("run-1", tmp_path / "1.png", b"a"),  # the person whom the test table names
        session("run-2", tmp_path / "2.png", b"b"),
        session("run-3", tmp_path / "3.png", b"b"),  # another session of that client
        session("run-4", tmp_path / "4.png", b"x"),  # somebody unknown
        session("run-5", tmp_path / "5.png", b"y", personal_info="Ada", reason="none"),
    ]
    test = [replace(client("t1"), person="a"), client("t2")]
    test[1] = replace(test[1], info=replace(test[1].info, personal_info="Ada ", reason="none"))
    found = match_portraits(training, test, known, 0)
    assert reasons(found.training) == {"run-1": "test_person", "run-5": "test_client"}
    assert matched(found.test) == {"t1": "person a", "t2": "person c"}  # never the person of a session
    persons = matched(found.training)
    assert persons["run-2"] == persons["run-3"] == "person b" and persons["run-4"].startswith("portrait ")
    assert [one.portrait.files for one in found.training.kept] == [one.portrait.files for one in training[1:4]]


def test_what_is_left_out_of_the_test_split_is_called_a_test_client():
    found = match_portraits([], [client("t", gender="")], portraits(portrait("a")), 0)
    assert [(one.reason, one.what) for one in found.test.dropped] == [("gender_unknown", "test client")]
