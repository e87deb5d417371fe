"""Grammatical persons of the generated texts."""

from pocket.texts.persons import second_person, third_person


def test_persons():
    assert second_person("I laugh with my children, and I'm glad") == "you laugh with your children, and you're glad"
    assert second_person("when I was ill she helped me") == "when you were ill she helped you"
    assert third_person("wait before I check my stove") == "wait before they check their stove"
    assert second_person("the time in Rome") == "the time in Rome"
