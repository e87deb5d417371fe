"""The part of a dialogue that a prompt holds: the newest utterances, and the end of the newest if it is too long."""

from hypothesis import given
from hypothesis import strategies as st

from mirror.counseling.dialogue_window import CUT, end_of, fit_memory, fit_prompt

DIALOGUE = [("client", "One."), ("therapist", "Two."), ("client", "Three.")]


def write(dialogue):
    return " ".join(words for _, words in dialogue)


def test_all_that_fits_is_kept():
    fitted = fit_prompt(DIALOGUE, 16, write, lambda prompt: True)
    assert (fitted.text, fitted.dropped_utterances, fitted.cut_characters) == ("One. Two. Three.", 0, 0)


def test_the_oldest_utterances_go_first():
    assert fit_prompt(DIALOGUE, 2, write, lambda prompt: True).text == "Two. Three."
    fitted = fit_prompt(DIALOGUE, 16, write, lambda prompt: len(prompt) <= 6)
    assert (fitted.text, fitted.dropped_utterances, fitted.cut_characters) == ("Three.", 2, 0)


def test_of_a_newest_utterance_that_does_not_fit_as_much_of_the_end_is_kept_as_does():
    words = "x" * 300
    fitted = fit_prompt([*DIALOGUE, ("client", words)], 16, write, lambda prompt: len(prompt) <= 200)
    assert fitted.text == CUT + "x" * (200 - len(CUT))
    assert (fitted.dropped_utterances, fitted.cut_characters) == (3, 300 - (200 - len(CUT)))


def test_a_cut_utterance_starts_at_a_word_if_one_begins_nearby():
    assert end_of("never mind " + "y" * 100, 105) == CUT + "y" * 100
    assert end_of("z" * 200, 100) == CUT + "z" * 100


def test_what_does_not_fit_at_all_is_none():
    assert fit_prompt([], 16, write, lambda prompt: False) is None
    assert fit_prompt(DIALOGUE, 16, write, lambda prompt: False) is None
    assert fit_prompt([("client", "w" * 300)], 16, write, lambda prompt: len(prompt) < 80) is None


EARLIER = [(1, "client", "a"), (1, "therapist", "bb"), (2, "client", "ccc")]


def write_all(earlier, dialogue):
    return " ".join([*(words for _, _, words in earlier), *(words for _, words in dialogue)])


def test_of_earlier_sessions_the_oldest_go_first_and_this_one_stays():
    for room, text, remembered in (
        (25, "a bb ccc One. Two. Three.", 3),
        (24, "bb ccc One. Two. Three.", 2),
        (20, "ccc One. Two. Three.", 1),
        (16, "One. Two. Three.", 0),
        (11, "Two. Three.", 0),
    ):
        fitted = fit_memory(EARLIER, DIALOGUE, 16, write_all, lambda prompt, room=room: len(prompt) <= room)
        assert (fitted.text, fitted.remembered) == (text, remembered)
    assert fitted.dropped_utterances == 1


def test_the_context_counts_the_utterances_of_this_session():
    fitted = fit_memory(EARLIER, DIALOGUE, 1, write_all, lambda prompt: True)
    assert (fitted.text, fitted.dropped_utterances, fitted.remembered) == ("a bb ccc Three.", 2, 3)


@given(st.lists(st.integers(1, 9), max_size=8), st.integers(0, 60))
def test_what_is_remembered_is_the_longest_end_that_fits(lengths, room):
    earlier = [(1, "client", "x" * length) for length in lengths]
    fitted = fit_memory(earlier, DIALOGUE, 16, write_all, lambda prompt: len(prompt) <= room)
    fitting = [n for n in range(len(earlier) + 1) if len(write_all(earlier[len(earlier) - n :], DIALOGUE)) <= room]
    assert (fitted.remembered if fitted else 0) == max(fitting, default=0)
