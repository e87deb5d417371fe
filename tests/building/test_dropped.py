"""What steps left out, as tables: one row each, or counted by step and reason in the order of the steps."""

from mirror.building.dropped import Dropped, count_reasons, dropped_table, kept_and_dropped

DROPPED = (
    Dropped("text", "b", 3, "repeated_words", "half of them"),
    Dropped("picture", "c", 4, "no_face", "none", "turn"),
    Dropped("read", "a", None, "odd_line", "line 2"),
    Dropped("text", "d", 0, "repeated_words", "all of them"),
    Dropped("picture", "e", 4, "no_face", "none"),
)


def test_each_is_a_row():
    table = dropped_table(DROPPED)
    assert table.columns.tolist() == ["step", "idx", "line", "reason", "detail", "what"]
    assert table["idx"].tolist() == list("bcade") and table["line"].isna().tolist() == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert table["line"].dtype == "Int64"


def test_reasons_are_counted_in_the_order_of_the_steps():
    assert count_reasons(DROPPED).values.tolist() == [
        ["read", "odd_line", "dialogue", 1],
        ["text", "repeated_words", "dialogue", 2],
        ["picture", "no_face", "dialogue", 1],
        ["picture", "no_face", "turn", 1],
    ]


def test_what_was_kept_comes_first():
    table = kept_and_dropped(7, DROPPED)
    assert table.iloc[0].tolist() == ["", "kept", "dialogue", 7] and table["count"].sum() == 12
    assert kept_and_dropped(0, ()).values.tolist() == [["", "kept", "dialogue", 0]]
    assert dropped_table(()).empty and count_reasons(()).empty
