"""A text classifier as a reader of risk: a real, tiny one, whose words decide the label."""

import logging

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from mirror.risk.classifier import RiskClassifier
from mirror.risk.flag import Flag

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "kill", "hurt", "hello"]
LABELS = ["Safe", "Grave", "Deadly"]
POSITIONS = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A classifier of one layer that says `Deadly` of `kill`, `Grave` of `hurt`, and `Safe` of all else."""
    path = tmp_path_factory.mktemp("classifier")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=POSITIONS,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.3,
        id2label=dict(enumerate(LABELS)),
        label2id={label: place for place, label in enumerate(LABELS)},
    )
    model = BertForSequenceClassification(config)
    ids = torch.tensor([[1, 6, 2], [1, 3, 2], [1, 4, 2], [1, 5, 2]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        model(ids, labels=torch.tensor([0, 0, 2, 1])).loss.backward()
        optimizer.step()
    model.eval().save_pretrained(path)
    words = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(path)
    return str(path)


def kinds(flags):
    return [[flag.kind for flag in one] for one in flags]


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_texts_with_an_unsafe_label_are_flagged_in_order(folder, precision):
    reader = RiskClassifier(folder, "deadly, GRAVE", "cpu", precision)
    found = reader.read(["hello", "kill", "", "hurt", "hello", "hello"])
    assert kinds(found) == [[], ["Deadly"], [], ["Grave"], [], []]
    assert all(0.34 <= float(flag.words) <= 1 for one in found for flag in one)


def test_only_the_named_labels_count(folder):
    assert kinds(RiskClassifier(folder, "Deadly", "cpu").read(["hurt", "kill"])) == [[], ["Deadly"]]


def test_the_batch_changes_nothing(folder):
    texts = ["hello kill hello", "hurt", "kill", "hello"] * 5
    few, many = (RiskClassifier(folder, "Deadly,Grave", "cpu", "float32", batch).read(texts) for batch in (1, 7))
    assert few == many


def test_a_long_text_is_cut_with_a_warning(folder, caplog):
    with caplog.at_level(logging.WARNING):
        found = RiskClassifier(folder, "Deadly", "cpu").read(["kill " * 100, "hello"])
    assert kinds(found)[1] == [] and len(found) == 2
    assert "1 of 2 texts are longer than 16 tokens" in caplog.text


def test_an_unknown_label_is_refused_with_those_of_the_model(folder):
    with pytest.raises(ValueError, match=r"no label 'Dedly' \(did you mean Deadly\?\).*are Safe, Grave, Deadly"):
        RiskClassifier(folder, "Dedly", "cpu")
    with pytest.raises(ValueError, match=r"unsafe_labels is empty; .*Safe, Grave, Deadly"):
        RiskClassifier(folder, " , ", "cpu")


def test_a_missing_model_is_named():
    with pytest.raises(FileNotFoundError, match="no/such/folder"):
        RiskClassifier("no/such/folder", "Deadly", "cpu")


def test_the_name_says_what_a_result_depends_on(folder):
    reader = RiskClassifier(folder, "grave,deadly", "cpu")
    assert reader.name == f"{folder} float32: Deadly, Grave"
    assert isinstance(reader.read(["kill"])[0][0], Flag)
