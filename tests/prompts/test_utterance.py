"""Utterances of the client: cue, words and end, out of whatever a model writes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.prompts import Utterance, format_utterance, parse_utterance

EXAMPLES = {
    "as asked": ("Client: [looks away] I don't know.", "looks away", "I don't know."),
    "no label": ("[looks away] I don't know.", "looks away", "I don't know."),
    "label twice": ("Client: Client: [looks away] No.", "looks away", "No."),
    "label on every line": ("Client: [looks away]\nClient: No.\nClient: Never.", "looks away", "No. Never."),
    "label behind the cue": ("[looks away] Client: No.", "looks away", "No."),
    "label in the cue": ("[Client: looks away] No.", "looks away", "No."),
    "bold label": ("**Client:** [sighs] No.", "sighs", "No."),
    "bold label, colon outside": ("__client__: [sighs] No.", "sighs", "No."),
    "capitals": ("CLIENT : [sighs] No.", "sighs", "No."),
    "a word like the label": ("Clients: they never pay.", "", "Clients: they never pay."),
    "the label's word inside": ("[sighs] My client: gone.", "sighs", "My client: gone."),
    "several cues": ("[sighs] I try. [looks down] But no.", "sighs, looks down", "I try. But no."),
    "cues that are sentences": ("[Sighs.] Well. [Looks down.]", "Sighs. Looks down.", "Well."),
    "cue only": ("Client: [sits with arms crossed]", "sits with arms crossed", ""),
    "words only": ("Client: I don't know.", "", "I don't know."),
    "empty": ("", "", ""),
    "empty cue": ("[] Well.", "", "Well."),
    "colons": ("Client: [frowns: hard] He said: no: never.", "frowns: hard", "He said: no: never."),
    "nested brackets": ("[sighs [softly] again] No.", "sighs softly again", "No."),
    "parentheses in the cue": ("[sighs (softly)] No (never).", "sighs (softly)", "No (never)."),
    "bold cue": ("**[sighs]** No.", "sighs", "No."),
    "unclosed, next line": ("[looks away\nI don't know.", "looks away", "I don't know."),
    "unclosed, sentence": ("[Looks away. I don't know.", "Looks away.", "I don't know."),
    "unclosed, quotation": ('[looks away "I don\'t know."', "looks away", "I don't know."),
    "unclosed, all there is": ("Client: Well. [pauses and lo", "pauses and lo", "Well."),
    "unclosed, another follows": ("[sighs [looks away] No.", "sighs, looks away", "No."),
    "never opened": ("looks away] No.", "", "looks away No."),
    "quoted words": ('Client: [sighs] "I don\'t know."', "sighs", "I don't know."),
    "curly quotes": ("[sighs] “I don’t know.”", "sighs", "I don’t know."),
    "single quotes": ("[sighs] 'I don't know.'", "sighs", "I don't know."),
    "two quotations": ('[sighs] "No" is not "yes"', "sighs", '"No" is not "yes"'),
    "quotes around all": ('"Client: [sighs] No."', "sighs", "No."),
    "parenthesis first": ("Client: (sighs) No.", "sighs", "No."),
    "parenthesis in parenthesis": ("(sighs (softly)) No.", "sighs (softly)", "No."),
    "asterisks first": ("*looks away* No.", "looks away", "No."),
    "bold asterisks first": ("**looks away** No.", "looks away", "No."),
    "several in front": ("(sighs) *looks away* No.", "sighs, looks away", "No."),
    "parenthesis later": ("No (never) again.", "", "No (never) again."),
    "asterisks later": ("I *really* tried.", "", "I *really* tried."),
    "parenthesis beside a bracket": ("(well) I [sighs] tried.", "sighs", "(well) I tried."),
    "line breaks": ("[sighs]\n\nI try.\nI do.", "sighs", "I try. I do."),
}


@pytest.mark.parametrize("text, cue, words", EXAMPLES.values(), ids=EXAMPLES)
def test_cue_and_words_are_read(text, cue, words):
    assert parse_utterance(text) == Utterance(cue, words, ended=False)


ENDS = {
    "as asked": ("Client: [nods] Thank you. [/END]", Utterance("nods", "Thank you.", True)),
    "without the slash": ("[nods] Thank you. [END]", Utterance("nods", "Thank you.", True)),
    "first": ("[/END] Client: [nods] Bye.", Utterance("nods", "Bye.", True)),
    "in the middle": ("[nods] Bye. [/end] Really.", Utterance("nods", "Bye. Really.", True)),
    "alone": ("[/END]", Utterance("", "", True)),
    "with blanks": ("Bye. [ / END ]", Utterance("", "Bye.", True)),
    "cut off": ("[nods] Bye. [/END", Utterance("nods", "Bye.", True)),
    "in a cue": ("[nods [/END]] Bye.", Utterance("nods", "Bye.", True)),
    "with a cue in parentheses": ("(nods) Bye. [/END]", Utterance("nods", "Bye.", True)),
}


@pytest.mark.parametrize("text, utterance", ENDS.values(), ids=ENDS)
def test_the_client_ends_the_session(text, utterance):
    assert parse_utterance(text) == utterance


@pytest.mark.parametrize(
    "text",
    [
        "It must END.",
        "THE END",
        "[WEEKEND] I like it.",
        "[bends down] The WEEKEND and the LEGEND.",
        "[at the end] No.",
        "*END* it.",
        "(END) it.",
        "END/",
        "/END",
    ],
)
def test_the_word_alone_ends_nothing(text):
    assert not parse_utterance(text).ended


# What holds of any text -----------------------------------------------------------------------------------------------

PIECES = ["[", "]", "(", ")", "*", "**", "_", '"', "'", "“", "”", ":", ".", "\n", " ", "/", ",", "a", "É", "sighs"]
MARKS = ["Client:", "client", "CLIENT: ", "**Client:**", "[/END]", "[END]", "/END", "END"]
messy = st.one_of(
    st.text(), st.lists(st.sampled_from(PIECES)).map("".join), st.lists(st.sampled_from(PIECES + MARKS)).map("".join)
)


def letters(text):
    return sorted(re.sub(r"[\W_]", "", text))


@given(messy)
def test_any_text_is_read_and_read_back_the_same(text):
    utterance = parse_utterance(text)
    assert parse_utterance(format_utterance(utterance)) == utterance


@given(messy)
def test_cue_and_words_are_one_line_without_brackets(text):
    utterance = parse_utterance(text)
    for part in (utterance.cue, utterance.words):
        assert "[" not in part and "]" not in part and part == " ".join(part.split())


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_no_word_is_lost(text):
    utterance = parse_utterance(text)
    if not utterance.ended and "client" not in text.lower():
        assert letters(utterance.cue + utterance.words) == letters(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["[", "]", "[ ", "[/", "[a]", "(a)", "*a*", "(", '"', "'a", "client:", "[/END]", "*\n", " ", "a"]
)
def test_a_very_long_text_takes_no_longer_than_its_length(piece):
    """A pattern that backtracks would not come to its end within the hour."""
    text = piece * (100_000 // len(piece))
    utterance = parse_utterance(f"[{text}")
    assert parse_utterance(format_utterance(utterance)) == utterance
    assert parse_utterance(f"{text}END]") is not None


WORD = st.text(st.characters(categories=["L", "N"]), min_size=1)
PLAIN = st.lists(WORD, max_size=6).map(" ".join)


@given(st.lists(st.tuples(PLAIN, PLAIN), max_size=4), st.booleans())
def test_the_words_between_cues_keep_their_order(pairs, ended):
    text = "Client: " + " ".join(f"[{cue}] {words}" for cue, words in pairs) + " [/END]" * ended
    pairs = [(cue, words) for cue, words in pairs if cue.lower() != "end"]
    utterance = parse_utterance(text)
    assert utterance.words == " ".join(words for _, words in pairs if words)
    assert utterance.cue == ", ".join(cue for cue, _ in pairs if cue)


@given(PLAIN, PLAIN, st.booleans())
def test_an_utterance_of_plain_words_survives_its_text(cue, words, ended):
    utterance = Utterance("" if cue.lower() == "end" else cue, words, ended)
    assert parse_utterance(format_utterance(utterance)) == utterance
