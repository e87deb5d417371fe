"""What holds for the models of every family, each proven with a tiny one; `python -m tests.family_proofs` runs all.

python -m tests.family_proofs              all families
python -m tests.family_proofs qwen3_vl     one of them
python -m tests.family_proofs --quantized        training over weights in 4 bits, with bitsandbytes
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from transformers import CompileConfig

from mirror.counseling.speaker import LlavaSpeaker
from mirror.models.decoding import has_static_cache
from mirror.models.families.images import batched
from mirror.models.families.loading import load
from mirror.models.families.parts import language_model, linear_layers, projector_modules, token_types
from mirror.models.families.vlm import generate_ids
from mirror.models.generation_config import end_tokens
from mirror.models.llava_chat import IGNORED
from mirror.models.lora import add_lora, load_checkpoint, round_frozen_weights
from mirror.models.merge import merge
from mirror.prompts import own_template
from mirror.training.batch import collate
from mirror.training.run import Training
from mirror.training.settings import TrainSettings
from mirror.training.step import Stepper, loss_sum
from tests.tiny_families import TINY, make_model
from tests.training_parameters import PARAMETERS

COLORS = {"red": "You look angry.", "blue": "You look sad."}
TURNS = [("<image>\nHow do I look?", "You look sad."), ("And now?", "Better, I think.\nA bit tired, too.")]
QUESTIONS = ["<image>\nHow do I look?", "<image>\nTell me what you see, please, in a few words.", "<image>\nWell?"]


def pictures():
    """Images of different sizes and shapes, with something in them."""
    found = []
    for number, (size, color) in enumerate([((70, 50), "red"), ((40, 90), "blue"), ((56, 56), "green")]):
        image = Image.new("RGB", size, color)
        image.paste("white", (5, 5 + number, 20, 25))
        found.append(image)
    return found


# Prompts and images ---------------------------------------------------------------------------------------------------


def masks_decode_to_the_answers(vlm):
    """Labels are exactly the answers with their end tokens, on one and on several turns."""
    image = pictures()[0]
    end = vlm.tokenizer.convert_ids_to_tokens(vlm.chat.end)
    for turns in (TURNS[:1], TURNS, [*TURNS, TURNS[1]]):
        tokens = vlm.tokenize(turns, lambda: image.size)
        answers, answer = [], []
        for token, label in zip(tokens.input_ids, tokens.labels, strict=True):
            assert label in (IGNORED, token)
            answer += [token] if label != IGNORED else []
            if answer and (label == IGNORED or label == vlm.chat.end):
                answers.append(vlm.tokenizer.decode(answer))
                answer = []
        assert not answer
        assert [text.lstrip(" ") for text in answers] == [f"{words}{end}" for _, words in turns]
        first = next(place for place, label in enumerate(tokens.labels) if label != IGNORED)
        assert vlm.tokenize_prompt(turns[0][0], image.size) == tokens.input_ids[:first]
    assert vlm.chat.end in end_tokens(vlm.model)


def tokens_are_those_of_the_familys_processor(vlm):
    """A prompt has the tokens, and an image the tensors, that the family's own processor makes of both."""
    image = pictures()[0]
    text = vlm.chat.prompt(QUESTIONS[0]).text
    begins = text.startswith(vlm.tokenizer.bos_token or "\0")
    if not vlm.family.sees:
        assert vlm.tokenize_prompt(QUESTIONS[0], image.size) == vlm.tokenizer(text)["input_ids"]
        return
    found = vlm.processor(
        text=[text], images=[image], return_tensors="pt", add_special_tokens=not begins, return_mm_token_type_ids=False
    )
    assert vlm.tokenize_prompt(QUESTIONS[0], image.size) == found["input_ids"][0].tolist()
    (read,) = vlm.read_images([image])
    assert set(read) and all(torch.equal(value, found[name]) for name, value in read.items())


def logits_are_those_of_the_familys_forward(vlm):
    """The loss of training is that of the family's own forward pass, alone and in a padded batch of other sizes."""
    images, model = pictures(), add_lora(vlm.model, 4, 8, 0.0, 0)
    tokens = [
        vlm.tokenize([turn], lambda image=image: image.size) for turn, image in zip(own_turns(), images, strict=True)
    ]
    batch = collate(tokens, vlm.read_images(images), vlm.pad)
    model.eval()
    with torch.no_grad():
        found = loss_sum(model, batch)
        alone = []
        for one, image in zip(tokens, images, strict=True):
            ids, labels = torch.tensor([one.input_ids]), torch.tensor([one.labels])
            inputs = batched(vlm.read_images([image])) | token_types(vlm.model, ids)
            logits = vlm.model(input_ids=ids, attention_mask=torch.ones_like(ids), **inputs).logits
            alone.append(nn.functional.cross_entropy(logits[0, :-1], labels[0, 1:], reduction="sum"))
    torch.testing.assert_close(found, sum(alone), atol=1e-3, rtol=1e-4)


def its_step_is_compiled_once(vlm):
    """Over a static cache the decoding step is one graph for all prompts, and gives the answers of eager decoding."""
    if not has_static_cache(vlm.model):
        return
    expected = generate_ids(vlm, QUESTIONS, pictures(), 12)
    graphs, decoder = [], vlm.decoder
    own = decoder._static_options

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    def compiled(rows, length):
        config = CompileConfig(dynamic=False, backend=backend, mode=None)
        config._compile_all_devices = True
        return own(rows, length) | {"compile_config": config}

    decoder.static, decoder._static_options = True, compiled
    torch._dynamo.reset()
    assert generate_ids(vlm, QUESTIONS, pictures(), 12) == expected
    generate_ids(vlm, [f"{question} And then?" for question in QUESTIONS], pictures()[::-1], 12)
    assert len(graphs) == 1, len(graphs)


def own_turns():
    """One turn for each image; of different lengths."""
    return list(zip(QUESTIONS, [*COLORS.values(), "Fine, and you?"], strict=True))


def answers_do_not_depend_on_their_batch(vlm):
    """Greedy answers are the same alone and in a batch, where shorter prompts are padded on the left."""
    images = pictures()
    together = generate_ids(vlm, QUESTIONS, images, 6)
    alone = [generate_ids(vlm, [question], [image], 6)[0] for question, image in zip(QUESTIONS, images, strict=True)]
    assert together == alone
    if has_static_cache(vlm.model):
        vlm.decoder.static = True  # as on a GPU, where batches and prompts have few lengths
        assert generate_ids(vlm, QUESTIONS, images, 6) == alone
    unseen = [question.replace("<image>\n", "") for question in QUESTIONS]
    assert generate_ids(vlm, unseen, images, 6) == [generate_ids(vlm, [one], images[:1], 6)[0] for one in unseen]


def lora_is_on_exactly_the_language_models_linear_layers(vlm):
    """No linear layer of the vision tower has LoRA, all of the language model have, and the projector is trained."""
    expected = {name for name, layer in language_model(vlm.model).named_modules() if isinstance(layer, nn.Linear)}
    model = add_lora(vlm.model, 4, 8, 0.0, 0)
    layers = {name.split(".lora_")[0] for name, _ in model.named_parameters() if ".lora_" in name}
    path = f"base_model.model.{vlm.family.language_model}."
    assert layers == {path + name for name in expected} and expected
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad and ".lora_" not in name}
    paths = tuple(f"base_model.model.{path}." for path in projector_modules(vlm.model))
    assert trained == {name for name, _ in model.named_parameters() if name.startswith(paths)}
    assert bool(trained) == vlm.family.sees


# Training -------------------------------------------------------------------------------------------------------------


def training_parameters(folder, base, **changes):
    """The parameters of a training on ten dialogues of two turns, whose answers tell the color of the image."""
    rows = []
    for number in range(10):
        color = list(COLORS)[number % 2]
        Image.new("RGB", (40 + 8 * (number % 3), 56), color).save(folder / f"{number}.png")
        for turn in range(2):
            human = own_template("response", "base").render(
                personal_information=f"client {number}",
                reason_for_counseling=f"I worry, {number} times a day.",
                dialogue=f"Client: Hm, {turn}.",
            )
            conversation = [{"from": "human", "value": human}, {"from": "gpt", "value": COLORS[color]}]
            name = f"c{number}:{turn}:response"
            rows.append({"question_id": name, "image": f"{number}.png", "conversations": conversation})
    (folder / "data.json").write_text(json.dumps(rows))
    places = {"data": str(folder / "data.json"), "image_folder": str(folder), "base_model": str(base)}
    return PARAMETERS | {"size": "other", "max_length": 1024, "epochs": 1} | places | changes


def training(parameters, **changes):
    """A training with these parameters."""
    return Training.open(TrainSettings.checked(parameters | changes, "parameter"))


def interrupted(parameters, step, **changes):
    """Begin a training that ends in this step as by Ctrl-C."""
    real = Stepper.step

    def stop(self, batch, number, factor):
        if number == step:
            raise KeyboardInterrupt
        return real(self, batch, number, factor)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Stepper, "step", stop)
        training(parameters, **changes).fit()


def it_learns(parameters, epochs=5):
    """The held-out loss falls in 20 steps; returns the training."""
    one = training(parameters, epochs=epochs, learning_rate=2e-2, projector_learning_rate=2e-2)
    losses = one.fit()
    held_out = losses.held_out.dropna()
    assert len(losses) == 1 + 4 * epochs and held_out.iloc[-1] < held_out.iloc[0] - 1, losses
    assert one.checkpoint.name == f"{Path(parameters['base_model']).name}-mirror_base-task-lora-epoch{epochs}"
    return one


def it_resumes(parameters):
    """A training that is stopped and goes on has the weights of an unbroken one."""
    whole = training(parameters, run="whole", checkpoint_folder="whole")
    whole.fit()
    stopped = {"save_steps": 1, "run": "stopped", "checkpoint_folder": "stopped"}
    interrupted(parameters, 2, **stopped)
    again = training(parameters, **stopped)
    again.fit()
    one, other = (load_file(t.checkpoint / "adapter_model.safetensors") for t in (whole, again))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


ALONE = """
import sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer
base, folder, inputs = sys.argv[1:]
given = torch.load(inputs)
kind = AutoModelForImageTextToText if len(given) > 1 else AutoModelForCausalLM
model = PeftModel.from_pretrained(kind.from_pretrained(base), folder).eval()
AutoTokenizer.from_pretrained(folder)
assert not [name for name in sys.modules if name.startswith("mirror")]
with torch.no_grad():
    torch.save(model(**given).logits, inputs)
"""


def asked(vlm):
    """A prompt with its image, as the model's inputs."""
    image = pictures()[0]
    ids = torch.tensor([vlm.tokenize_prompt(QUESTIONS[0], image.size)])
    return {"input_ids": ids, **batched(vlm.read_images([image])), **token_types(vlm.model, ids)}


@torch.no_grad()
def its_checkpoint_is_what_was_trained(one, folder):
    """The checkpoint computes what the trained model does, also merged into one folder."""
    inputs = asked(one.llava)
    wanted = one.llava.model.eval()(**inputs).logits
    again = load_checkpoint(one.checkpoint)
    torch.testing.assert_close(again.model(**inputs).logits, wanted)
    assert (wanted - load(one.settings.base_model).model(**inputs).logits).abs().max() > 0.01
    merge(one.checkpoint, folder / "merged", dtype="float32")
    merged = load(str(folder / "merged"))
    torch.testing.assert_close(merged.model(**inputs).logits, wanted, atol=1e-3, rtol=1e-3)
    assert generate_ids(again, QUESTIONS, pictures(), 6) == generate_ids(merged, QUESTIONS, pictures(), 6)


def peft_and_transformers_alone_load_its_checkpoint(one, folder):
    """A process without this package computes what the trained model does."""
    inputs, file = asked(one.llava), folder / "inputs.pt"
    with torch.no_grad():
        wanted = one.llava.model.eval()(**inputs).logits
    torch.save(inputs, file)
    command = [sys.executable, "-c", ALONE, one.settings.base_model, str(one.checkpoint), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    torch.testing.assert_close(torch.load(file), wanted, atol=1e-3, rtol=1e-3)


def it_replies(one):
    """A speaker of the session code answers, and counts the tokens that the model read."""
    vlm = load_checkpoint(one.checkpoint)
    sees = vlm.family.sees
    if not sees:
        with pytest.raises(ValueError, match="without eyes"):
            LlavaSpeaker(vlm)
    speaker = LlavaSpeaker(vlm, temperature=0.0, max_tokens=8, sees_face=sees)
    found = speaker.answer(QUESTIONS, pictures(), [1, 2, 3])
    read = [
        len(vlm.tokenize_prompt(question, shown.size)) for question, shown in zip(QUESTIONS, pictures(), strict=True)
    ]
    assert [answer.prompt_tokens for answer in found] == read
    assert all(answer.completion_tokens for answer in found) and speaker.fits(QUESTIONS[0])
    assert not speaker.fits("word " * 4000)


INPUTS = (
    masks_decode_to_the_answers,
    tokens_are_those_of_the_familys_processor,
    logits_are_those_of_the_familys_forward,
    answers_do_not_depend_on_their_batch,
    lora_is_on_exactly_the_language_models_linear_layers,
)


def prove_briefly(kind, folder, tiny=None, alone=False):
    """What the suite proves of every family: its inputs, and that a short training is in its checkpoint.

    Args:
        kind: name of the family.
        folder: for everything that is written.
        tiny: how its model is made; None: as `TINY` says.
        alone: whether peft and transformers are asked, too, which takes a process of its own.
    """
    base = make_model(kind, folder / kind, tiny)
    for check in INPUTS:
        check(load(str(base)))
    one = it_learns(training_parameters(folder, base), epochs=2)
    its_checkpoint_is_what_was_trained(one, folder)
    if alone:
        peft_and_transformers_alone_load_its_checkpoint(one, folder)
    it_replies(one)


def it_spreads(parameters):
    """Two processes train as one does, up to rounding."""
    same = {"lora_dropout": 0.0, "max_grad_norm": 0.0}
    one = training(parameters, run="one", checkpoint_folder="one", **same).fit()
    two = training(parameters, run="two", checkpoint_folder="two", gpus=2, **same).fit()
    torch.testing.assert_close(
        torch.tensor(two.train[1:].tolist()), torch.tensor(one.train[1:].tolist()), atol=1e-3, rtol=1e-3
    )


def prove(kind, folder):
    """All of it for one family."""
    base = make_model(kind, folder / kind)
    for check in (*INPUTS, its_step_is_compiled_once):
        check(load(str(base)))
    parameters = training_parameters(folder, base)
    one = it_learns(parameters)
    its_checkpoint_is_what_was_trained(one, folder)
    peft_and_transformers_alone_load_its_checkpoint(one, folder)
    it_replies(one)
    it_resumes(parameters)
    it_spreads(parameters)


def prove_in_4_bits(kind, folder):
    """Trained over weights in 4 bits it learns and resumes; its checkpoint, an ordinary one, is what was trained."""
    parameters = training_parameters(folder, make_model(kind, folder / kind), quantize="nf4")
    one = it_learns(parameters)
    quantized = {name for name, weight in one.llava.model.named_parameters() if weight.dtype == torch.uint8}
    assert (
        quantized
        == {f"{name}.weight" for name in linear_layers(one.llava.model) if name.endswith(".base_layer")}
        != set()
    )
    inputs, again = asked(one.llava), load_checkpoint(one.checkpoint)
    round_frozen_weights(again.model)
    with torch.no_grad():
        found, wanted = (vlm.model.eval()(**inputs).logits for vlm in (again, one.llava))
    torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3)
    it_resumes(parameters)


def main():
    """Prove all for these families, or with `--quantized` what is of 4 bits; prints one line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.family_proofs")
    parser.add_argument("families", nargs="*", help="by default all")
    parser.add_argument("--quantized", action="store_true", help="training over weights in 4 bits")
    given = parser.parse_args()
    faults, proof = 0, prove_in_4_bits if given.quantized else prove
    for kind in given.families or TINY:
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
            patch.setenv("MIRROR_OUTPUT", name)
            try:
                proof(kind, Path(name))
                print(f"{kind}: all holds ({time.process_time() - begun:.0f} s of CPU)", flush=True)
            except Exception as error:
                import traceback

                traceback.print_exc()
                faults += 1
                print(f"{kind}: {type(error).__name__}: {str(error)[:500]}", flush=True)
    return faults


if __name__ == "__main__":
    sys.exit(main())
