"""The lexicon: what a cue speaks of, in the words that models and people use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.clients.lexicon import LONGEST_WORD, NEUTRAL, lexicon, stem
from pocket.drawing.expressions import EXPRESSIONS


def names(cue):
    """The expressions of a cue; one that the cue denies has a minus."""
    return [f"-{r.name}" if r.negated else r.name for r in lexicon().read(cue)]


# The table ------------------------------------------------------------------------------------------------------------


def test_each_expression_has_a_contrast_in_the_table_that_is_another():
    entries = lexicon().entries
    assert len(entries) >= 40
    for entry in entries.values():
        assert {entry.contrast, entry.denied} <= entries.keys() - {entry.name}


def test_each_sign_speaks_of_one_expression_and_stands_once():
    owners = {}
    for entry in lexicon().entries.values():
        for sign in entry.signs:
            owners.setdefault(tuple(sorted(sign.parts)), []).append(entry.name)
    assert {sign: found for sign, found in owners.items() if len(found) > 1} == {}


def test_the_beginnings_of_words_are_as_short_as_they_are_looked_for():
    parts = [part for entry in lexicon().entries.values() for sign in entry.signs for part in sign.parts]
    assert all(2 + part.endswith("*") <= len(part) + 1 <= LONGEST_WORD + 2 for part in parts)


def test_each_expression_is_short_enough_for_clip_beside_its_contrast():
    for entry in lexicon().entries.values():
        features = entry.shows.split(", ")
        assert 3 <= len(features) <= 5 and len(entry.shows.split()) <= 20, entry.name


@pytest.mark.parametrize("name", lexicon().entries)
def test_an_expression_is_found_by_its_own_name(name):
    assert names(f"looks {name}") == [name]


# The faces of the pocket ----------------------------------------------------------------------------------------------

WORDINGS = [
    (expression.name, wording)
    for expression in EXPRESSIONS.values()
    for wording in (*expression.feelings, *expression.cues, *expression.captions)
]


@pytest.mark.parametrize("name, wording", WORDINGS)
def test_the_wordings_of_the_pocket_faces_are_understood(name, wording):
    assert names(wording) == [name]


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_a_pocket_face_has_the_contrast_that_the_lexicon_gives_it(expression):
    assert lexicon().entries[expression.name].contrast == expression.contrast


# Cues -----------------------------------------------------------------------------------------------------------------

CUES = {
    "sits with arms crossed": ["defensive"],
    "Arms tightly crossed, avoiding eye contact": ["defensive", "withdrawn"],
    "looks away": ["withdrawn"],
    "glancing away, voice trembling": ["withdrawn", "anxious"],
    "Sighs.": ["tired"],
    "jaw clenched": ["tense"],
    "clenches her jaw": ["tense"],
    "eyes welling up": ["tearful"],
    "wipes away a tear": ["tearful"],
    "holds back tears": ["tearful"],
    "hardly able to hold back tears": ["tearful"],
    "shrugs": ["indifferent"],
    "rolls his eyes": ["contemptuous"],
    "Eyes widen in surprise": ["surprised"],
    "looks down at her hands, shoulders slumped": ["sad", "hopeless"],
    "fidgets with a sleeve": ["restless"],
    "bites her lower lip": ["anxious"],
    "buries face in hands": ["ashamed"],
    "a forced smile": ["strained"],
    "smiles sadly": ["sad"],
    "smiles": ["happy"],
    "her smile fades": ["disappointed"],
    "rubbing temples": ["overwhelmed"],
    "blushes": ["embarrassed"],
    "leans forward": ["attentive"],
    "ill at ease": ["anxious"],
    "stares blankly into space": ["numb"],
    "checks her phone": ["bored"],
    "rubs chin, lost in thought": ["thoughtful"],
    "eyes light up": ["hopeful"],
    "clenched fists": ["angry"],
    "grits teeth": ["angry"],
    "lonely; overwhelmed": ["lonely", "overwhelmed"],
    "hopelessly": ["hopeless"],
    "full of nervousness and guilt": ["anxious", "guilty"],
    "ANGRILY": ["angry"],
    "holds a glass of water": [],
    "": [],
    "!?": [],
}


@pytest.mark.parametrize("cue", CUES)
def test_words_and_gestures_are_understood(cue):
    assert names(cue) == CUES[cue]


def test_a_gesture_does_not_reach_into_the_next_sentence():
    assert names("Looks at the door. Away in thought, her hands still") != ["withdrawn"]
    assert "defensive" not in names("Folds a letter. Her arms rest")


def test_a_long_way_off_is_no_gesture():
    assert names("arms " + "very " * 6 + "crossed") == ["irritated"]


DENIALS = {
    "not smiling": ["-happy"],
    "without a smile": ["-happy"],
    "does not look relaxed": ["-calm"],
    "doesn't look relaxed": ["-calm"],
    "isn’t angry": ["-angry"],
    "no longer tense": ["-tense"],
    "neither sad nor happy": ["-sad", "-happy"],
    "never smiles, looks tired": ["-happy", "tired"],
    "not angry but tired": ["-angry", "tired"],
    "stopped crying": ["-tearful"],
    "cannot stop crying": ["tearful"],
    "can't stop crying": ["tearful"],
    "can't help smiling": ["happy"],
    "does not meet the therapist's eyes": ["withdrawn"],
    "no eye contact": ["withdrawn"],
    "sad, not that anyone would know": ["sad"],
}


@pytest.mark.parametrize("cue", DENIALS)
def test_what_a_cue_denies_is_not_shown(cue):
    assert names(cue) == DENIALS[cue]


GRADES = {
    "slightly skeptical": "slightly",
    "a bit sad": "a bit",
    "a little nervous": "a little",
    "very tired": "very",
    "sighs deeply": "deeply",
    "a deep sigh": "deeply",
    "with a slight frown": "slightly",
    "visibly tense": "visibly",
    "tense": "",
    "very well dressed, tense": "",
}


@pytest.mark.parametrize("cue", GRADES)
def test_grades_are_kept(cue):
    (reading,) = lexicon().read(cue)
    assert reading.grade == GRADES[cue]
    assert lexicon().face(cue).shown.startswith(f"{reading.grade} {reading.name} look, ".lstrip())


def test_a_grade_goes_with_its_own_word():
    first, second = lexicon().read("sighs deeply and looks away")
    assert (first.grade, second.grade) == ("deeply", "")


# Faces ----------------------------------------------------------------------------------------------------------------


def test_a_face_shows_the_expression_and_not_its_contrast():
    face = lexicon().face("raises one eyebrow")
    assert face.shown == "skeptical look, " + lexicon().entries["skeptical"].shows
    assert face.contrast == "attentive look, raised brows, open eyes looking up, lips a little apart"


def test_expressions_are_combined_in_order_two_at_most():
    face = lexicon().face("looks sad, tired, angry and anxious")
    assert face.shown.index("sad look") < face.shown.index("tired look")
    assert "angry" not in face.shown and "anxious" not in face.shown


def test_no_feature_is_both_shown_and_excluded():
    for cue in ("smiles, then looks down", "anxious and relieved", "attentive, skeptical", "sad, happy"):
        face = lexicon().face(cue)
        assert face.contrast
        assert not set(face.shown.split(", ")) & set(face.contrast.split(", "))


@pytest.mark.parametrize("cue", ["anxious and relieved", "relieved and anxious", "happy, but sad"])
def test_what_is_shown_is_never_its_own_contrast(cue):
    """These are each other's contrast: neither must be kept out of a face that shows both."""
    contrast = lexicon().face(cue).contrast.split(", ")
    for name in names(cue):
        assert not {f"{name} look", *lexicon().entries[name].shows.split(", ")} & set(contrast)


LOOKS = {
    "frowns in confusion": "confused look",
    "leans back and laughs": "amused look",
    "crosses her arms and glares": "angry look",
    "looks away, eyes wet": "tearful look",
    "arms crossed, looks sad": "sad look",
    "deeply sad, arms crossed": "deeply sad look",
    "folds her arms and turns away": "defensive look",
    "doesn't smile": "neutral look",
}


@pytest.mark.parametrize("cue", LOOKS)
def test_a_feeling_says_more_than_a_face_and_that_more_than_a_gesture(cue):
    face = lexicon().face(cue)
    assert face.look == LOOKS[cue] == face.shown.split(", ")[0]


TYPED = {
    "won't look at me": ["withdrawn"],
    "stares at the carpet": ["sad"],
    "raised an eyebrow": ["skeptical"],
    "raised her eyebrows": ["surprised"],
    "keeps glancing at his watch": ["bored"],
    "mouth falls open": ["surprised"],
    "a long pause": ["thoughtful"],
    "moves the cup": [],
    "opens the letter": [],
    "closes the door": [],
    "looks tierd": ["tired"],
    "tried to sit": [],
    "dissapointed": ["disappointed"],
    "wears a red sweater": [],
}


@pytest.mark.parametrize("cue", TYPED)
def test_what_people_type_is_understood(cue):
    assert [reading.name for reading in lexicon().read_cue(cue)] == TYPED[cue]


def test_spelling_is_corrected_in_cues_only():
    assert lexicon().read("tierd") == () and lexicon().felt("I feel tierd.") is None


def test_what_is_denied_must_not_show():
    face = lexicon().face("does not look relaxed")
    assert face.shown.startswith("tense look") and face.contrast.startswith("calm look")
    face = lexicon().face("tired, not angry")
    assert face.shown.startswith("tired look") and face.contrast.startswith("angry look")
    assert lexicon().face("not smiling").shown.startswith("neutral look")
    assert lexicon().face("neither anxious nor relieved").shown == lexicon().face("not anxious").shown
    assert "relieved" not in lexicon().face("not sad, not relieved, not anxious").shown


def test_a_cue_of_unknown_words_has_no_face():
    assert lexicon().face("holds a glass of water") is None


FELT = {
    "I feel so sad today.": "sad look",
    "I’m exhausted.": "tired look",
    "It makes me feel ashamed.": "ashamed look",
    "We talked. I am not sure.": "unsure look",
}


@pytest.mark.parametrize("words", FELT)
def test_what_clients_say_of_themselves_is_understood(words):
    assert lexicon().felt(words).shown.startswith(FELT[words])


@pytest.mark.parametrize("words", ["I lost my job.", "She is so sad.", "He was angry. I went home.", ""])
def test_other_words_are_no_cue(words):
    assert lexicon().felt(words) is None


def test_the_neutral_face_is_in_the_table():
    assert lexicon().neutral().shown.startswith(f"{NEUTRAL} look, ")


STEMS = {
    "smile smiles smiled smiling": "smil",
    "cry cries cried crying": "cri",
    "shrug shrugs shrugged shrugging": "shrug",
    "press presses pressed pressing": "pres",
    "anxious anxiously anxiousness": "anxious",
    "angry angrily": "angri",
    "confused confusing confusion": "confus",
    "hopeless hopelessly hopelessness": "hopeles",
    "eye eyes eyed": "ey",
}


@pytest.mark.parametrize("words", STEMS)
def test_inflections_share_a_stem(words):
    assert {stem(word) for word in words.split()} == {STEMS[words]}


@given(st.one_of(st.text(), st.lists(st.sampled_from(["not", "sad", "very", "and", ",", "looks", "away", "can't"]))))
def test_any_cue_is_read(cue):
    cue = cue if isinstance(cue, str) else " ".join(cue)
    face = lexicon().face(cue)
    assert (face is None) == (not lexicon().read_cue(cue))


def test_a_very_long_cue_is_read_as_far_as_a_cue_goes():
    assert names("sad " + "word " * 100_000) == ["sad"]
    assert names("sad " + "x" * 200_000) == ["sad"]
