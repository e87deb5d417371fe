"""Every prompt that painter and describer would come to, as token ids. Knows nothing of pictures or networks."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mirror.faces.clip_text import fit, repeat_person, tokens
from mirror.prompts import negative_prompt, portrait_prompt
from pocket.drawing.expressions import EXPRESSIONS
from pocket.texts.wordings import descriptions_of

PERSONS = ("man", "woman", "person")
NEGATIVE = len(PERSONS)


@dataclass(frozen=True)
class Prompts:
    """All prompts as token ids for both text encoders, two of [n, 77].

    An expression's prompts for a man, a woman or a person, and the negative prompts that refuse it, are `counts` [e]
    rows each, from `firsts` [e, 4] on. `start` is the place of the word for the person.
    """

    ids: tuple[torch.Tensor, torch.Tensor]
    firsts: torch.Tensor
    counts: torch.Tensor
    start: int

    def pick(self, shown: torch.Tensor, kinds: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """[n] a prompt's row for each picture's expression [n] and kind [n]: a person of `PERSONS`, or `NEGATIVE`."""
        share = torch.rand(len(shown), generator=random, device=shown.device)
        return self.firsts[shown, kinds] + (share * self.counts[shown]).long()


def read_prompts(tokenizers: Sequence, device: torch.device) -> Prompts:
    """The prompts for every wording of every expression."""
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
        for text, no in zip(texts, negative, strict=True):
            read, start = (tokens(tokenizer, text), None) if no else repeat_person(tokenizer, text, 1)
            starts |= {start} - {None}
            ids.append(fit(tokenizer, read))
        rows.append(torch.tensor(ids, device=device))
    (start,) = starts
    return Prompts(tuple(rows), torch.tensor(firsts, device=device), torch.tensor(counts, device=device), start)
