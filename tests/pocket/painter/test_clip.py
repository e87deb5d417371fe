"""The pocket CLIP's tokenizer."""

from transformers import AutoTokenizer

from mirror.faces.clip_text import tokens
from pocket.painter.clip import CLIP_FOLDER, prompt_corpus, train_clip_tokenizer


def test_the_tokenizer_is_clips_kind():
    tokenizer = AutoTokenizer.from_pretrained(CLIP_FOLDER)
    assert type(tokenizer).__name__ == "CLIPTokenizer" and tokenizer.model_max_length == 77
    text = "A facial photo with naïve smile – 感 1"
    ids = tokens(tokenizer, text)
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False).replace(" ", "") == text.lower().replace(" ", "")
    assert all(len(tokens(tokenizer, line)) <= 75 for line in prompt_corpus())
    assert tokenizer.get_vocab() == train_clip_tokenizer().get_vocab()
