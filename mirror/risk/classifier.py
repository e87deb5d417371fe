"""Reads texts for risk by a text classifier of transformers, such as one that grades how unsafe a text is."""

import difflib
import logging
from collections.abc import Sequence

import torch
from transformers import AutoModelForSequenceClassification

from mirror.models.device import resolve_device, resolve_dtype
from mirror.models.weights import find, load_pretrained, load_tokenizer
from mirror.risk.flag import Flag, Speaker

log = logging.getLogger(__name__)
LONGEST = 512  # tokens of a text, where neither the model nor its tokenizer says how many it takes


class RiskClassifier:
    """A text classifier with one label per text; a text is flagged if its most probable label is an unsafe one."""

    def __init__(self, name: str, unsafe_labels: str, device: str, precision: str = "auto", batch: int = 32) -> None:
        """Load the model of a folder or Hub id.

        Args:
            name: the folder or Hub id; `owner/name@revision` for a revision.
            unsafe_labels: names of the labels that are flagged, separated by commas, in any case.
            device: `auto`, `cpu` or `cuda:<number>`.
            precision: `auto`, `bf16` or `float32`.
            batch: texts per forward pass, ≥ 1.

        Raises:
            FileNotFoundError: the model was not found.
            ValueError: it cannot be read, or has no such label; names the labels that it has.
        """
        folder, self.revision = find(name)
        self.device = resolve_device(device)
        dtype = resolve_dtype(precision, self.device)
        self.model = load_pretrained(AutoModelForSequenceClassification, folder, dtype).to(self.device).eval()
        self.tokenizer = load_tokenizer(folder)
        if self.tokenizer.pad_token is None:
            raise ValueError(f"{name}: the tokenizer has no padding token; give a classifier with one")
        self.model.config.pad_token_id = self.tokenizer.pad_token_id
        self.labels: dict[int, str] = dict(self.model.config.id2label)
        self.unsafe = _chosen(name, unsafe_labels, list(self.labels.values()))
        self.longest = _longest(self.model.config, self.tokenizer.model_max_length)
        self.batch = batch
        # Bits differ between precisions and devices, so that results are kept by them too.
        version = f"@{self.revision}" if self.revision else ""
        self.name = f"{name}{version} {str(dtype).removeprefix('torch.')}: {', '.join(sorted(self.unsafe))}"

    def read(self, texts: Sequence[str], speakers: Sequence[Speaker] | None = None) -> list[tuple[Flag, ...]]:
        """The unsafe label of each text, with its share of the softmax as words; the same text is read once.

        Long texts are cut off at the model's limit, and a warning says how many. Empty ones are not read.
        """
        different = list(dict.fromkeys(text for text in texts if text.strip()))
        lengths = {text: len(self.tokenizer(text, verbose=False)["input_ids"]) for text in different}
        if cut := [text for text in different if lengths[text] > self.longest]:
            log.warning(
                "%s: %d of %d texts are longer than %d tokens, and only their beginnings are read",
                *(self.name, len(cut), len(different), self.longest),
            )
        # Texts of about the same length are read together, which saves padding.
        ordered = sorted(different, key=lambda text: lengths[text])
        found: dict[str, tuple[Flag, ...]] = {}
        # On a CPU one at a time: as fast, and bit-identical in any batch.
        size = 1 if self.device == "cpu" else self.batch
        for start in range(0, len(ordered), size):
            found.update(zip(ordered[start : start + size], self._flags(ordered[start : start + size]), strict=True))
        return [found.get(text, ()) for text in texts]

    @torch.inference_mode()
    def _flags(self, texts: Sequence[str]) -> list[tuple[Flag, ...]]:
        """The flags of one batch."""
        inputs = self.tokenizer(
            list(texts), return_tensors="pt", padding=True, truncation=True, max_length=self.longest
        ).to(self.device)
        shares = self.model(**inputs).logits.float().softmax(-1)  # [texts, labels]
        places = shares.argmax(-1).tolist()
        return [
            (Flag(self.labels[place], f"{share[place].item():.2f}"),) if self.labels[place] in self.unsafe else ()
            for place, share in zip(places, shares, strict=True)
        ]


def _chosen(name: str, unsafe_labels: str, labels: Sequence[str]) -> frozenset[str]:
    """The labels of a model that are named in a text, in any case."""
    by_name = {label.casefold(): label for label in labels}
    asked = [part.strip() for part in unsafe_labels.split(",") if part.strip()]
    all_labels = f"the labels of {name} are {', '.join(labels)}"
    if not asked:
        raise ValueError(f"unsafe_labels is empty; {all_labels}")
    if unknown := [label for label in asked if label.casefold() not in by_name]:
        near = difflib.get_close_matches(unknown[0], labels, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"unsafe_labels: no label {', '.join(map(repr, unknown))}{hint}; {all_labels}")
    return frozenset(by_name[label.casefold()] for label in asked)


def _longest(config: object, of_tokenizer: int) -> int:
    """The most tokens that a model takes: the smaller limit of its positions and its tokenizer."""
    positions = getattr(config, "max_position_embeddings", None) or LONGEST
    padding = getattr(config, "pad_token_id", None) or 0
    if getattr(config, "model_type", "") in ("roberta", "xlm-roberta", "camembert"):
        positions -= padding + 1  # the first positions are those of padding
    return min(positions, of_tokenizer)
