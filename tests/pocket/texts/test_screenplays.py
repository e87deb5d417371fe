"""Pocket dialogues as screenplays, and the table of them."""

import csv
import io

import pytest

from mirror.clients.lexicon import lexicon, read_feelings
from mirror.faces.description import DescriptionRequest, LexiconDescriber
from mirror.prompts import TECHNIQUES, Utterance, parse_plan, parse_utterance
from mirror.transcripts.profile import resistance_of
from pocket.drawing.expressions import EXPRESSIONS, expression_of
from pocket.texts.screenplays import CLIENTS, COLUMNS, DIRECTIONS, format_table, idx_of, make_screenplay
from pocket.texts.screenplays import make_dialogues as make
from pocket.texts.traps import TRAPS
from pocket.texts.worries import WORRIES


@pytest.fixture(scope="module")
def dialogues():
    return make()


@pytest.fixture(scope="module")
def rows(dialogues):
    return list(csv.DictReader(io.StringIO(format_table(dialogues))))


def test_client_and_therapist_take_turns_and_the_client_is_silent_first(dialogues):
    for dialogue in dialogues:
        lines = make_screenplay(dialogue).lines
        assert [line.speaker for line in lines] == ["client", "therapist"] * len(dialogue.exchanges)
        assert [line.words for line in lines[::2]] == [exchange.client for exchange in dialogue.exchanges]
        assert [line.words for line in lines[1::2]] == [exchange.therapist for exchange in dialogue.exchanges]
        assert [line.direction for line in lines[::2]] == [exchange.caption for exchange in dialogue.exchanges]
        assert not lines[0].words and all(line.words for line in lines[1:])


def test_some_lines_of_therapists_have_a_direction(dialogues):
    directions = [line.direction for d in dialogues for line in make_screenplay(d).lines[1::2]]
    assert set(directions) == {"", *DIRECTIONS}
    assert 0.1 < sum(map(bool, directions)) / len(directions) < 0.3


def test_a_screenplay_knows_its_client_and_its_plan(dialogues):
    for dialogue in dialogues:
        screenplay, client = make_screenplay(dialogue), dialogue.client
        assert (screenplay.technique, screenplay.plan) == (dialogue.technique, dialogue.plan)
        assert (screenplay.info.gender, screenplay.info.age) == (client.gender, client.age)
        assert screenplay.client == f"pocket-{client.idx:03d}"
        assert not screenplay.portrait and not screenplay.person and not screenplay.pictures


def test_every_dialogue_has_its_own_idx_that_names_the_resistance(dialogues):
    kinds = {"Emotional": "emotional", "Cognitive": "cognitive", "Behavioral": "behavioral", "No Resistance": "no"}
    idxs = [idx_of(dialogue.client) for dialogue in dialogues]
    assert len(set(idxs)) == CLIENTS == len(idxs)
    for dialogue, idx in zip(dialogues, idxs, strict=True):
        assert idx == f"pocket-{dialogue.client.idx:03d}-{kinds[dialogue.client.resistance]}-resistance"


def test_a_row_has_the_published_columns(dialogues, rows):
    assert len(rows) == CLIENTS and set(rows[0]) == set(COLUMNS)
    assert all(cell.strip() for row in rows for cell in row.values())
    for row, dialogue in zip(rows, dialogues, strict=True):
        plan = parse_plan(f"CBT technique: {row['cbt_technique']}\nCounseling plan:\n{row['cbt_plan']}")
        assert (plan.technique, plan.steps) == (dialogue.technique, dialogue.plan)
        assert resistance_of(row["personality"]) == dialogue.client.resistance.lower().replace("no resistance", "none")
        assert row["dominant_gender"] == dialogue.client.gender.capitalize()
    assert {row["cbt_technique"] for row in rows} == set(TECHNIQUES)


def test_every_thought_has_its_trap():
    assert TRAPS.keys() == {worry.thought for worry in WORRIES} and all(TRAPS.values())


def test_a_line_can_be_read_back(dialogues, rows):
    for row, dialogue in zip(rows, dialogues, strict=True):
        texts, lines = row["dialogue"].split("\n"), make_screenplay(dialogue).lines
        assert len(texts) == len(lines)
        for text, line in zip(texts, lines, strict=True):
            assert text.startswith(f"{line.speaker.capitalize()}: ") and text.endswith(line.words)
            if line.speaker == "client":
                assert parse_utterance(text) == Utterance(line.direction, line.words)


FEELINGS = [(name, feeling) for name, expression in EXPRESSIONS.items() for feeling in expression.feelings]


@pytest.mark.parametrize("name, feeling", FEELINGS)
def test_the_describer_reads_a_cue_as_the_expression_that_is_meant(name, feeling):
    """The painter paints what the describer reads."""
    (description,) = LexiconDescriber().describe([DescriptionRequest("", Utterance(f"Looks {feeling}", ""))])
    assert description.relevance_text == f"{name} look" and not description.fallback
    assert description.expression.startswith(f"{name} look, {lexicon().entries[name].shows}")
    assert read_feelings(f"Looks {feeling}") == (name,)


def test_the_cues_of_the_screenplays_are_those(dialogues):
    cues = {line.direction for d in dialogues for line in make_screenplay(d).lines if line.speaker == "client"}
    assert cues <= {f"Looks {feeling}" for _, feeling in FEELINGS}
    assert {expression_of(cue).name for cue in cues} == set(EXPRESSIONS)
