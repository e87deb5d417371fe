"""One conversation by hand: the turns of a session, with what every collaborator was asked; and the panel over it."""

import nbformat
import pytest

from mirror.counseling.casting import with_counselor
from mirror.counseling.settings import CounselSettings
from mirror.exploration.panel import Panel
from mirror.exploration.run import Exploration, demo_checkpoint
from mirror.exploration.settings import ExploreSettings
from mirror.exploration.transcript import save
from mirror.exploration.view.step import escaped, step_page
from mirror.paths import input_path
from mirror.settings.errors import SettingsError
from mirror.transcripts.session_folder import SessionFolder
from tests import ROOT

PARAMETERS = {
    "configuration": "params/counsel/pocket-llava.yaml",
    "checkpoint": "",
    "cot": "ec_planning",
    "client": "61",
    "turns": 1,
    "cue": "frowns",
    "words": "<b>No.</b>",
    "seed": 3,
}
SMALL = ("steps: 2", "steps: 1"), ("attempts: 10", "attempts: 2"), ("max_new_tokens: 64", "max_new_tokens: 8")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """The pocket configuration, painted and said in less."""
    text = (ROOT / PARAMETERS["configuration"]).read_text()
    for whole, small in SMALL:
        assert whole in text
        text = text.replace(whole, small)
    path = tmp_path_factory.mktemp("params") / "small.yaml"
    path.write_text(text)
    return ExploreSettings.checked(PARAMETERS | {"configuration": str(path)}, "parameter")


@pytest.fixture(scope="module")
def exploration(settings):
    return Exploration(settings)


@pytest.fixture
def begun(exploration):
    exploration.begin("61")
    return exploration


@pytest.mark.slow
def test_a_typed_turn_is_a_turn_of_the_session(begun):
    opening = begun.listen()
    assert opening.taken.turn.number == 1 and opening.taken.turn.words == ""
    step = begun.say(" frowns ", "I can not sleep.")
    turn = step.taken.turn
    assert (turn.number, turn.cue, turn.words) == (2, "frowns", "I can not sleep.")
    assert [t.number for t in begun.conversation.turns] == [1, 2]
    asked = step.taken.face.request
    assert asked.statement == turn.face.statement == "a facial photo with irritated look"
    assert turn.description["expression"] in asked.prompt
    assert turn.description["contrast"] in asked.negative_prompt
    assert list(turn.counselor_raw) == ["emotion_recognition", "planning", "response"]
    prompts = step.taken.reply.prompts
    assert list(prompts) == list(turn.counselor_raw)
    assert all("frowns" not in prompt for prompt in prompts.values()), "the counselor must never read the cue"
    assert "I can not sleep." in prompts["response"]


@pytest.mark.slow
def test_the_same_turn_comes_out_again(begun):
    first = begun.say("frowns", "No.").taken.turn
    begun.begin("61")
    assert begun.say("frowns", "No.").taken.turn == first


@pytest.mark.slow
def test_a_turn_is_shown_whole_and_escaped(begun):
    step = begun.say("<i>frowns</i>", "<script>alert(1)</script>")
    page, turn = step_page(step), step.taken.turn
    assert "<script>" not in page and "&lt;script&gt;alert(1)" in page and "&lt;i&gt;frowns" in page
    assert page.count("<img") == 1 + len(turn.face.attempts)
    assert page.count("<figure class='chosen'>") == 1
    assert page.count("<summary>prompt</summary>") == 1 + len(turn.counselor_raw)


@pytest.mark.slow
def test_the_page_says_what_was_read_and_what_the_filter_was_asked(begun):
    page = step_page(begun.say("frowns slightly", "No."))
    assert "lexicon read the cue “frowns slightly” as “slightly irritated look”" in page
    assert "the relevance filter was asked for “a facial photo with slightly irritated look”" in page


@pytest.mark.slow
def test_the_page_says_where_nothing_could_be_read(begun):
    step = begun.say("ties the shoelaces", "No.")
    assert step.taken.turn.description["fallback"]
    assert "lexicon could read nothing of the cue “ties the shoelaces”: the face is neutral" in step_page(step)
    assert step.taken.face.request.statement == "a facial photo with neutral look"
    assert "neutral look" in step.taken.face.request.prompt


@pytest.mark.slow
def test_the_default_cue_of_the_notebook_is_accepted(tmp_path):
    cells = nbformat.read(ROOT / "notebooks/explore.ipynb", as_version=4).cells
    (source,) = (cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))
    parameters: dict = {}
    exec(source, parameters)  # the cell is our own
    known = ExploreSettings.model_fields
    settings = ExploreSettings.checked({k: v for k, v in parameters.items() if k in known}, "parameter")
    exploration = Exploration(settings.model_copy(update={"checkpoint": ""}))
    exploration.listen(settings.turns)
    turn = exploration.say(settings.cue, settings.words).taken.turn
    assert not turn.face.exhausted and not turn.description["fallback"]


# The counselor --------------------------------------------------------------------------------------------------------


def configured(name, **changes):
    return CounselSettings.from_file(ROOT / f"params/counsel/{name}.yaml", check_files=False, **changes)


def test_the_demos_checkpoint_takes_the_untrained_ones_place_where_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path))
    assert demo_checkpoint(configured("pocket-llava")) == ""
    for cot in ("base", "ec_planning"):
        name = f"checkpoints/llava-v1.5-pocket-mirror_{cot}-task-lora-epoch2"
        (tmp_path / name).mkdir(parents=True)
        assert demo_checkpoint(configured("pocket-llava", cot=cot)) == name
    assert demo_checkpoint(configured("pocket-llava", cot="planning")) == ""
    assert demo_checkpoint(configured("pocket-base")) == demo_checkpoint(configured("llava-7b")) == ""


def test_it_is_said_who_counsels(begun):
    assert begun.counselor.startswith("The counselor is not fine-tuned: pocket/models/llava-v1.5-pocket")
    assert "`make demo`" in begun.counselor


def test_a_client_who_is_not_in_the_table_is_refused(settings):
    with pytest.raises(SettingsError, match="has no client 7; it has 60, 61, .* and others"):
        Exploration(settings.model_copy(update={"client": "7"}))


def test_a_configuration_that_is_not_there_is_refused():
    with pytest.raises(SettingsError, match="configuration: no such file .*nowhere.yaml; name one of params/counsel/"):
        ExploreSettings.checked(PARAMETERS | {"configuration": "nowhere.yaml"}, "parameter")


def test_the_configurations_own_values_stay_where_nothing_is_given(settings):
    assert settings.changes == {"seed": 3, "cot": "ec_planning"}
    assert settings.model_copy(update={"cot": "", "checkpoint": "c"}).changes == {"seed": 3, "checkpoint": "c"}


# The panel ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_person_speaks_and_sees_the_answer(begun):
    panel = Panel(begun)
    panel.cue.value, panel.words.value = "looks skeptical", "Why should I?"
    panel.buttons["say"].click()
    (shown,) = panel.turns.children
    turn = begun.conversation.turns[-1]
    assert (turn.cue, turn.words) == ("looks skeptical", "Why should I?")
    assert "Why should I?" in shown.value and "data:image/png" in shown.value and escaped(turn.reply) in shown.value
    assert panel.words.value == "" and panel.chat.fault is None


@pytest.mark.slow
def test_two_real_counselors_answer_the_same_face_and_words(settings, exploration, tmp_path, monkeypatch):
    """The second one is loaded beside the models of the first, and replies as it would alone."""
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path))
    other = tmp_path / "other.yaml"
    text = input_path(settings.configuration).read_text()
    other.write_text(text.replace("cot: base", "cot: planning").replace("tokens: 128", "tokens: 8"))
    pair = Exploration(settings.model_copy(update={"against": str(other), "cot": "base"}))
    pair.__dict__["cast"] = with_counselor(exploration.cast, pair.settings)
    pair.say("frowns", "I can not sleep.")
    first, second = (step.taken for step in pair.exchanges[0].steps)
    assert first.face is second.face and list(first.turn.counselor_raw) == ["response"]
    assert list(second.turn.counselor_raw) == ["planning", "response"]
    alone = Exploration(settings.model_copy(update={"configuration": str(other), "cot": ""}))
    alone.__dict__["cast"] = pair.casts[1]
    assert alone.say("frowns", "I can not sleep.").taken.turn == second.turn
    _, folders = save(pair)
    assert [SessionFolder(folder).turns() for folder in folders] == [(first.turn,), (second.turn,)]
