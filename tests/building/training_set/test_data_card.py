"""The card says what the tables say, in a form that the Hub reads."""

import pandas as pd
import pytest
import yaml

from mirror.building.dropped import Dropped
from mirror.building.training_set.data_card import CardFacts, data_files, size_category, write_card

COUNTS = pd.DataFrame(
    [("base", "response", 1200), ("ec", "response", 1200), ("ec", "emotion_recognition", 1200)],
    columns=["cot", "kind", "records"],
)
DIALOGUES = pd.DataFrame(
    [
        ("a-1-no-resistance", "a-1", "train", "none", "p1", "ann", "Pie Chart", 700, 9000),
        ("a-1-emotional-resistance", "a-1", "train", "emotional", "p1", "ann", "Pie Chart", 400, 5000),
        ("a-2-emotional-resistance", "a-2", "train", "emotional", "p2", "bea", "Pie Chart", 100, 600),
        ("a-3-no-resistance", "a-3", "test", "none", "p3", "cem", "Pie Chart", 0, 0),
    ],
    columns=["idx", "client", "split", "resistance", "portrait", "person", "technique", "turns", "words"],
)
DROPPED = [Dropped("text", f"b-{n}", n, "repeats_words", "twice") for n in range(3)]
FACTS = CardFacts(
    "Sessions: a set",
    license="gpl-2.0",
    licences={"CACTUS": "GPL-2.0", "CelebA": "non-commercial | research"},
    sources={"table": "screenplays.csv (sha256 1f)"},
    models={"painter": "photomaker@12ab"},
    thresholds={"relevance_threshold": 0.2, "age_gap": None},
    parameters={"window": 16, "plan_when_silent": False},
    seeds={"pictures": 42},
)


def front(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_the_front_matter_is_the_hubs():
    assert front(write_card(FACTS, COUNTS, DIALOGUES, DROPPED)) == {
        "pretty_name": "Sessions: a set",
        "license": "gpl-2.0",
        "language": ["en"],
        "task_categories": ["image-text-to-text"],
        "size_categories": ["1K<n<10K"],
        "tags": ["counseling", "cognitive-behavioral-therapy", "llava", "synthetic"],
        "configs": [
            {"config_name": cot, "data_files": [{"split": "train", "path": f"mirror_{cot}.json"}]}
            for cot in ("base", "planning", "ec", "ec_planning")
        ],
    }
    parquet = front(write_card(FACTS, COUNTS, DIALOGUES, DROPPED, parquet=True))
    assert parquet["configs"][2]["data_files"][0]["path"] == "data/ec/train-*.parquet" == data_files("ec", True)


def test_the_text_has_the_numbers_of_the_tables():
    card = write_card(FACTS, COUNTS, DIALOGUES, DROPPED)
    for line in (
        "# Sessions: a set",
        "3 dialogues of 2 clients with the faces of 2 persons; 1,200 replies of the therapist with 14,600 words.",
        "| emotional | 2 | 500 | 5600 |",
        "| no resistance | 1 | 700 | 9000 |",
        "| variant | response | emotion_recognition |",
        "| `ec` | 1200 | 1200 |",
        "| `planning` | 0 | 0 |",
        "| text | repeats_words | dialogue | 3 |",
        "| relevance_threshold | 0.2 |",
        "| age_gap | off |",
        "| window | 16 |",
        "| plan_when_silent | False |",
        "| painter | photomaker@12ab |",
        "| pictures | 42 |",
        "| table | screenplays.csv (sha256 1f) |",
        r"| CelebA | non-commercial \| research |",
    ):
        assert line in card.splitlines()
    assert "**Research, not care.**" in card and "`test.csv` holds 1 further clients" in card
    assert "| cognitive |" not in card  # there is none


def test_what_is_not_known_is_not_written():
    card = write_card(CardFacts("A set"), COUNTS, DIALOGUES[DIALOGUES["split"] == "train"], [])
    assert [line for line in card.splitlines() if line.startswith("## ")] == ["## Content", "## What was left out"]
    assert "Nothing." in card and "test.csv" not in card and front(card)["license"] == "other"


@pytest.mark.parametrize(
    ("records", "name"),
    [
        (1, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (99_999, "10K<n<100K"),
        (390_491, "100K<n<1M"),
        (2**21, "1M<n<10M"),
    ],
)
def test_sizes_are_the_hubs(records, name):
    assert size_category(records) == name


def test_odd_texts_stay_in_their_cell():
    facts = CardFacts("---\nlicense: mit\n# x", models={"a\nb": "| c |\n---", "empty": ""})
    card = write_card(facts, COUNTS, DIALOGUES, [])
    assert front(card)["license"] == "other" and front(card)["pretty_name"] == "--- license: mit # x"
    assert r"| a b | \| c \| --- |" in card.splitlines() and "| empty | – |" in card.splitlines()
