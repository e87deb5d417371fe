"""The painter's training prompts."""

import torch

from pocket.drawing.expressions import EXPRESSIONS
from pocket.painter.prompts import NEGATIVE, read_prompts
from pocket.texts.wordings import descriptions_of


def test_a_picked_prompt_asks_for_its_expression_and_a_refusing_one_refuses_it(pipeline):
    tokenizer = pipeline.tokenizer
    prompts = read_prompts((tokenizer, pipeline.tokenizer_2), torch.device("cpu"))
    random = torch.Generator().manual_seed(0)
    for number, name in enumerate(EXPRESSIONS):
        shown = {text for text, _ in descriptions_of(name)}
        for kind, word in ((0, "man"), (1, "woman"), (2, "person"), (NEGATIVE, "nsfw")):
            row = prompts.pick(torch.tensor([number]), torch.tensor([kind]), random)
            text = tokenizer.decode(prompts.ids[0][row[0]], skip_special_tokens=True)
            plain = text.replace(" ", "")
            assert word in text and any(one.lower().replace(" ", "") in plain for one in shown), text
            if kind != NEGATIVE:
                assert tokenizer.decode([prompts.ids[0][row[0], prompts.start]]).strip() == word
