"""What is asked of the writer: one session per client and kind, the same whatever the order of the table."""

from dataclasses import replace

import pytest

from mirror.building.screenplays.writing.commission import KINDS, UNKNOWN, Commission, Request, commissions, parse_kinds
from tests.written_sessions import client


def test_commissions_do_not_depend_on_the_order_of_clients():
    clients = [client(n) for n in (10, 2, 1)]
    found = commissions(clients, KINDS)
    assert found == commissions(clients[::-1], KINDS[::-1]) and len(found.kept) == 12
    assert [one.idx for one in found.kept] == sorted(one.idx for one in found.kept)


def test_one_client_of_four_dialogues_is_one():
    of_one = [replace(client(1), idx=f"cactus-1-{kind}-resistance") for kind in KINDS]
    found = commissions(of_one, ["no"])
    assert [one.idx for one in found.kept] == ["cactus-1-no-resistance"]
    assert [one.reason for one in found.dropped] == ["same_client"] * 3


def test_what_is_not_known_is_said_so():
    bare = replace(client(1, reason=" "), technique="", plan=())
    (message,) = Commission(bare, "no").messages
    assert message.content.count(UNKNOWN) == 3 and "{" not in message.content


def test_every_kind_has_words_of_its_own():
    texts = {kind: Commission(client(1), kind).messages[0].content for kind in KINDS}
    assert len(set(texts.values())) == 4
    assert all(f"with {kind} resistance" in text for kind, text in texts.items() if kind != "no")
    assert "without resistance" in texts["no"]


def test_the_digest_changes_with_everything_that_determines_the_answer():
    one = Commission(client(1), "no")
    others = [
        one.digest("m", {"temperature": 1}, 2),
        one.digest("n", {"temperature": 1}, 2),
        one.digest("m", {"temperature": 0}, 2),
        one.digest("m", {"temperature": 1}, 3),
        replace(one, kind="emotional").digest("m", {"temperature": 1}, 2),
        replace(one, client=client(1, reason="Another.")).digest("m", {"temperature": 1}, 2),
    ]
    assert len(set(others)) == 6 and one.digest("m", {"temperature": 1}, 2) == others[0]


def test_seeds_differ_by_session_and_attempt():
    one, other = Commission(client(1), "no"), Commission(client(1), "emotional")
    assert len({one.seed(1, 1), one.seed(1, 2), one.seed(2, 1), other.seed(1, 1)}) == 4
    request = Request(one, 2, one.seed(1, 2), "0123456789abcdef0")
    assert request.custom_id == "cactus-1-no-resistance:2:0123456789abcdef"


def test_kinds_are_parsed():
    assert parse_kinds("emotional, no,") == ("emotional", "no")


@pytest.mark.parametrize("line", ["", "none", "no, no", "Emotional"])
def test_other_kinds_are_refused(line):
    with pytest.raises(ValueError, match="emotional, cognitive, behavioral, no"):
        parse_kinds(line)
