"""What the data card says of a build: its sources by their rows, models, thresholds and licences."""

import random

import pytest

from mirror.building.card_facts import card_facts
from mirror.building.casting import FaceTools
from mirror.building.settings import BuildSettings
from tests import ROOT
from tests.faulty_screenplays import settings, write


class Member:
    def __init__(self, **facts):
        self._facts = facts

    def facts(self):
        return self._facts


TOOLS = FaceTools(
    Member(describer="openai", model="chat", revision="r1"),
    Member(base_model="sdxl", adapter="v1", sha256="f" * 64),
    Member(service={"facts": {"relevance": {"threshold": 0.2, "model": "clip"}, "identity": {"threshold": 0.3}}}),
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return write(tmp_path_factory.mktemp("sources"))


def test_the_order_of_rows_and_the_form_of_the_file_do_not_count(sources, tmp_path):
    other = write(tmp_path / "other", shuffle=1, odd=False)
    found = card_facts(settings(sources), TOOLS.facts(), None).sources
    assert found == card_facts(settings(other), TOOLS.facts(), None).sources and len(found) == 3
    lines = (other / "portraits.csv").read_text().splitlines()
    (other / "portraits.csv").write_text("\n".join([*random.Random(1).sample(lines, len(lines) - 1)]))
    changed = card_facts(settings(other), TOOLS.facts(), None).sources
    assert {name for name in found if found[name] != changed[name]} == {"portraits"}


def test_models_and_thresholds_are_found_wherever_they_are(sources):
    found = card_facts(settings(sources, age_gap=0, copied_words=0), TOOLS.facts(), None)
    assert found.models["describer"] == "openai r1" and found.models["describer"].endswith("r1")
    assert (
        found.models["painter, base_model"] == f"sdxl {'f' * 16}"
        and found.models["painter, adapter"] == f"v1 {'f' * 16}"
    )
    assert found.thresholds["similarity of face and cue"] == 0.2
    assert found.thresholds["similarity of face and portrait"] == 0.3
    assert found.thresholds["years between portrait and face"] is None is found.thresholds["words of a copied sentence"]
    assert found.seeds == {"all sampling, and the choice of portraits": 42}
    assert "writer of screenplays" not in found.models and found.license == "apache-2.0"


def test_several_licences_and_tables_are_told_apart(sources):
    two = f"{sources / 'portraits.csv'}; {sources / 'portraits.csv'}"
    licences = "dialogues: GPL-2.0; portraits: research only; other"
    found = card_facts(settings(sources, portrait_table=two, licences=licences, test_table=""), TOOLS.facts(), None)
    assert found.licences == {"dialogues": "GPL-2.0", "portraits": "research only", "all": "other"}
    assert found.license == "other" and list(found.sources) == ["table", "portraits 1", "portraits 2"]


def test_sessions_name_their_runs_and_no_painter():
    changes = {"source": "runs", "runs": "results/a", "accept": "names >= 0.8", "test_table": ""}
    own = BuildSettings.from_file(ROOT / "params/build/pocket.yaml", False, **changes)
    found = card_facts(own, {}, None)
    assert found.sources == {"runs": "results/a; sessions: names >= 0.8"}
    assert found.models == {"reader of risk": "lexicon"} and found.thresholds["similarity of face and cue"] is None
