"""Pre-training texts: reproducible, encoded as in fine-tuning, and without a link from a face to a feeling."""

import pytest

from mirror.models.llava_chat import SYSTEM, conversation_text, tokenize
from pocket.drawing.expressions import expression_of
from pocket.llava.pretraining import Text, encode, write_drilled_text, write_examples, write_session_text, write_text
from pocket.pictures.strangers import Stranger
from pocket.seeds import stream


@pytest.mark.parametrize("number", range(40))
def test_no_text_leads_from_a_face_to_a_feeling(number):
    """Texts about a picture name no feeling, but where the words beside it do."""
    random = stream("texts", number)
    people = [Stranger.from_seed(3, one, is_mixed=True) for one in range(4)]
    for text in (write(people, random) for write in (write_text, write_session_text) for _ in range(25)):
        if "<image>" in text.text:
            human, _, answer = text.text.rpartition("ASSISTANT:")
            named = expression_of(answer)
            assert named is None or expression_of(human) is not None, text.text


@pytest.mark.slow
@pytest.mark.proof
def test_texts_do_not_depend_on_the_number_of_processes(llava, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # one other process, which writes both chunks
    people = [Stranger.from_seed(3, number, is_mixed=True) for number in range(4)]
    form = (llava.tokenizer, llava.image_token_id, llava.image_tokens)
    examples = write_examples(600, write_drilled_text, people, *form, seed=1)
    random = stream("pre-training", 1, 1)
    assert len(examples) == 600
    assert examples[500:] == encode([write_drilled_text(people, random) for _ in range(100)], *form)
    assert examples[:50] == write_examples(50, write_drilled_text, people, *form, seed=1)  # by this process alone


def test_pre_training_reads_texts_as_fine_tuning_does(llava):
    turns = [("<image>\nDescribe the person.", "A man with glasses."), ("And?", "Yes.")]
    (ours,) = encode([Text(conversation_text(turns)[0], 0)], llava.tokenizer, llava.image_token_id, llava.image_tokens)
    assert ours.ids == tokenize(llava.tokenizer, turns, llava.image_token_id, llava.image_tokens).input_ids
    assert sum(label == -100 for label in ours.labels) == 36 + len(llava.tokenizer.tokenize(SYSTEM))


def test_of_a_session_only_what_therapists_say_is_predicted(llava):
    form = (llava.tokenizer, llava.image_token_id, llava.image_tokens)
    human = "<image>\n- Worry: sleep\nTherapist: Hello Anna.\nClient: Hm.\nTherapist: How is it?\nClient: Bad.\nAnswer."
    said = Text(conversation_text([(human, "You look sad.\nGo on.")])[0], 0, is_heard=True)
    roll = Text("- Name: Anna\nTherapist: Hello Anna.\nClient: Hm.\nTherapist: How is it?", is_heard=True)
    predicted = [
        llava.tokenizer.decode([label for label in example.labels if label != -100])
        for example in encode([said, roll], *form)
    ]
    assert predicted == ["Hello Anna. How is it? You look sad.\nGo on.</s>", "Hello Anna. How is it?"]
