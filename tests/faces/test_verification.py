"""The three filters on the pocket models: order, outcomes, thresholds, and what is refused before they start."""

import io
import json
import shutil
import socket

import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel, ViTForImageClassification

from mirror.faces.verification import HttpVerifier, LocalVerifier, VerificationError, VerificationRequest
from mirror.paths import input_path
from mirror.services.service import Service, ServiceError
from mirror.transcripts.verdict import Check, Verdict
from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw
from pocket.drawing.identities import Identity
from tests.servers import Told, answer, verification_service

SAFETY, CLIP, PACK = (f"pocket/models/{name}" for name in ("nsfw-pocket", "clip-pocket", "faces-pocket"))
SIZE = 160


def face(person, expression="attentive", seed=0):
    return draw(Identity.from_seed(person), EXPRESSIONS[expression], seed, SIZE)


def load(safety=SAFETY, clip=CLIP, pack=PACK, relevance=-1.0, identity=None):
    return LocalVerifier.load(str(safety), str(clip), str(pack), relevance, identity, device="cpu")


@pytest.fixture(scope="module")
def verifier():
    return load()


def request(image, portrait=None, statement="a facial photo with a smile"):
    return VerificationRequest(image, portrait or face(1), statement)


def empty():
    return Image.new("RGB", (SIZE, SIZE), (180, 190, 200))


def two_faces():
    picture = Image.new("RGB", (2 * SIZE, SIZE), (180, 190, 200))
    for place, person in enumerate((1, 5)):
        picture.paste(face(person), (place * SIZE, 0))
    return picture


def truncated():
    file = io.BytesIO()
    face(1).save(file, "PNG")
    return Image.open(io.BytesIO(file.getvalue()[:3000]))


def test_a_verdict_survives_json():
    check = Check(name="relevant", passed=False, score=0.125, threshold=0.2, model="clip")
    verdict = Verdict(outcome="irrelevant", checks=(check,))
    sent = json.loads(verdict.model_dump_json())
    assert sent["accepted"] is False and sent["outcome"] == "irrelevant"
    assert Verdict.model_validate(sent) == verdict
    assert verdict.score("relevant") == 0.125 and verdict.score("safe") is None


def test_the_outcomes_of_the_identity_filter(verifier):
    cases = {
        "accepted": request(face(1, "sad", 7)),
        "another_person": request(face(2, "sad", 7)),
        "no_face": request(empty()),
        "several_faces": request(two_faces()),
        "unreadable_image": request(truncated()),
        "no_face_in_portrait": request(face(1), portrait=empty()),
        "several_faces_in_portrait": request(face(1), portrait=two_faces()),
    }
    verdicts = verifier.verify(list(cases.values()))
    assert [v.outcome for v in verdicts] == list(cases)
    same, other = verdicts[0].score("same_person"), verdicts[1].score("same_person")
    threshold = verdicts[0].checks[-1].threshold
    assert other < threshold <= same
    assert [c.name for c in verdicts[0].checks] == ["safe", "relevant", "same_person"]
    assert verdicts[0].checks[-1].model == f"{PACK}/rec_pocket.onnx"
    assert verdicts[4].checks == ()
    assert [v.is_final for v in verdicts] == [False] * 5 + [True] * 2


def test_the_checks_go_from_cheap_to_dear_and_stop_at_the_first_that_fails(tmp_path):
    unsafe = flipped_classifier(tmp_path)
    (verdict,) = load(safety=unsafe).verify([request(face(1))])
    assert verdict.outcome == "unsafe" and [c.name for c in verdict.checks] == ["safe"]
    assert (
        verdict.checks[0].score > 0.5 and verdict.checks[0].threshold == 0.5 and verdict.checks[0].model == str(unsafe)
    )
    (verdict,) = load(relevance=1.0).verify([request(face(1))])
    assert verdict.outcome == "irrelevant" and [c.passed for c in verdict.checks] == [True, False]
    (verdict,) = load(identity=1.01).verify([request(face(1))])
    assert verdict.outcome == "another_person" and [c.passed for c in verdict.checks] == [True, True, False]


def flipped_classifier(folder):
    model = ViTForImageClassification.from_pretrained(SAFETY)
    model.classifier.weight.data *= -1
    model.classifier.bias.data *= -1
    shutil.copytree(SAFETY, folder / "unsafe")
    model.save_pretrained(folder / "unsafe")
    return folder / "unsafe"


def test_the_relevance_score_is_clips_own_cosine(verifier):
    statement, picture = "a facial photo with a sad smile", face(3, "sad")
    (verdict,) = verifier.verify([request(picture, statement=statement)])
    model, tokenizer = CLIPModel.from_pretrained(CLIP, dtype=torch.float32), AutoTokenizer.from_pretrained(CLIP)
    pixels = CLIPImageProcessorPil.from_pretrained(CLIP)([picture], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        output = model(**tokenizer(statement, return_tensors="pt"), pixel_values=pixels)
    expected = (output.logits_per_image / model.logit_scale.exp()).item()
    assert verdict.score("relevant") == pytest.approx(expected, abs=1e-5)


def test_another_statement_is_another_score_and_a_long_one_is_cut_off(verifier, caplog):
    caplog.set_level("DEBUG", logger="mirror.faces.clip_text")  # aloud the first time only
    one, other, long, longer = verifier.verify(
        [request(face(1), statement=s) for s in ("sad", "a happy smile", "very " * 90, "very " * 90 + "sad")]
    )
    assert one.score("relevant") != other.score("relevant")
    assert long.score("relevant") == longer.score("relevant")
    assert "CLIP reads 75 tokens" in caplog.text


def test_a_verdict_does_not_depend_on_its_batch(verifier):
    requests = [request(face(n % 3, "sad", n)) for n in range(4)] + [request(empty()), request(two_faces())]
    together = verifier.verify(requests)
    assert together == [verifier.verify([one])[0] for one in requests]
    assert verifier.verify([]) == []


def test_facts_name_models_and_thresholds(verifier):
    facts = verifier.facts()
    assert facts["safety"] == {"model": SAFETY, "revision": "", "threshold": 0.5}
    assert facts["relevance"]["threshold"] == -1.0
    calibration = json.loads((input_path(PACK) / "calibration.json").read_text())
    assert facts["identity"]["threshold"] == calibration["threshold"]
    assert facts["identity"]["sha256"] == calibration["sha256"]
    assert facts["identity"]["detection_size"] == calibration["detection_size"]


@pytest.mark.parametrize("mode", ["P", "L", "RGBA", "CMYK"])
def test_pictures_of_any_mode_are_looked_at_in_rgb(verifier, mode):
    image, portrait = face(1, "sad").convert(mode), face(1).convert(mode)
    assert verifier.verify([request(image, portrait)]) == verifier.verify(
        [request(image.convert("RGB"), portrait.convert("RGB"))]
    )


def test_a_picture_is_looked_at_as_its_exif_turns_it(verifier):
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right shows it upright
    face(1, "sad").rotate(90).save(file, "PNG", exif=exif)
    (turned,) = verifier.verify([request(Image.open(file))])
    assert turned == verifier.verify([request(face(1, "sad"))])[0]
    assert turned.accepted


def test_a_portrait_that_cannot_be_decoded_is_an_outcome_that_no_painting_mends(verifier):
    bad, good = verifier.verify([request(face(1), truncated()), request(face(1))])
    assert bad.outcome == "unreadable_portrait" and bad.is_final and bad.checks == ()
    assert good.accepted


def test_portraits_with_other_palettes_are_other_portraits(verifier):
    one = face(1).convert("P")
    other = one.copy()
    other.putpalette([90] * 768)
    assert len(verifier.identity.pack.portrait(one)) == 1
    assert verifier.identity.pack.portrait(other) == ()


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="device cuda:99: PyTorch sees [0-9]+ GPUs; use auto or cpu"):
        LocalVerifier.load(SAFETY, CLIP, PACK, device="cuda:99")


# Packs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("half", ["fp16", "bf16"])
def test_filters_of_folders_with_a_variant_alone_decide_alike(tmp_path, verifier, half):
    folders = []
    for name in (SAFETY, CLIP):
        folders.append(shutil.copytree(name, tmp_path / name))
        (folders[-1] / "model.safetensors").rename(folders[-1] / f"model.{half}.safetensors")
    requests = [request(face(1)), request(face(2))]
    assert [v.outcome for v in load(*folders).verify(requests)] == [v.outcome for v in verifier.verify(requests)]
    scores = [[check.score for check in v.checks] for v in load(*folders).verify(requests)]
    assert scores == [[check.score for check in v.checks] for v in verifier.verify(requests)]


def test_a_model_that_cannot_be_had_is_refused():
    with pytest.raises(FileNotFoundError, match="no model folder ./nowhere"):
        load(clip="./nowhere")


# Faults ---------------------------------------------------------------------------------------------------------------


def test_a_face_on_which_the_filters_fail_takes_no_other_along(verifier, caplog):
    """A statement with half a surrogate pair, which no tokenizer takes, made the verdicts of its whole batch fail."""
    requests = [request(face(1, "sad", 7)), request(face(1), statement="\ud83d"), request(face(2))]
    first, failed, last = verifier.verify(requests)
    assert [first, last] == verifier.verify(requests[::2])
    assert isinstance(failed, VerificationError) and "the filters failed on it (" in str(failed)
    assert "Traceback" in caplog.text and verifier.verify([request(face(1))])[0].accepted


def test_faces_are_scaled_one_at_a_time(verifier, monkeypatch):
    """Scaling takes ten bytes per pixel: a batch of large pictures at once would take gigabytes."""
    sizes = []
    for filter_ in (verifier.safety, verifier.relevance):
        scale = filter_.processor

        def noted(images, scale=scale, **options):
            sizes.append(len(images) if isinstance(images, list) else 1)
            return scale(images, **options)

        monkeypatch.setattr(filter_, "processor", noted)
    verifier.verify([request(face(person)) for person in range(4)])
    assert sizes and max(sizes) == 1


# Over HTTP ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_service_says_what_the_filters_say(verifier):
    requests = [request(face(1, "sad", 7)), request(face(2)), request(empty()), request(two_faces())]
    requests += [
        request(truncated()),
        request(face(1), truncated()),
        request(face(1).convert("P"), face(1).convert("L")),
    ]
    requests += [request(face(n % 4, "sad", n), face(1 + n % 2)) for n in range(25)]  # 32 at once
    with verification_service(verifier) as url:
        remote = HttpVerifier(Service(url, "/verify"), concurrency=32)
        assert remote.verify(requests) == verifier.verify(requests)
        assert remote.facts()["url"] == f"{url}/verify"
        assert remote.facts()["service"]["facts"] == verifier.facts()


def test_a_service_that_is_down_is_an_error_in_the_verdicts_place():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    (error,) = HttpVerifier(Service(url, "/verify", retries=1)).verify([request(face(1))])
    assert isinstance(error, ServiceError)
    assert f"{url}/verify" in str(error) and "2 tries" in str(error) and "python -m api.verification" in str(error)


def test_an_answer_that_is_no_verdict_is_an_error():
    with Told(answer(200, {"verdict": "fine"})) as server:
        (error,) = HttpVerifier(Service(server.url, "/verify", retries=0)).verify([request(face(1))])
    assert isinstance(error, ServiceError) and "answered no Verdict" in str(error)
