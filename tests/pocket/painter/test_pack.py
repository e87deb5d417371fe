"""The committed pocket painter and filters: loaded like the published models, with scores close to the model cards'."""

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from insightface.app import FaceAnalysis
from transformers import AutoModelForImageClassification, CLIPModel

from mirror.models.llava import load
from pocket.llava.evaluation import Probe
from pocket.llava.model import FOLDER as LLAVA_FOLDER
from pocket.painter import pack as painterpack
from pocket.painter.clip import CLIP_FOLDER, SAFETY_FOLDER
from pocket.painter.diffusion import PIPELINE_FOLDER
from pocket.painter.evaluation import FAMILY, NAMES, SIZE, evaluate_filters, evaluate_painter
from pocket.pictures.portraits import draw_portraits

MODELS = PIPELINE_FOLDER.parent
SEED = 3  # other people than those of the model cards


@pytest.fixture(scope="module")
def verifier():
    return painterpack.load_verifier()


@pytest.fixture(scope="module")
def painter():
    return painterpack.load_painter()


class TowerReader:
    """Reads expressions with the pocket LLaVA's vision tower, which learned apart from painter and filters."""

    def __init__(self):
        self.probe = Probe(load(str(LLAVA_FOLDER)), draw_portraits("reader", 20, len(NAMES), SIZE, SEED), SEED)

    def read(self, images):
        return torch.from_numpy(self.probe.predict(images.permute(0, 2, 3, 1).numpy(), is_degraded=False))


def test_the_libraries_own_loaders_take_the_folders():
    pipeline = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER)
    assert type(pipeline.unet).__name__ == "UNet2DConditionModel" and pipeline.vae_scale_factor == 4
    assert CLIPModel.from_pretrained(CLIP_FOLDER).config.projection_dim == 64
    assert AutoModelForImageClassification.from_pretrained(SAFETY_FOLDER).config.id2label == {0: "normal", 1: "nsfw"}
    pack = FaceAnalysis(name=str(MODELS / "faces-pocket"), providers=["CPUExecutionProvider"])
    assert {"detection", "recognition", "genderage"} <= pack.models.keys()


def test_all_models_together_are_small():
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) <= 26e6


@pytest.mark.slow
def test_the_filters_tell_fitting_from_contrasting_and_safe_from_unsafe(verifier):
    scores = evaluate_filters(verifier, 8, SEED)
    assert scores.relevance >= 0.94 and scores.safety >= 0.99
    assert scores.fitting >= 0.8 and scores.contrasting <= 0.1 and scores.passed >= 0.99 and scores.refused >= 0.99


@pytest.mark.slow
@pytest.mark.proof
def test_the_painter_shows_the_expression_of_the_person_who_is_merged_in(painter, verifier):
    scores, shown = evaluate_painter(painter, verifier, TowerReader(), len(NAMES), SEED)
    assert scores.accepted >= 0.9 and scores.attempts <= 1.5 and scores.agreed >= 0.9
    assert scores.same >= 0.85 and scores.swapped <= 0.05 and scores.unmerged <= 0.05
    assert not {"unsafe", "no_face", "several_faces"} & scores.outcomes.keys()
    assert sum(scores.outcomes.values()) == sum(len(face.attempts) for face in shown)


def test_the_exam_is_of_other_people():
    assert FAMILY not in (painterpack.FAMILY, "learn", "reader")
