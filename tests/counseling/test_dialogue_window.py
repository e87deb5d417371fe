"""The part of a dialogue that a prompt holds: the newest utterances, and the end of the newest if it is too long."""

from mirror.counseling.dialogue_window import CUT, end_of, fit_prompt

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
