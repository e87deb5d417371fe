"""What makes the inputs of a model, and takes its answers."""

from PIL import Image

from mirror.models.families.vlm import decode, generate, generate_ids
from mirror.models.generation_config import end_tokens


def test_answers_hold_no_special_token_but_their_end(qwen):
    unused, ends = set(qwen.unused_tokens), set(end_tokens(qwen.model))
    assert not unused & ends and {qwen.model.config.image_token_id, qwen.pad} <= unused
    assert len(qwen.tokenizer) in unused and qwen.tokenizer.convert_tokens_to_ids("a") not in unused
    (ids,) = generate_ids(qwen, ["<image>\nWho?"], [Image.new("RGB", (40, 40))], 20)
    assert not unused & set(ids) and not ends & set(ids[:-1])


def test_an_answer_is_its_text_without_the_end(qwen):
    ids = [*qwen.tokenizer(" Fine. ")["input_ids"], end_tokens(qwen.model)[0]]
    assert decode(qwen, ids) == "Fine."
    assert generate(qwen, ["<image>\nWho?"], [Image.new("RGB", (40, 40))], 3) == [
        decode(qwen, generate_ids(qwen, ["<image>\nWho?"], [Image.new("RGB", (40, 40))], 3)[0])
    ]


def test_an_image_on_its_side_is_read_upright(qwen):
    image = Image.new("RGB", (90, 40), "red")
    image.getexif()[0x0112] = 6
    turned = Image.new("RGB", (40, 90), "red")
    assert generate_ids(qwen, ["<image>\nWho?"], [image], 3) == generate_ids(qwen, ["<image>\nWho?"], [turned], 3)


def test_the_files_of_its_inputs_are_copied_as_they_are(qwen, qwen_folder, tmp_path):
    qwen.save_processor(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "chat_template.jinja", "preprocessor_config.json", "processor_config.json", "tokenizer.json",
        "tokenizer_config.json",
    }  # fmt: skip
    assert all((tmp_path / name).read_bytes() == (qwen_folder / name).read_bytes() for name in names)
