"""The list of clients that a model folder carries, and what is said of clients who are not in it."""

import json

import pytest

from mirror.clients.known_clients import KNOWN_CLIENTS, KnownClients
from mirror.transcripts.profile import Profile

CONTENT = {
    "names": ["Ada", "Ben"],
    "reasons": ["I burn the soup."],
    "otherwise": {"names": "says another name", "reasons": "speaks of another worry"},
}


def client(idx, info, reason="I burn the soup.", name=""):
    return Profile(idx, info, "none", "I am a bad cook.", reason, "woman", (), name)


def written(folder, **changes):
    (folder / KNOWN_CLIENTS).write_text(json.dumps(CONTENT | changes), encoding="utf-8")
    return KnownClients.read(folder)


def test_a_folder_without_a_list_knows_nobody_and_nobody_is_strange(tmp_path):
    assert KnownClients.read(tmp_path) is None


def test_clients_of_the_list_are_not_named(tmp_path):
    known = written(tmp_path)
    told = ["I burn  the soup", "I burn the soup. And the rice.", "i burn the soup!"]
    assert (
        known.strangers([client(str(n), "Ada Maier, 40, a cook", words, "Ada") for n, words in enumerate(told)]) == []
    )
    assert known.strangers([client("3", "", "")]) == [], "of a recorded client, little may be known"


def test_a_name_counts_where_the_model_reads_it(tmp_path):
    (line,) = written(tmp_path).strangers([client("2", "40, a cook", name="Ben"), client("3", "Ben, 40", name="Ben")])
    assert "not know 1 of 2 names" in line and "2: 'Ben (not in personal_info)' (" in line


def test_names_and_reasons_that_are_not_in_it_are_told_with_what_the_model_does(tmp_path):
    clients = [client("1", "Ada, 40"), client("P2", "Priya, 42"), client("P3", "Ben, 30", "I lie awake.")]
    names, reasons = written(tmp_path).strangers(clients)
    assert "not know 1 of 3 names of clients, and says another name: P2: 'Priya' (" in names
    assert "1 of 3 reasons for seeking counseling" in reasons and "P3: 'I lie awake.'" in reasons
    assert "speaks of another worry" in reasons and KNOWN_CLIENTS in reasons


def test_of_many_strangers_the_first_are_named_and_the_others_counted(tmp_path):
    (line,) = written(tmp_path).strangers([client(str(number), f"X{number}, 40") for number in range(12)])
    assert "7: 'X7'; 4 more (" in line and "'X8'" not in line


@pytest.mark.parametrize(
    "changes", [{"names": "Ada"}, {"reasons": [1]}, {"otherwise": {"names": "guesses"}}, {"otherwise": []}]
)
def test_a_file_that_is_no_such_list_is_refused(tmp_path, changes):
    with pytest.raises(ValueError, match="must hold the lists of texts names and reasons"):
        written(tmp_path, **changes)
