"""From recorded lines to turns, and the digest of what was recorded."""

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mirror.replay.recording import Line, RecordedTurn, Recording, RecordingError, recordings_digest, turns_of
from tests.sessions import CLIENT

LINES = st.lists(st.builds(Line, st.sampled_from(["client", "counselor"]), st.sampled_from(["a", "b c", "d"])))


def test_the_counselor_may_open_and_the_last_words_may_stay_without_a_reply():
    said = [
        Line("counselor", "Hello."),
        Line("client", "Hm.", "shrugs"),
        Line("counselor", "Yes?"),
        Line("client", "No."),
    ]
    assert turns_of(said) == ("Hello.", (RecordedTurn("Hm.", "shrugs", None, "Yes?"), RecordedTurn("No.")))


def test_lines_of_one_speaker_in_a_row_are_one(tmp_path):
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    said = [Line("client", "I fell.", "limps", first), Line("client", "", "sighs", second), Line("client", "Badly.")]
    assert turns_of(said) == ("", (RecordedTurn("I fell. Badly.", "limps, sighs", second),))


@given(LINES)
def test_no_word_is_lost_and_none_changes_its_speaker(lines):
    opening, turns = turns_of(lines)
    words = {
        "client": [word for turn in turns for word in turn.words.split()],
        "counselor": [word for text in (opening, *(turn.reply for turn in turns)) for word in text.split()],
    }
    for speaker, said in words.items():
        assert said == [word for line in lines if line.speaker == speaker for word in line.words.split()]


def test_the_digest_changes_with_all_that_the_counselor_may_notice(tmp_path):
    picture = tmp_path / "1.png"
    Image.new("RGB", (8, 8)).save(picture)
    whole = RecordedTurn("I fell.", "limps", picture, "Oh.")
    others = [
        RecordedTurn("I fall.", "limps", picture, "Oh."),
        RecordedTurn("I fell.", "sighs", picture, "Oh."),
        RecordedTurn("I fell.", "limps", None, "Oh."),
        RecordedTurn("I fell.", "limps", picture, "Ah."),
        RecordedTurn("I fell.", "limps", picture, "Oh.", ended=True),
    ]
    digests = [recordings_digest([Recording(CLIENT, (turn,))]) for turn in (whole, *others)]
    digests.append(recordings_digest([Recording(CLIENT, (whole,), "Hello.")]))
    Image.new("RGB", (8, 8), "red").save(picture)
    digests.append(recordings_digest([Recording(CLIENT, (whole,))]))
    assert len(set(digests)) == len(digests)


def test_many_faults_are_counted():
    error = RecordingError([f"fault {number}" for number in range(25)])
    assert len(error.faults) == 25 and str(error).splitlines()[-2:] == ["fault 19", "and 5 more faults"]
