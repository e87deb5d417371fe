"""Age and gender of a client, read from text and not guessed; the parts of an intake form."""

import pytest

from mirror.building.screenplays.client_text import read_age, read_gender, split_intake_form

AGES = {
    "Age: 34": 34,
    "Name: Anna\nAge:\n34\nGender: female": 34,
    "**Age:** 34": 34,
    "She is 34 years old.": 34,
    "A 34-year-old nurse from Ulm.": 34,
    "Anna, 34, a nurse": 34,
    "Anna Maria Lopez, 34": 34,
    "Zoë, aged 34, works as a nurse.": 34,
    "Age: 34. Her son is 12 years old.": 34,
    "Anna, 34, has a 12-year-old daughter.": 34,
    "Anna is 34 years old. Her 12-year-old is ill.": 34,
    "Anna is 34 years old. Ben is 12 years old.": None,
    "Age: 34\nAge: 35": None,
    "Age: unknown": None,
    "She has worked there for 12 years.": None,
    "Lives at 34 Main Street, 3 children": None,
    "In her mid-30s": None,
    "Age: 999": None,
    "Age: 0": None,
    "Age: 30-35": None,
    "": None,
}


@pytest.mark.parametrize("text, age", AGES.items())
def test_the_age_is_read_from_the_text(text, age):
    assert read_age("", text) == age


CELLS = {"34": 34, "34.0": 34, " 34 years ": 34, "34 years old": 34, "0": None, "400": None}


@pytest.mark.parametrize("cell, age", CELLS.items())
def test_the_column_counts_more_than_the_text(cell, age):
    assert read_age(cell, "Age: 50") == age


def test_a_cell_that_is_no_age_leaves_it_to_the_text():
    assert read_age("adult", "Age: 50") == 50


GENDERS = {
    "Gender: female": "woman",
    "Gender:\nMale": "man",
    "Sex: F": "woman",
    "**Gender:** Woman": "woman",
    "Gender: non-binary": "",
    "A 34-year-old woman.": "woman",
    "Tom is a 34-year-old, divorced man.": "man",
    "Anna, 34, female, a nurse": "woman",
    "I am a man of few words.": "man",
    "Anna is a single mother of two.": "woman",
    "Mr. Smith works in a bank.": "man",
    "Name: Mrs. Smith": "woman",
    "Gender: female. She is married to a man.": "woman",
    "A 34-year-old woman who lives with a man.": "woman",
    "A woman, 34": "woman",
    "Anna, 34, a nurse": "",
    "Tom works with a woman who dislikes him.": "",
    "A man or a woman": "",
    "Gender: male\nGender: female": "",
    "The chairman of a company in Manchester": "",
    "": "",
}


@pytest.mark.parametrize("text, gender", GENDERS.items())
def test_the_gender_is_read_from_the_text(text, gender):
    assert read_gender("", text) == gender


@pytest.mark.parametrize(
    "cell, gender", [("Woman", "woman"), ("MALE", "man"), ("f", "woman"), ("unknown", ""), ("non-binary", "")]
)
def test_the_column_of_the_gender_counts_more_than_the_text(cell, gender):
    assert read_gender(cell, "a man of 40") == gender


FORM = """Name:
Anna
Age: 34
Gender: female

1. Presenting Problem
I cannot sleep.
2. Reason for Seeking Counseling
I want to sleep again.
It has been months.
3. Past History
None."""


def test_an_intake_form_is_split():
    person, reason = split_intake_form(FORM)
    assert person == "Name:\nAnna\nAge: 34\nGender: female"
    assert reason == "I want to sleep again.\nIt has been months."


@pytest.mark.parametrize(
    "text, parts", [("Anna, 34", ("Anna, 34", "")), ("", ("", "")), ("Reason for counseling: grief", ("", "grief"))]
)
def test_other_texts_have_one_part(text, parts):
    assert split_intake_form(text) == parts


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["a 3 ", "is a ", "1. ", "years old ", "Age: ", " \t", "\n1.", ", ", "woman "])
def test_a_very_long_text_takes_no_longer_than_its_length(piece):
    text = piece * (200_000 // len(piece))
    read_age("", text), read_gender("", text), split_intake_form(text)
