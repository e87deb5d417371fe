"""What of a model's text is its answer."""

import pytest

from mirror.chat.reasoning import opened_reasoning, without_reasoning

ANSWERS = {
    "a block": ("<think>\nShe is sad.\n</think>\n\nYes.", "Yes.", "closed"),
    "another name": ("<thinking>a</thinking><reasoning>b</reasoning><Thought>c</Thought>Yes.", "Yes.", "closed"),
    "any case": ("<THINK>a</Think>Yes.", "Yes.", "closed"),
    "attributes": ('<think type="long">a</think>Yes.', "Yes.", "closed"),
    "several blocks": ("<think>a</think>Yes. <think>b</think>No.", "Yes. No.", "closed"),
    "an empty block": ("<think></think>Yes.", "Yes.", "closed"),
    "a block in a line": ("Client: [nods] <think>more?</think>Yes.", "Client: [nods] Yes.", "closed"),
    "no opening": ("Okay, the user is sad.\n</think>\n\nYes.", "Yes.", "unopened"),
    "no opening, one line": ("1. Answer briefly.</think>391", "391", "unopened"),
    "its own tags as words": ("<think>I end <think> with </think> as told.</think>Yes.", "Yes.", "unopened"),
    "never closed": ("<think>\nShe is sad, so", "", "cut off"),
    "never closed, after words": ("Yes.\n<think>\nMore", "Yes.", "cut off"),
    "nothing after it": ("<think>a</think>\n ", "", "closed"),
    "magistral": ("[THINK]a[/THINK]Yes.", "Yes.", "closed"),
    "kimi": ("◁think▷a◁/think▷Yes.", "Yes.", "closed"),
    "seed": ("<seed:think>a</seed:think>Yes.", "Yes.", "closed"),
    "open thoughts": ("<|begin_of_thought|>a<|end_of_thought|>Yes.", "Yes.", "closed"),
    "command": ("<|START_THINKING|>a<|END_THINKING|>Yes.", "Yes.", "closed"),
    "gemma": ("<|channel>thought\na<channel|>Yes.", "Yes.", "closed"),
    "gpt-oss": (
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>",
        "Yes.",
        "closed",
    ),
    "gpt-oss, a form": ("a<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{}", "{}", "closed"),
    "gpt-oss, cut off": ("<|channel|>analysis<|message|>We need", "", "cut off"),
    "gpt-oss, its marks dropped": ("analysisWe need words.assistantfinalYes.", "Yes.", "closed"),
    "gpt-oss, its marks dropped, cut off": ("analysisWe need", "", "cut off"),
    "no reasoning": ("  Client: [nods] Yes.\n", "Client: [nods] Yes.", ""),
    "a tag as a word": ("I think <think> is a tag.", "I think <think> is a tag.", ""),
    "a client's cue": ("[think] I do not know.", "[think] I do not know.", ""),
    "another tag": ("<thinker>a</thinker>", "<thinker>a</thinker>", ""),
    "the word alone": ("analysis of it all is hard.", "analysis of it all is hard.", ""),
}


@pytest.mark.parametrize("text, words, reasoning", ANSWERS.values(), ids=ANSWERS)
def test_reasoning_is_no_answer(text, words, reasoning):
    found = without_reasoning(text)
    assert (found.text, found.reasoning) == (words, reasoning)


def test_where_a_text_was_cut_off_an_open_tag_begins_reasoning_in_the_midst_of_a_line_too():
    assert without_reasoning("Yes. <think>Should I", cut_off=True).text == "Yes."


@pytest.mark.parametrize(
    "prompt, opened",
    [
        ("<|assistant|><think>\n", "<think>"),
        ("<|start|>assistant<|channel|>analysis<|message|>", "<|channel|>analysis<|message|>"),
        ("<|assistant|><think>\n\n</think>\n\n", ""),
        ("user: is <think> a tag?\nassistant:", ""),
    ],
)
def test_a_prompt_may_open_the_reasoning(prompt, opened):
    assert opened_reasoning(prompt) == opened
