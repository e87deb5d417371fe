"""Text as CLIP reads it."""

from mirror.faces.clip_text import split_at_trigger


def test_a_prompt_is_split_where_the_trigger_stands():
    assert split_at_trigger("photo of a man img, sad eyes") == ("photo of a man", ", sad eyes")
    assert split_at_trigger("a man img") == ("a man", "")
    assert split_at_trigger("an imgage of a man img sad") == ("an imgage of a man", "sad")
