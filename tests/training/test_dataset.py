"""The training set: all faults at once, whole dialogues held out, random batches, an image with its answer."""

import json
import random
import statistics
from itertools import groupby

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from mirror.files.digests import DIGESTS, write_digests
from mirror.models.llava import pad_to_square
from mirror.models.llava_chat import IGNORED, tokenize
from mirror.training.dataset import (
    BatchLoader,
    TrainingSet,
    batches,
    lengths,
    load_training_set,
    split_by_dialogue,
    summary,
)
from mirror.training.records import Record, read_records
from mirror.training.records.faults import DataError, RecordFault


def turns(*texts):
    """A conversation as published: human and gpt by turns."""
    return [{"from": ("human", "gpt")[i % 2], "value": text} for i, text in enumerate(texts)]


def row(name, *texts, image="face.png", **fields):
    texts = texts or ("<image>\nHello.", "What brings you here?")
    return {"question_id": name, "image": image, "conversations": turns(*texts)} | fields


@pytest.fixture
def folder(tmp_path):
    """An image folder with a face, a picture in a folder below, a truncated one and one that is none."""
    images = tmp_path / "images"
    (images / "below").mkdir(parents=True)
    Image.effect_noise((40, 40), 50).convert("RGB").save(images / "face.png")
    Image.new("RGB", (8, 8), "blue").save(images / "below/face.jpg")
    whole = (images / "face.png").read_bytes()
    (images / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (images / "text.png").write_text("no image")
    (images / "empty.png").touch()
    (tmp_path / "outside.png").write_bytes(whole)
    return images


@pytest.fixture
def read(folder, tmp_path):
    """Reads these rows as a file."""

    def read(*rows):
        (tmp_path / "data.json").write_text(json.dumps(rows), encoding="utf-8")
        return read_records(tmp_path / "data.json", folder)

    return read


@pytest.fixture
def load(folder, tmp_path, llava):
    """The training set of these rows."""

    def load(*rows, max_length=2048, held_out=0.0, on_fault="refuse", seed=1):
        (tmp_path / "data.json").write_text(json.dumps(rows), encoding="utf-8")
        return load_training_set(tmp_path / "data.json", folder, llava, max_length, held_out, on_fault, seed)

    return load


# Sound records --------------------------------------------------------------------------------------------------------


def test_a_record_is_what_the_file_says(read, folder):
    sound = row("client:7:3:response", "<image>\nHi.", " Hello. ", "Why?", "So.\n", image="below/face.jpg", more=1)
    records, faults, count = read(sound)
    assert (faults, count) == ([], 1)
    (record,) = records
    assert (record.id, record.dialogue, record.turn, record.kind) == (
        "client:7:3:response",
        "client:7",
        "3",
        "response",
    )
    assert record.image == folder / "below/face.jpg"
    assert record.turns == (("<image>\nHi.", "Hello."), ("Why?", "So."))


@pytest.mark.parametrize("text", ["Hi.<image>", "Hi.\n<image>\n", "<image>Hi.", "  <image>  \n Hi. "])
def test_the_image_opens_its_turn_wherever_the_text_had_it(text, read):
    ((record,), _, _) = read(row("a:0:response", text, "Hello."))
    assert record.turns == (("<image>\nHi.", "Hello."),)


# A built set ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def built(folder, tmp_path, load):
    """Loads a set of two records again, whose folder has the digests of its files."""
    rows = row("a:0:response"), row("b:0:response", image="below/face.jpg")
    load(*rows)
    write_digests(tmp_path, subfolders=True)
    return lambda on_fault="refuse": load(*rows, on_fault=on_fault)


def test_a_built_set_is_taken_as_it_was_written(built):
    assert len(built().records) == 2


def test_another_picture_in_a_built_set_is_a_fault_of_its_record(built, folder):
    path = folder / "face.png"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # in the checksum of the end, which no decoder looks at
    path.write_bytes(content)
    with pytest.raises(DataError) as raised:
        built()
    problem = f"{path} was changed since the folder was written"
    assert raised.value.faults == (RecordFault("record 0 (a:0:response)", "image", problem),)
    assert [record.dialogue for record in built("drop").records] == ["b"]


@pytest.mark.parametrize("on_fault", ["refuse", "drop"])
def test_changed_records_of_a_built_set_are_refused(built, load, tmp_path, on_fault):
    changed = (
        row("a:0:response", "<image>\nHallo.", "What brings you here?"),
        row("b:0:response", image="below/face.jpg"),
    )
    with pytest.raises(DataError, match=r"data\.json was changed since [\s\S]*if the change was intended, remove"):
        load(*changed, on_fault=on_fault)
    (tmp_path / DIGESTS).unlink()
    assert len(load(*changed, on_fault=on_fault).records) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"data.json": 3}', '{"data.json": {"bytes": 3}}'])
def test_damaged_digests_of_a_built_set_are_named(built, tmp_path, content):
    (tmp_path / DIGESTS).write_text(content)
    with pytest.raises(DataError, match=rf"{DIGESTS} is damaged"):
        built()


# Faults ---------------------------------------------------------------------------------------------------------------

OK = ("<image>\nHello.", "What brings you here?")
NEVER, ONCE = "must be never", "must be once"
FAULTY = {
    # what is wrong: (the record, its field, the problem)
    "no object": (["a list"], "record", "must be an object, found list"),
    "no image token": (row("a:0:r", "Hello.", "Yes."), "conversations", f"turn 0 holds <image> 0 times, {ONCE}"),
    "two image tokens": (
        row("a:1:r", "<image>\nHello.<image>", "Yes."),
        "conversations",
        f"turn 0 holds <image> 2 times, {ONCE}",
    ),
    "image token later": (
        row("a:2:r", *OK, "<image>\nWell.", "Yes."),
        "conversations",
        f"turn 2 holds <image> 1 times, {NEVER}",
    ),
    "image token in an answer": (
        row("a:3:r", OK[0], "Yes. <image>"),
        "conversations",
        f"turn 1 holds <image> 1 times, {NEVER}",
    ),
    "no such image": (
        row("a:4:r", image="gone.png"),
        "image",
        "no such file in {folder}, found 'gone.png'; put it there or correct the path",
    ),
    "image is a folder": (
        row("a:5:r", image="below"),
        "image",
        "no such file in {folder}, found 'below'; put it there or correct the path",
    ),
    "absolute image": (
        row("a:6:r", image="/data/gone.png"),
        "image",
        "no end of this absolute path is a file in {folder}, found '/data/gone.png'; put it there or correct the path",
    ),
    "image outside": (
        row("a:7:r", image="../outside.png"),
        "image",
        "must stay in {folder}, found '../outside.png'; take the .. out",
    ),
    "image outside and back": (
        row("a:8:r", image="below/../face.png"),
        "image",
        "must stay in {folder}, found 'below/../face.png'; take the .. out",
    ),
    "absolute image on Windows": (
        row("a:9:r", image="C:\\data\\..\\face.png"),
        "image",
        "must stay in {folder}, found 'C:\\\\data\\\\..\\\\face.png'; take the .. out",
    ),
    "image of another type": (
        row("a:10:r", image=["face.png"]),
        "image",
        "must be a path below the image folder, found ['face.png']",
    ),
    "empty image": (row("a:11:r", image=""), "image", "must be a path below the image folder, found ''"),
    "no image": (
        {"question_id": "a:12:r", "conversations": turns(*OK)},
        "image",
        "must be a path below the image folder, found None",
    ),
    "roles out of turn": (
        row("a:13:r", conversations=[*turns(*OK), {"from": "gpt", "value": "b"}, {"from": "human", "value": "c"}]),
        "conversations",
        "turn 2 must be from human, found 'gpt'\nturn 3 must be from gpt, found 'human'",
    ),
    "unknown role": (
        row("a:14:r", conversations=[{"from": "system", "value": OK[0]}, turns(*OK)[1]]),
        "conversations",
        "turn 0 must be from human, found 'system'",
    ),
    "turn that is no object": (
        row("a:15:r", conversations=[turns(*OK)[0], "Yes."]),
        "conversations",
        "turn 1 must be from gpt, found 'Yes.'",
    ),
    "empty answer": (row("a:16:r", OK[0], " \n"), "conversations", "turn 1 (gpt) is empty"),
    "answer without a value": (
        row("a:17:r", conversations=[turns(*OK)[0], {"from": "gpt"}]),
        "conversations",
        "turn 1 (gpt) must be text, found None",
    ),
    "nothing but an image": (row("a:18:r", "<image>\n", "Yes."), "conversations", "turn 0 (human) is empty"),
    "ends with the human": (
        row("a:19:r", *OK, "And?"),
        "conversations",
        "the last turn must be an answer (gpt)",
    ),
    "control token": (
        row("a:20:r", OK[0], "Yes.</s>No."),
        "conversations",
        "turn 1 holds the control token </s>",
    ),
    "question_id of two parts": (
        row("a:r"),
        "question_id",
        "must read <dialogue>:<turn>:<kind>, found 'a:r'",
    ),
    "question_id with an empty part": (
        row("a::r"),
        "question_id",
        "must read <dialogue>:<turn>:<kind>, found 'a::r'",
    ),
    "no question_id": (
        {"image": "face.png", "conversations": turns(*OK)},
        "question_id",
        "must read <dialogue>:<turn>:<kind>, found None",
    ),
    "no list": (
        row("a:21:r", conversations="Hello."),
        "conversations",
        "must be a list of turns, found 'Hello.'",
    ),
    "no turns": (row("a:22:r", conversations=[]), "conversations", "must be a list of turns, found []"),
    "stands there twice": (row("sound:0:r"), "question_id", "stands in the file twice"),
}


def test_all_faults_of_a_file_are_found_at_once(read, folder):
    """One file with a sound record first and last and every fault, each in its own record, between them."""
    rows = [row("sound:0:r"), *(faulty for faulty, _, _ in FAULTY.values()), row("sound:1:r")]
    records, faults, count = read(*rows)
    assert [record.id for record in records] == ["sound:0:r", "sound:1:r"]
    assert count == len(FAULTY) + 2
    expected = [
        (number, field, problem.format(folder=folder))
        for number, (_, field, problems) in enumerate(FAULTY.values(), 1)
        for problem in problems.split("\n")
    ]
    assert [(int(f.record.split()[1]), f.field, f.problem) for f in faults] == expected
    assert {fault.record.split()[0] for fault in faults} == {"record"}


def test_all_faults_of_one_record_are_found_at_once(read):
    _, faults, _ = read({"question_id": 7, "image": "gone.png", "conversations": turns("Hello.", "")})
    assert [str(fault).split(": ")[:2] for fault in faults] == [
        ["record 0", "question_id"],
        ["record 0", "image"],
        ["record 0", "conversations"],
        ["record 0", "conversations"],
    ]


@pytest.mark.parametrize("name", ["truncated.png", "text.png", "empty.png"])
def test_an_image_that_cannot_be_read_is_a_fault_of_each_of_its_records(name, read, folder):
    records, faults, _ = read(row("a:0:r", image=name), row("b:0:r"), row("c:0:r", image=name))
    assert [record.id for record in records] == ["b:0:r"]
    assert [fault.field for fault in faults] == ["image", "image"]
    assert all("a:0:r" in f.record or "c:0:r" in f.record for f in faults)
    assert all(f.problem.startswith(f"{folder / name}: ") for f in faults)


def test_every_fault_tells_the_records_number(load):
    """An id alone is not found in a file of one line; what is seen last (image, length) is a record's fault as well."""
    long = row("d:0:r", OK[0], "word " * 300)
    with pytest.raises(DataError) as error:
        load(row("a:0:r"), row("b:0:r", image="truncated.png"), row("c:0:r", OK[0], ""), long, max_length=300)
    assert sorted(fault.record.split(" (")[0] for fault in error.value.faults) == ["record 1", "record 2", "record 3"]


@pytest.mark.parametrize("name", [["a:0:response"], {"a:0": "response"}, 7, None, True, "", "::", "a:0:"], ids=repr)
def test_a_question_id_that_is_no_such_text_is_a_fault(name, read):
    records, faults, _ = read(row(name))
    assert records == [] and [fault.field for fault in faults] == ["question_id"]


@pytest.mark.parametrize("name", ["a\0.png", "x" * 300 + ".png", "face.png/more.png", ".", "\\\\host\\face.png"])
def test_an_image_name_that_no_file_can_have_is_a_fault(name, read):
    records, faults, _ = read(row("a:0:r", image=name), row("b:0:r"))
    assert [record.id for record in records] == ["b:0:r"]
    assert [fault.field for fault in faults] == ["image"]


def test_a_record_that_was_accepted_holds_one_image(load, llava):
    """What is left of a text is not looked through again once the image was taken out of it."""
    data = load(row("a:0:r"), row("b:0:r", "<im<image>age>\nHello.", "Yes."), on_fault="drop")
    assert {t.input_ids.count(llava.image_token_id) for t in data.tokens} == {llava.image_tokens}


def test_a_record_that_is_there_three_times_is_kept_once(read):
    records, faults, _ = read(row("a:0:r", OK[0], "First."), row("a:0:r"), row("a:0:r"))
    assert [record.turns[0][1] for record in records] == ["First."]
    assert [fault.record for fault in faults] == ["record 1 (a:0:r)", "record 2 (a:0:r)"]


@pytest.mark.parametrize(
    "content, problem",
    [
        (b'[{"question_id": ', "file: JSON: "),
        (b"", "file: JSON: "),
        (b"[1]\0\0\0", "file: JSON: "),
        (b"\0" * 50, "file: JSON: "),
        (b'["\xff\xfe"]', "file: JSON: "),
        (b'{"question_id": "a:0:r"}', "JSON Lines with one record per line, found dict"),
        (b"null", "JSON Lines with one record per line, found NoneType"),
    ],
)
def test_a_file_that_is_no_list_of_records(content, problem, tmp_path):
    path = tmp_path / "data.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_records(path, tmp_path)
    assert str(error.value).startswith(f"{path}: ")
    assert problem in str(error.value) and len(error.value.faults) == 1


def test_an_empty_list_is_called_empty(tmp_path):
    (tmp_path / "data.json").write_text("[]")
    with pytest.raises(DataError) as error:
        read_records(tmp_path / "data.json", tmp_path)
    assert "empty" in error.value.faults[0].problem


def test_dropping_is_not_advised_where_it_cannot_help(tmp_path, load):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(DataError) as error:
        read_records(tmp_path / "broken.json", tmp_path)
    assert "on_fault drop" not in str(error.value)
    with pytest.raises(DataError) as error:
        load(row("a:0:r", OK[0], ""), on_fault="drop")
    assert "on_fault drop" not in str(error.value)


# Refuse or drop -------------------------------------------------------------------------------------------------------


def test_too_long_a_record_is_a_fault_with_the_count(load, llava):
    short, long = row("a:0:r"), row("b:0:r", OK[0], "word " * 40)
    pair = (OK[0], ("word " * 40).strip())
    most = len(tokenize(llava.tokenizer, [pair], llava.image_token_id, llava.image_tokens))
    assert load(short, long, max_length=most).faults == ()
    with pytest.raises(DataError) as error:
        load(short, long, max_length=most - 1)
    (fault,) = error.value.faults
    assert "b:0:r" in fault.record and fault.field == "conversations"
    assert fault.problem == f"{most} tokens with the image, max_length is {most - 1}"


def mixed():
    """Six sound records of three dialogues among faulty ones of every sort."""
    sound = [row(f"d{i // 2}:{i % 2}:r", OK[0], f"Answer {i}.") for i in range(6)]
    bad = [row("e:0:r", OK[0], ""), row("f:0:r", image="truncated.png"), row("g:0:r", OK[0], "word " * 300), ["x"]]
    return sound, [sound[0], bad[0], *sound[1:4], bad[1], bad[2], sound[4], bad[3], sound[5]]


def test_faults_are_refused_all_together(load):
    with pytest.raises(DataError) as error:
        load(*mixed()[1], max_length=300)
    assert len(error.value.faults) == 4
    assert ": 4 faults in 4 of 10 records:" in str(error.value).splitlines()[0]


def test_dropping_trains_on_exactly_the_sound_records(load, llava):
    sound, rows = mixed()
    data = load(*rows, max_length=300, held_out=0.34, on_fault="drop", seed=3)
    assert [record.id for record in data.records] == [r["question_id"] for r in sound]
    assert len(data.faults) == 4
    assert sorted(data.train + data.held_out) == list(range(6)) and len(data.held_out) == 2
    assert (data.train, data.held_out) == split_by_dialogue(data.records, 0.34, 3)
    for record, tokens, original in zip(data.records, data.tokens, sound, strict=True):
        assert record.turns[0][1] == original["conversations"][1]["value"]
        assert tokens == tokenize(llava.tokenizer, record.turns, llava.image_token_id, llava.image_tokens)
    assert data.lengths([5, 0]) == [len(data.tokens[5]), len(data.tokens[0])]


def test_nothing_left_is_refused_even_where_faults_are_dropped(load):
    with pytest.raises(DataError, match="none is left for training") as error:
        load(row("a:0:r", OK[0], ""), row("b:0:r", image="gone.png"), on_fault="drop")
    assert len(error.value.faults) == 3


# Split ----------------------------------------------------------------------------------------------------------------


def records_of(*dialogues, kind="r"):
    """A record a turn; `dialogues` are (name, turns)."""
    return [Record(f"{d}:{t}:{kind}", d, str(t), kind, None, ()) for d, n in dialogues for t in range(n)]


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=2, max_size=30), share=st.floats(0.01, 0.5), seed=st.integers(0, 2**32)
)
def test_whole_dialogues_are_held_out(sizes, share, seed):
    records = records_of(*((f"d{i}", n) for i, n in enumerate(sizes)))
    random.Random(seed).shuffle(records)
    train, held_out = split_by_dialogue(records, share, seed)
    assert sorted(train + held_out) == list(range(len(records)))
    assert list(train) == sorted(train) and list(held_out) == sorted(held_out)
    ours, theirs = ({records[i].dialogue for i in part} for part in (train, held_out))
    assert not ours & theirs and ours and theirs
    assert abs(len(theirs) - share * len(sizes)) <= 0.5 or len(theirs) == 1


def test_the_share_is_of_dialogues_not_of_examples():
    records = records_of(("long", 100), *((f"d{i}", 1) for i in range(9)))
    for seed in range(5):
        assert len({records[i].dialogue for i in split_by_dialogue(records, 0.3, seed)[1]}) == 3


def test_the_split_depends_on_the_seed_and_the_dialogues_alone():
    records = records_of(*((f"d{i}", 2) for i in range(20)))
    held_out = {seed: split_by_dialogue(records, 0.2, seed)[1] for seed in range(5)}
    assert len(set(held_out.values())) == 5
    assert split_by_dialogue(records, 0.2, 3)[1] == held_out[3]
    backwards = split_by_dialogue(records[::-1], 0.2, 3)[1]
    assert {records[::-1][i].id for i in backwards} == {records[i].id for i in held_out[3]}


def test_no_share_holds_nothing_out():
    assert split_by_dialogue(records_of(("a", 3)), 0, 1) == ((0, 1, 2), ())


def test_one_dialogue_cannot_be_split():
    with pytest.raises(ValueError) as error:
        split_by_dialogue(records_of(("a", 3)), 0.1, 1)
    assert str(error.value) == ("holding out needs at least two dialogues, found one; set held_out 0 or use more data")


# Summary --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_kinds(load):
    reply = [row(f"{d}:{t}:response", OK[0], "word " * (3 + t)) for d in "ab" for t in range(3)]
    caption = [row("a:0:emotion_recognition", "<image>\nFeeling?", "Sad")]
    return load(*reply, *caption, held_out=0.5)


def test_the_summary_counts_what_the_set_holds(two_kinds):
    table = summary(two_kinds)
    assert list(table.index) == ["emotion_recognition", "response"]
    replies = [two_kinds.tokens[i] for i in range(6)]
    answers = [sum(label != IGNORED for label in tokens.labels) for tokens in replies]
    assert table.loc["response"].to_dict() == {
        "records": 6,
        "held out": 3,
        "dialogues": 2,
        "turns a dialogue": 3.0,
        "tokens, median": int(statistics.median(map(len, replies))),
        "tokens, most": max(map(len, replies)),
        "answer tokens, median": int(statistics.median(answers)),
    }
    caption = table.loc["emotion_recognition"]
    assert (caption["records"], caption["dialogues"], caption["turns a dialogue"]) == (1, 1, 1.0)
    assert caption["tokens, most"] == caption["tokens, median"] == len(two_kinds.tokens[6])
    assert table["held out"].sum() == len(two_kinds.held_out)


def test_the_lengths_are_a_row_a_record(two_kinds):
    table = lengths(two_kinds)
    assert table.kind.tolist() == ["response"] * 6 + ["emotion_recognition"]
    assert table.tokens.tolist() == [len(tokens) for tokens in two_kinds.tokens]


# Batches --------------------------------------------------------------------------------------------------------------


def some_lengths(n, seed=0):
    rng = random.Random(seed)
    indices = rng.sample(range(10 * n), n)
    return indices, [rng.randint(600, 2000) for _ in indices]


@given(n=st.integers(1, 300), batch_size=st.integers(1, 40), seed=st.integers(0, 2**32), epoch=st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_every_example_stands_in_one_batch_and_no_batch_is_much_smaller(n, batch_size, seed, epoch):
    indices, counts = some_lengths(n, seed)
    cut = batches(indices, counts, batch_size, seed, epoch)
    assert sorted(i for batch in cut for i in batch) == sorted(indices)
    sizes = list(map(len, cut))
    assert len(cut) == -(-n // batch_size) and max(sizes) <= batch_size and max(sizes) - min(sizes) <= 1
    length_of = dict(zip(indices, counts, strict=True))
    assert epoch or max(counts) in [length_of[i] for i in cut[0]]


def test_the_order_depends_on_seed_and_epoch_alone():
    indices, counts = some_lengths(100)
    plans = {(seed, epoch): batches(indices, counts, 8, seed, epoch) for seed in (1, 2) for epoch in (0, 1)}
    assert len({str(plan) for plan in plans.values()}) == 4
    random.seed(5)
    torch.manual_seed(5)
    assert batches(indices, counts, 8, 2, 1) == plans[2, 1]


def test_length_decides_no_batch():
    """The same examples with other lengths stand in the same batches, but for the longest one in the first epoch."""
    indices, counts = some_lengths(400)
    others = counts[::-1]
    assert batches(indices, counts, 8, 1, 1) == batches(indices, others, 8, 1, 1)
    pairs = zip(batches(indices, counts, 8, 1, 0), batches(indices, others, 8, 1, 0), strict=True)
    assert sum(sum(map(int.__ne__, a, b)) for a, b in pairs) <= 3


def test_captions_weigh_in_the_steps_what_their_answers_tokens_are():
    """Two kinds of very different length, as in ec_planning: a batch holds both, in every epoch."""
    rng = random.Random(3)
    kinds = [("caption", 636, rng.randint(3, 8)) for _ in range(1500)]
    kinds += [("reply", rng.randint(1076, 1676), rng.randint(20, 70)) for _ in range(1500)]

    def share(rows):
        return sum(tokens for kind, _, tokens in rows if kind == "caption") / sum(tokens for *_, tokens in rows)

    for epoch in (0, 1):
        cut = batches(range(len(kinds)), [length for _, length, _ in kinds], 32, 42, epoch)
        rows = [[kinds[i] for i in batch] for batch in cut]
        assert all(len({kind for kind, *_ in batch}) == 2 for batch in rows)
        assert sum(map(share, rows)) / len(rows) == pytest.approx(share(kinds), abs=0.02)


# Loading --------------------------------------------------------------------------------------------------------------

COLORS = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255, 255, 255), "black": (0, 0, 0)}


@pytest.fixture
def coloured(load, folder):
    """Records whose answer says the color of their image; the later, the longer."""
    for name, color in COLORS.items():
        Image.new("RGB", (30, 20), color).save(folder / f"{name}.png")
    return load(*(row(f"{n}:0:r", OK[0], n + " word" * i, image=f"{n}.png") for i, n in enumerate(COLORS)))


def said(llava, labels):
    """The answer of one row of labels."""
    runs = [list(run) for answered, run in groupby(labels.tolist(), lambda label: label != IGNORED) if answered]
    assert len(runs) == 1
    return llava.tokenizer.decode(runs[0], skip_special_tokens=False).removesuffix("</s>")


def test_an_image_and_its_answer_stay_together(coloured, llava):
    plan = [[1, 3, 0], [4, 2]]
    loader = BatchLoader(coloured, llava, plan)
    assert len(loader) == 2
    for number, batch in enumerate(loader.read(workers=0)):
        indices = sorted(plan[number], reverse=True)  # the longest first
        names = [list(COLORS)[i] for i in indices]
        assert [said(llava, labels).split()[0] for labels in batch.labels] == names
        for name, pixels, ids, index in zip(names, batch.pixel_values, batch.input_ids, indices, strict=True):
            square = pad_to_square(Image.new("RGB", (30, 20), COLORS[name]), llava.processor.image_processor.image_mean)
            expected = llava.processor.image_processor(square, return_tensors="pt")["pixel_values"][0]
            torch.testing.assert_close(pixels, expected)
            own = coloured.tokens[index].input_ids
            assert ids.tolist() == own + [llava.tokenizer.pad_token_id] * (len(ids) - len(own))
        assert batch.labels.shape == batch.input_ids.shape == (len(indices), max(coloured.lengths(indices)))
        assert not (batch.labels == llava.tokenizer.pad_token_id).any()
    assert number == 1


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_images_of_any_mode_are_loaded_in_colour(mode, load, folder, llava):
    white = Image.new("RGB", (30, 30), "white")
    white.save(folder / "plain.tiff")
    white.convert(mode).save(folder / "other.tiff")
    data = load(row("a:0:r", image="other.tiff"), row("a:1:r", image="plain.tiff"))
    other, plain = BatchLoader(data, llava, [[0, 1]])[0].pixel_values
    assert other.shape == (3, 56, 56)
    torch.testing.assert_close(other, plain)


def test_a_training_set_cannot_be_changed(coloured):
    assert isinstance(coloured, TrainingSet)
    with pytest.raises(AttributeError):
        coloured.train = ()


# Pictures of any form -------------------------------------------------------------------------------------------------


def test_the_check_accepts_what_the_loader_shows_and_shows_it_alike(load, folder, llava):
    """One picture in many forms: on its side by EXIF, in 16 bits, cut out of a hidden color, as a palette."""
    gray = Image.effect_noise((40, 60), 50)
    exif = Image.Exif()
    exif[0x0112] = 6
    gray.rotate(90, expand=True).save(folder / "turned.png", exif=exif)
    Image.fromarray(np.asarray(gray).astype(np.uint16) * 257).save(folder / "deep.png")
    Image.fromarray((np.asarray(gray) / 255).astype(np.float32)).save(folder / "floats.tif")
    gray.convert("P").save(folder / "palette.gif")
    gray.save(folder / "plain.bmp")
    for hidden in ("red", "blue"):
        cut_out = gray.convert("RGBA")
        cut_out.paste(Image.new("RGBA", (20, 20), hidden).convert("RGB"), (0, 0))
        cut_out.paste(Image.new("RGBA", (20, 20), (*ImageColor.getrgb(hidden), 0)), (0, 0))
        cut_out.save(folder / f"{hidden}.png")
    names = ("plain.bmp", "turned.png", "deep.png", "floats.tif", "palette.gif", "red.png", "blue.png")
    data = load(*(row(f"d{n}:0:r", image=name) for n, name in enumerate(names)))
    assert data.faults == ()
    shown = BatchLoader(data, llava, [list(range(len(names)))])[0].pixel_values
    for place in range(1, 5):
        assert torch.equal(shown[place], shown[0]), names[place]
    assert torch.equal(shown[5], shown[6]) and not torch.equal(shown[5], shown[0])


def test_fields_not_found_are_counted_in_the_summary(load):
    said = "<image>\n- Personal Information: Not found\nHello."
    rows = [row("a:0:r", said, "Yes."), row("a:1:r"), row("b:0:other")]
    table = summary(load(*rows))
    assert dict(table["a field Not found"]) == {"other": 0, "r": 1}
    assert "a field Not found" not in summary(load(*rows[1:]))
