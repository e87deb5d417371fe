"""Screenplays: both speakers' lines out of whatever a model wrote, and every odd line named."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mirror.building.screenplays import Line
from mirror.building.screenplays.parsing import ScreenplayError, _plain, _read, format_screenplay, parse_screenplay

SIGHS = Line("client", "sighs", "No.")
NODS = Line("therapist", "nods", "I see.")

SPELLINGS = {
    "as asked": "Client: [sighs] No.\nTherapist: [nods] I see.",
    "counselor": "Client: [sighs] No.\nCounselor: [nods] I see.",
    "counsellor": "client: [sighs] No.\nCOUNSELLOR: [nods] I see.",
    "psychotherapist": "Client : [sighs] No.\nPsychotherapist: [nods] I see.",
    "bold, colon inside": "**Client:** [sighs] No.\n**Therapist:** [nods] I see.",
    "bold, colon outside": "**Client**: [sighs] No.\n__Therapist__: [nods] I see.",
    "italic": "*Client:* [sighs] No.\n_Therapist_: [nods] I see.",
    "wide colon": "Client：[sighs] No.\nTherapist： [nods] I see.",
    "no space": "Client:[sighs]No.\nTherapist:[nods]I see.",
    "indented, blank lines": "\n\n  Client: [sighs] No.\n \t\n\tTherapist: [nods] I see.\n\n",
    "Windows": "\ufeffClient: [sighs] No.\r\n\r\nTherapist: [nods] I see.\r\n",
    "old Mac": "Client: [sighs] No.\rTherapist: [nods] I see.",
    "unclosed": 'Client: [sighs "No."\nTherapist: [nods "I see."',
    "parentheses": "Client: (sighs) No.\nTherapist: *nods* I see.",
    "quoted": 'Client: [sighs] "No."\nTherapist: [nods] “I see.”',
    "label twice": "Client: Client: [sighs] No.\nTherapist: [nods] Therapist: I see.",
    "the end": "Client: [sighs] No.\nTherapist: [nods] I see. [/END]",
    "the end alone": "Client: [sighs] No.\nTherapist: [nods] I see.\n[/END]\n",
    "the end with a label": "Client: [sighs] No.\nTherapist: [nods] I see.\nClient: [/END]",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_a_screenplay_is_read_in_all_its_spellings(text):
    assert parse_screenplay(text, "drop") == (SIGHS, NODS)


DETAILS = {
    "several brackets": (
        "Therapist: [nods] Well. [leans back] Go on.",
        Line("therapist", "nods, leans back", "Well. Go on."),
    ),
    "no bracket": ("Therapist: Go on.", Line("therapist", "", "Go on.")),
    "no words": ("Client: [looks away]", Line("client", "looks away", "")),
    "a colon in the words": ("Client: He said: no: never.", Line("client", "", "He said: no: never.")),
    "the word client": ("Therapist: My clients: all of them.", Line("therapist", "", "My clients: all of them.")),
    "END is a word": ("Client: It must END.", Line("client", "", "It must END.")),
    "a direction of one word": ("Client: [end]", None),
    "names": ("Client: [sighs] Zoë said naïve.", Line("client", "sighs", "Zoë said naïve.")),
}


@pytest.mark.parametrize("text, line", DETAILS.values(), ids=DETAILS)
def test_one_line(text, line):
    assert parse_screenplay(text, "drop") == ((line,) if line else ())


FAULTS = {
    "odd line": ("Client: No.\nshe leaves the room.\nTherapist: Well.", "odd_line", 1, "line 2 begins with neither"),
    "a direction alone": ("Client: No.\n\n[She leaves.]", "odd_line", 1, "line 3 begins with neither"),
    "a rule": ("---\nClient: No.", "odd_line", 0, "'---'"),
    "two in one line": ("Client: No. Therapist: [nods] Well.", "odd_line", 0, "a second utterance, after 'Therapist:'"),
    "after the end": ("Client: Bye. [/END]\nTherapist: Bye.", "odd_line", 1, "line 2 stands after [/END]"),
    "narrator": ("Narrator: It rains.\nClient: No.", "third_speaker", 0, "'Narrator' speaks"),
    "mother": ("Client: No.\n**Client's Mother:** Yes!", "third_speaker", 1, '"Client\'s Mother" speaks'),
    "Dr.": ("Dr. Smith: Hello.", "third_speaker", 0, "'Dr. Smith' speaks"),
    "both": ("Client: No.\nClient: Never.", "same_speaker_twice", 1, "line 2: the client speaks twice in a row"),
    "empty": ("Client: No.\nTherapist:  ", "empty_line", 1, "line 2: the therapist neither speaks nor acts"),
    "empty bracket": ("Client: []", "empty_line", 0, "line 1: the client neither speaks nor acts"),
}


@pytest.mark.parametrize("text, reason, position, detail", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_its_place(text, reason, position, detail):
    with pytest.raises(ScreenplayError) as found:
        parse_screenplay(text, "drop")
    (fault,) = found.value.faults
    assert (fault.reason, fault.position) == (reason, position)
    assert detail in fault.detail


def test_all_faults_are_reported_at_once():
    with pytest.raises(ScreenplayError) as found:
        parse_screenplay("Mother: Hm.\nClient: A.\nodd\nClient: B.\nTherapist:", "drop")
    assert [fault.reason for fault in found.value.faults] == [
        "third_speaker",
        "odd_line",
        "same_speaker_twice",
        "empty_line",
    ]


def test_lines_of_one_speaker_are_merged():
    text = "Client: [sighs] No.\nClient: Never.\nClient: [looks away]\nTherapist: I see."
    assert parse_screenplay(text, "merge") == (
        Line("client", "sighs, looks away", "No. Never."),
        Line("therapist", "", "I see."),
    )


def test_an_empty_text_has_no_lines():
    assert parse_screenplay(" \n\r\n", "drop") == ()


# What holds of any text -----------------------------------------------------------------------------------------------

PIECES = [
    *("[", "]", "(", ")", "*", "**", "_", '"', "'", "“", "”", "’", ":", "：", ".", "\n", " ", ",", "a", "É", "sighs"),
    *("\ufeff", "\u200b"),
    *(
        "Client:",
        "Therapist: ",
        "Counselor:",
        "**Client:**",
        "Mother: ",
        "[/END]",
        "END",
        "\nClient: ",
        "\nTherapist: [nods] ",
    ),
]
messy = st.lists(st.sampled_from(PIECES)).map("".join) | st.text()


@given(messy, st.sampled_from(["merge", "drop"]))
def test_what_was_read_is_read_back_the_same(text, on_same_speaker):
    try:
        lines = parse_screenplay(text, on_same_speaker)
    except ScreenplayError as error:
        assert error.faults
        return
    assert all(first.speaker != second.speaker for first, second in zip(lines, lines[1:], strict=False))
    assert all(line.direction or line.words for line in lines)
    assert parse_screenplay(format_screenplay(lines), "drop") == lines


# `end` as a direction would end the session.
plain = (
    st.from_regex(r"[A-Za-z][a-z ,.!?'’-]{0,20}[a-z.!?]", fullmatch=True)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: text.upper() != "END")
)


@pytest.mark.slow
@given(st.lists(st.tuples(plain, plain), max_size=6))
def test_plain_lines_come_back_word_by_word(parts):
    speakers = ["client", "therapist"] * len(parts)
    lines = tuple(Line(speaker, *part) for speaker, part in zip(speakers, parts, strict=False))
    assert parse_screenplay(format_screenplay(lines), "drop") == lines


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
@example("[end] a")
@example("A 'b'")
@example("a\ufeff")
@example("a\u200b")
def test_the_pattern_of_plain_lines_reads_as_the_parser_does(rest):
    for label in ("Client: ", "Therapist: "):
        row = (label + re.sub(r"[\r\n]", " ", rest)).strip(" \t")
        if line := _plain(row):
            assert _read(row, 0, 1) == (line, False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["[", "]", "[a]", "(a)", "*a*", '"', "Client:", "A ", "A. ", "*", " ", "_", "Client: a\n"]
)
def test_a_very_long_text_takes_no_longer_than_its_length(piece):
    text = piece * (200_000 // len(piece))
    for start in ("Client: ", "A", ""):
        try:
            parse_screenplay(start + text, "merge")
        except ScreenplayError as error:
            assert error.faults


def test_what_no_one_sees_is_no_utterance():
    assert parse_screenplay("Client: [sighs\u200b] \ufeff\nTherapist: \ufeffYes.\u200b", "drop") == (
        Line("client", "sighs", ""),
        Line("therapist", "", "Yes."),
    )
    with pytest.raises(ScreenplayError, match="line 1: the client neither speaks nor acts"):
        parse_screenplay("Client: \ufeff", "drop")
