"""The names of sessions: each tells its client and its number, and they sort in the order of the sessions."""

from hypothesis import given
from hypothesis import strategies as st

from mirror.natural_order import natural_key
from mirror.transcripts.profile import is_folder_name
from mirror.transcripts.session_name import client_of, number_of, session_name

IDX = st.from_regex(r"\w(?:[\w .-]{0,20}\w)?", fullmatch=True).filter(is_folder_name)


def test_the_first_session_has_the_name_of_its_client():
    assert [session_name("7", number) for number in (1, 2, 10)] == ["7", "7+s2", "7+s10"]


@given(IDX, st.integers(1, 99))
def test_a_name_tells_client_and_number_and_is_no_other_clients(idx, number):
    name = session_name(idx, number)
    assert (client_of(name), number_of(name)) == (idx, number)
    assert number == 1 or not is_folder_name(name)  # so no client of a table has it


def test_names_sort_by_client_and_number():
    names = [session_name(idx, number) for idx in ("7", "7-s2", "8", "70") for number in (1, 2, 10)]
    assert sorted(reversed(names), key=natural_key) == names


def test_a_mark_without_a_number_is_a_first_session():
    assert [number_of(name) for name in ("7+s", "7+sx", "7-s2", "")] == [1, 1, 1, 1]
