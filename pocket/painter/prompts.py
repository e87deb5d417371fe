"""All prompts that the painter is trained on, as token ids."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import CLIPTokenizer

from mirror.faces.clip_text import fit, repeat_person, tokens
from mirror.prompts import negative_prompt, portrait_prompt
from pocket.drawing.expressions import EXPRESSIONS
from pocket.texts.wordings import descriptions_of

PERSONS = ("man", "woman", "person")
NEGATIVE = len(PERSONS)


@dataclass(frozen=True)
class Prompts:
    """Token ids of all prompts, grouped by expression and kind: man, woman, person or negative prompt.

    Attributes:
        ids: Token ids for each of the two text encoders, [n, 77].
        firsts: [e, 4] first row of each expression's prompts of each kind.
        counts: [e] number of rows of each expression and kind.
        start: Position of the token for the person, where the identity is merged.
    """

    ids: tuple[torch.Tensor, torch.Tensor]
    firsts: torch.Tensor
    counts: torch.Tensor
    start: int

    def pick(self, shown: torch.Tensor, kinds: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """Draws a prompt for each expression `shown` [n] and kind [n], an index into `PERSONS` or `NEGATIVE`.

        Returns:
            [n] rows of `ids`.
        """
        share = torch.rand(len(shown), generator=random, device=shown.device)
        return self.firsts[shown, kinds] + (share * self.counts[shown]).long()


def read_prompts(tokenizers: Sequence[CLIPTokenizer], device: torch.device) -> Prompts:
    """Tokenizes the prompts of every wording of every expression."""
    texts, firsts, counts, negative = [], [], [], []
    for name in EXPRESSIONS:
        shown = list(dict.fromkeys(own for own, _ in descriptions_of(name)))
        counts.append(len(shown))
        firsts.append([len(texts) + kind * len(shown) for kind in range(len(PERSONS) + 1)])
        texts += [portrait_prompt(person, text) for person in PERSONS for text in shown]
        texts += [negative_prompt(text) for text in shown]
        negative += [False] * (len(PERSONS) * len(shown)) + [True] * len(shown)
    rows, starts = [], set()
    for tokenizer in tokenizers:
        ids = []
        for text, is_negative in zip(texts, negative, strict=True):
            read, start = (tokens(tokenizer, text), None) if is_negative else repeat_person(tokenizer, text, 1)
            starts |= {start} - {None}
            ids.append(fit(tokenizer, read))
        rows.append(torch.tensor(ids, device=device))
    (start,) = starts
    return Prompts(tuple(rows), torch.tensor(firsts, device=device), torch.tensor(counts, device=device), start)
