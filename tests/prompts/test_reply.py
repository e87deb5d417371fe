"""The words that a client hears of what a model wrote."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.prompts.reply import clean_reply


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("  How are\nyou? ", "How are you?"),
        ("Therapist: How are you?", "How are you?"),
        ("**Counsellor:** How are you?", "How are you?"),
        ("[AI]: How are you?", "How are you?"),
        ("AI therapist (gently): How are you?", "How are you?"),
        ("psychotherapist：How are you?", "How are you?"),
        ("I see. Therapist: How are you?", "I see. How are you?"),
        ("I see. therapist: how are you?", "I see. therapist: how are you?"),
        ("As a therapist: I listen.", "As a therapist: I listen."),
        ("How are you?\nClient: Fine.\nTherapist: Good.", "How are you?"),
        ("How are you? Client: Fine.", "How are you?"),
        ("The client: a word.", "The client: a word."),
        ("[leans in] How are you?", "How are you?"),
        ("I said [sic] so.", "I said [sic] so."),
        ("Therapist: [nods]", "[nods]"),
        ("Client: Fine.", ""),
        ("", ""),
        ("It is hard. And", "It is hard. And"),
    ],
)
def test_labels_and_stage_directions_are_left_out_and_no_sentence_is_lost(raw, words):
    assert clean_reply(raw) == words


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="abc .,!?’é", max_size=60))
def test_words_without_labels_stay_on_one_line(text):
    assert clean_reply(text) == " ".join(text.split())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["Therapist:", "Client: No.", "[nods]", "**AI:** Yes.", "Yes.", " "]), max_size=12))
def test_a_clean_reply_is_one_line_and_holds_nothing_of_the_client(parts):
    words = clean_reply("\n".join(parts))
    before = parts[: parts.index("Client: No.")] if "Client: No." in parts else parts
    spoken = " ".join(["Yes."] * sum("Yes." in part for part in before))
    assert words == (spoken or " ".join(["[nods]"] * before.count("[nods]")))
