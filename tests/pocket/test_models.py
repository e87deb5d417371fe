"""The pocket models of painter and filters: loaded by the calls that load the published ones; what they have learned.

What they score at length stands in their model cards; here a few turns must come close to it.
"""

import pytest
from diffusers import StableDiffusionXLPipeline
from insightface.app import FaceAnalysis
from transformers import AutoModelForImageClassification, AutoTokenizer, CLIPModel

from mirror.faces.clip_text import tokens
from pocket.painter import pack as painterpack
from pocket.painter.clip import CLIP_FOLDER, SAFETY_FOLDER, prompt_corpus, train_clip_tokenizer
from pocket.painter.diffusion import PIPELINE_FOLDER
from pocket.painter.evaluation import FAMILY, evaluate_filters, evaluate_painter

MODELS = PIPELINE_FOLDER.parent
SEED = 3  # other people than those of the model cards


@pytest.fixture(scope="module")
def verifier():
    return painterpack.load_verifier()


@pytest.fixture(scope="module")
def painter():
    return painterpack.load_painter()


def test_the_libraries_own_loaders_take_the_folders():
    pipeline = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER)
    assert type(pipeline.unet).__name__ == "UNet2DConditionModel" and pipeline.vae_scale_factor == 4
    assert CLIPModel.from_pretrained(CLIP_FOLDER).config.projection_dim == 64
    assert AutoModelForImageClassification.from_pretrained(SAFETY_FOLDER).config.id2label == {0: "normal", 1: "nsfw"}
    pack = FaceAnalysis(name=str(MODELS / "faces-pocket"), providers=["CPUExecutionProvider"])
    assert {"detection", "recognition", "genderage"} <= pack.models.keys()


def test_all_models_together_are_small():
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) <= 25e6


def test_the_tokenizer_is_clips_kind():
    tokenizer = AutoTokenizer.from_pretrained(CLIP_FOLDER)
    assert type(tokenizer).__name__ == "CLIPTokenizer" and tokenizer.model_max_length == 77
    text = "A facial photo with naïve smile – 感 1"
    ids = tokens(tokenizer, text)
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False).replace(" ", "") == text.lower().replace(" ", "")
    assert all(len(tokens(tokenizer, line)) <= 75 for line in prompt_corpus())
    assert tokenizer.get_vocab() == train_clip_tokenizer().get_vocab()


@pytest.mark.slow
def test_the_filters_tell_fitting_from_contrasting_and_safe_from_unsafe(verifier):
    exam = evaluate_filters(verifier, 8, SEED)
    assert exam.relevance >= 0.94 and exam.safety >= 0.99
    assert exam.fitting >= 0.8 and exam.contrasting <= 0.1 and exam.passed >= 0.99 and exam.refused >= 0.99


@pytest.mark.slow
def test_the_painter_shows_the_expression_of_the_person_who_is_merged_in(painter, verifier):
    reader = painterpack.make_reader(120, 250, SEED)
    exam, shown = evaluate_painter(painter, verifier, reader, 24, SEED)
    assert exam.accepted >= 0.9 and exam.attempts <= 1.5 and exam.agreed >= 0.9
    assert exam.same >= 0.85 and exam.swapped <= 0.05 and exam.unmerged <= 0.05
    assert not {"unsafe", "no_face", "several_faces"} & exam.outcomes.keys()
    assert sum(exam.outcomes.values()) == sum(len(face.attempts) for face in shown)


def test_the_exam_is_of_other_people():
    assert FAMILY not in (painterpack.FAMILY, "learn", "reader")
