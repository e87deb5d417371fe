"""The committed pocket LLaVA: a folder that the real classes load, which speaks simple English and reads no faces."""

import json
import sys

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from transformers import AutoProcessor, AutoTokenizer, LlamaTokenizer, LlavaForConditionalGeneration, LlavaProcessor

from mirror.models.llava import generate, load
from mirror.models.llava_chat import SYSTEM, conversation_text, prompt_text, tokenize
from mirror.prompts import VARIANTS
from pocket.drawing.expressions import EXPRESSIONS, expression_of
from pocket.drawing.faces import draw
from pocket.llava.evaluation import dialogue_loss, evaluate, general_loss
from pocket.llava.model import FOLDER, LlavaBudget, make_config, tokenizer_corpus, write_llava
from pocket.llava.pretraining import Text, encode, write_examples, write_text
from pocket.llava.tokenizer import train_llama_tokenizer
from pocket.pictures.strangers import Stranger
from pocket.seeds import stream
from pocket.texts.dataset import FOLDER as DATA
from pocket.texts.movements import describe_movements


@pytest.fixture(scope="module")
def exam(llava):
    return evaluate(llava, faces=120, seed=4)


@pytest.fixture(scope="module")
def llava():
    return load(str(FOLDER))


@pytest.fixture(scope="module")
def records():
    return {cot: json.loads((DATA / f"mirror_{cot}.json").read_text(encoding="utf-8")) for cot in VARIANTS}


def test_the_real_classes_load_the_folder():
    processor = AutoProcessor.from_pretrained(FOLDER)
    model = LlavaForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32)
    assert isinstance(processor, LlavaProcessor)
    assert "torchvision" not in sys.modules
    image = Image.open(DATA / "images/000/0.png").convert("RGB")
    inputs = processor(images=image, text=prompt_text("<image>\nWho is it?"), return_tensors="pt")
    assert inputs["pixel_values"].shape == (1, 3, 96, 96)
    assert (inputs["input_ids"] == model.config.image_token_id).sum() == 36 == model.config.image_seq_length
    assert inputs["input_ids"][0, 0] == processor.tokenizer.bos_token_id
    assert torch.isfinite(model(**inputs).logits).all()


def test_the_folder_is_small_and_in_float16():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 6.3e6
    with safe_open(FOLDER / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(key).dtype for key in weights.keys()} == {torch.float16}  # noqa: SIM118
    names = {path.name for path in FOLDER.iterdir()}
    assert {"config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json"} <= names


def test_the_tokenizer_is_llamas_with_the_image_and_the_padding_behind_the_pieces():
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    as_llamas = LlamaTokenizer.from_pretrained(FOLDER)
    assert (
        as_llamas(SYSTEM + "\nClient: Hm, 12 times?").input_ids
        == tokenizer(SYSTEM + "\nClient: Hm, 12 times?").input_ids
    )
    assert tokenizer.convert_tokens_to_ids(["<unk>", "<s>", "</s>", "<image>", "<pad>"]) == [0, 1, 2, 2304, 2305]
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (1, 2, 2305)
    config = json.loads((FOLDER / "config.json").read_text())
    assert config["image_token_index"] == 2304
    assert config["text_config"]["vocab_size"] % 64 == 0 and config["text_config"]["vocab_size"] >= len(tokenizer)
    for text in ("Grüße, 你好!", "a  b\n c", "1. Name the worst"):
        assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text
    through_processor = AutoProcessor.from_pretrained(FOLDER).tokenizer
    assert through_processor(SYSTEM).input_ids == tokenizer(SYSTEM).input_ids


@pytest.mark.slow
def test_the_tokenizer_and_the_shapes_are_what_the_code_makes(llava):
    tokenizer = train_llama_tokenizer(tokenizer_corpus())
    assert tokenizer.get_vocab() == llava.tokenizer.get_vocab()
    text = "You look downcast today, Luis. What speaks for it?"
    assert tokenizer(text).input_ids == llava.tokenizer(text).input_ids
    made, saved = make_config(tokenizer).to_dict(), llava.model.config.to_dict()
    for part in ("text_config", "vision_config"):
        ours, theirs = made.pop(part), saved.pop(part)
        assert {k: ours[k] for k in ours if k != "dtype"} == {k: theirs.get(k) for k in ours if k != "dtype"}


def test_the_training_set_is_short_in_its_tokens(llava, records):
    for cot, mean, longest in (("base", 200, 350), ("planning", 250, 400), ("ec", 210, 360), ("ec_planning", 260, 410)):
        replies = [r for r in records[cot] if r["question_id"].endswith("response")]
        lengths = [len(llava.tokenizer(r["conversations"][0]["value"]).input_ids) for r in replies]
        assert sum(lengths) / len(lengths) < mean and max(lengths) < longest


def test_the_words_of_the_dialogues_are_single_pieces(llava):
    words = {word for e in EXPRESSIONS.values() for feeling in e.feelings for word in feeling.split()}
    assert all(len(llava.tokenizer.tokenize(word)) == 1 for word in words)
    assert llava.tokenizer.tokenize("You look tired today.") == ["▁You", "▁look", "▁tired", "▁today", "."]


def test_it_knows_general_english_but_not_the_dialogues(llava):
    assert general_loss(llava, 3) < 0.8 < 1.3 < dialogue_loss(llava, 3)


@pytest.mark.slow
def test_it_sees_but_cannot_name_a_feeling(exam):
    """The tower's features tell the expressions apart, of people it never saw; the words are missing."""
    assert exam.probe.share > 0.95 and exam.degraded_probe.share > 0.9
    assert exam.captions.share <= 0.2 and exam.forced.share <= 0.2


def test_it_says_what_moves_in_a_face(llava):
    faces = [Stranger.from_seed(3, number, is_mixed=False) for number in range(24)]
    images = [draw(face.identity, face.expression, face.moment, 112) for face in faces]
    said = generate(llava, ["<image>\nWhat moves in the face?"] * len(faces), images, 64)
    random = stream("movements")
    wanted = []
    for face in faces:
        asked = ""
        while asked != "What moves in the face?":
            asked, answer = describe_movements(face.units, random)
        wanted.append(answer)
    assert sum(a == b for a, b in zip(said, wanted, strict=True)) >= 12


@pytest.mark.parametrize("number", range(40))
def test_no_text_leads_from_a_face_to_a_feeling(number):
    """Texts about a picture name no feeling, but where the words beside it do."""
    random = stream("texts", number)
    people = [Stranger.from_seed(3, one, is_mixed=True) for one in range(4)]
    for text in (write_text(people, random) for _ in range(25)):
        if "<image>" in text.text:
            human, _, answer = text.text.rpartition("ASSISTANT:")
            named = expression_of(answer)
            assert named is None or expression_of(human) is not None, text.text


@pytest.mark.slow
def test_pre_training_in_small_writes_the_same_kind_of_folder(tmp_path):
    write_llava(tmp_path, seed=3, device="cpu", work=LlavaBudget(40, 2, 8, 2, 60, 60, 2, 2, 512))
    assert {path.name for path in tmp_path.iterdir()} | {"README.md"} == {path.name for path in FOLDER.iterdir()}
    made = load(str(tmp_path))
    assert made.image_tokens == 36
    assert len(generate(made, ["<image>\nHm?"], [Image.new("RGB", (112, 112))], 2)) == 1


@pytest.mark.slow
def test_texts_do_not_depend_on_the_number_of_processes(llava):
    people = [Stranger.from_seed(3, number, is_mixed=True) for number in range(4)]
    form = (llava.tokenizer, llava.image_token_id, llava.image_tokens)
    examples = write_examples(600, 0.3, people, *form, seed=1)
    random = stream("pre-training", 1, 1)
    assert len(examples) == 600
    assert examples[500:] == encode([write_text(people, random, 0.3) for _ in range(100)], *form)


def test_pre_training_reads_texts_as_fine_tuning_does(llava):
    turns = [("<image>\nDescribe the person.", "A man with glasses."), ("And?", "Yes.")]
    (ours,) = encode([Text(conversation_text(turns)[0], 0)], llava.tokenizer, llava.image_token_id, llava.image_tokens)
    assert ours.ids == tokenize(llava.tokenizer, turns, llava.image_token_id, llava.image_tokens).input_ids
    assert sum(label == -100 for label in ours.labels) == 36 + len(llava.tokenizer.tokenize(SYSTEM))
