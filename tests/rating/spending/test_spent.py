"""What a rating run has paid for: all its own answers, and none of another run."""

from mirror.files.json_lines import append_line
from mirror.rating.preferences import FILE as PREFERENCES
from mirror.rating.preferences import PreferenceRecord
from mirror.rating.ratings import FILE, RatingRecord
from mirror.rating.spending.spent import read_spent


def record(kind, run, tokens, **more):
    values = {"idx": "60", "instrument": "ctrs", "repeat": 1, "status": "rated", "scores": {}, "raw": "", "judge": "m"}
    return kind(run=run, asked="a", attempts=1, prompt_tokens=tokens, **values | more)


def test_answers_that_were_asked_again_and_preferences_count(tmp_path):
    for tokens, run in ((1, "rate"), (2, "rate"), (100, "other")):
        append_line(tmp_path / "one" / FILE, record(RatingRecord, run, tokens))
    append_line(tmp_path / "two" / FILE, record(RatingRecord, "rate", 4))
    append_line(tmp_path / "rate" / PREFERENCES, record(PreferenceRecord, "rate", 8, first="one", second="two"))
    found = read_spent([tmp_path / "one", tmp_path / "two"], tmp_path / "rate")
    assert [line.prompt_tokens for line in found] == [1, 2, 4, 8]
