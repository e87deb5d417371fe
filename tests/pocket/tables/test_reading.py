"""The builder reads the committed pocket sources as they are meant, and its filters of texts drop none of them."""

from dataclasses import replace

import pytest

from mirror.building.screenplays.columns import parse_columns
from mirror.building.screenplays.filters import TextRules, filter_texts
from mirror.building.screenplays.parts_of_speech import load_tagger
from mirror.building.screenplays.table import read_clients, read_screenplays
from mirror.risk.lexicon import RiskLexicon
from pocket.tables import profiles
from pocket.tables.sources import FOLDER, SCREENPLAYS
from pocket.texts.screenplays import make_dialogues, make_screenplay


@pytest.fixture(scope="module")
def read():
    return read_screenplays(FOLDER / SCREENPLAYS, parse_columns(""), "drop", "drop", needs_plan=True)


def test_the_table_gives_the_screenplays_back(read):
    assert not read.dropped
    assert [replace(one, source="") for one in read.kept] == [make_screenplay(one) for one in make_dialogues()]


def test_the_clients_are_those_held_out():
    found = read_clients(FOLDER / profiles.TABLE, parse_columns(""), "drop")
    assert not found.dropped
    for one, client in zip(found.kept, profiles.make_clients(), strict=True):
        assert (one.idx, one.info.gender, one.info.age) == (str(client.idx), client.gender, client.age)
        assert one.person == ";".join(profiles.portrait_images(client))


def test_every_text_passes_the_filters(read):
    assert filter_texts(read.kept, TextRules(), load_tagger("hanta"), RiskLexicon("passive")).dropped == ()
