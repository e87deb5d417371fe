import pytest
import yaml

from mirror.rating.instrument import (
    FOLDER,
    Instrument,
    InstrumentError,
    known_instruments,
    read_instrument,
    read_instruments,
    read_wording,
    shipped,
)
from mirror.transcripts.turn import Turn

LICENSED = {"wai-short": 12, "panas": 20}


def write(tmp_path, name, values):
    path = tmp_path / name
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return str(path)


def own(**changes):
    values = yaml.safe_load((FOLDER / "helpfulness.yaml").read_text(encoding="utf-8"))
    return values | {"name": "mine"} | changes


@pytest.mark.parametrize("name", shipped())
def test_what_is_shipped_is_sound(name):
    instrument = read_instrument(name)
    assert instrument.name == name and instrument.scale.anchors.keys() >= {instrument.scale.lowest}
    assert instrument.supplied == (name in LICENSED)


def test_all_that_the_field_uses_is_shipped():
    assert {"ctrs", "resistance", "helpfulness", "wai-short", "panas"} <= set(shipped())
    ctrs = read_instrument("ctrs")
    assert (ctrs.scale.values, len(ctrs.items)) == (tuple(range(7)), 6)
    assert {len(subscale.items) for subscale in ctrs.subscales.values()} == {3}
    assert read_instrument("resistance").sees.part == "turn"


@pytest.mark.parametrize("name, items", LICENSED.items())
def test_licensed_instruments_are_structures_without_words(name, items):
    instrument = read_instrument(name)
    assert [item.text for item in instrument.items] == [None] * items
    in_subscales = [id for subscale in instrument.subscales.values() for id in subscale.items]
    assert sorted(in_subscales) == sorted(item.id for item in instrument.items)


def test_an_instrument_whose_words_are_missing_is_refused():
    with pytest.raises(InstrumentError, match="wai-short: its wording is licensed.*`item_1: …`.*-p wording FILE"):
        read_instruments(["helpfulness", "wai-short"])


def test_the_user_supplies_the_words(tmp_path):
    words = {"wai-short": {f"item_{number}": f"words {number}" for number in range(1, 13)}}
    wording = write(tmp_path, "wording.yaml", words)
    instrument = read_instruments(["wai-short"], wording)[0]
    assert instrument.items[11].text == "words 12" and instrument.items[3].reversed
    assert "words" not in str(instrument.facts()), "licensed words belong in no record"


def test_words_that_are_not_enough_or_too_many_are_named(tmp_path):
    wording = write(tmp_path, "wording.yaml", {"panas": {"item_1": "calm", "item_99": "odd"}, "wai": {"item_1": "x"}})
    with pytest.raises(InstrumentError) as error:
        read_instruments(["panas"], wording)
    lines = str(error.value).splitlines()
    assert any("has no words for item_2, item_3" in line for line in lines)
    assert any("panas has no item item_99" in line for line in lines)
    assert any("has words for wai, which is not in use" in line for line in lines)


@pytest.mark.parametrize("values", [["wai-short"], {"wai-short": ["a"]}, {"wai-short": {"item_1": 7}}], ids=str)
def test_a_wording_of_another_form_is_refused(values, tmp_path):
    with pytest.raises(InstrumentError, match="must hold `instrument:`"):
        read_instruments(["wai-short"], write(tmp_path, "wording.yaml", values))


def test_a_new_instrument_needs_no_code(tmp_path):
    assert read_instruments([write(tmp_path, "mine.yaml", own())])[0].name == "mine"


BROKEN = {
    "an anchor off the scale": (own(scale={"lowest": 1, "highest": 3, "anchors": {5: "much"}}), "anchor 5 is not on"),
    "an empty scale": (own(scale={"lowest": 3, "highest": 3, "anchors": {}}), "lowest must be below highest"),
    "no such item": (
        own(subscales={"all": {"items": ["warm"], "better": "higher"}}),
        "all names warm, which is no item",
    ),
    "a direction": (
        own(subscales={"all": {"items": ["helpful"], "better": "up"}}),
        "subscales.all.better: must be 'higher' or 'lower', found the text 'up'",
    ),
    "no text": (own(items=[{"id": "helpful"}, {"id": "empathy", "text": "Empathy."}]), "helpful has no text"),
    "twice": (
        own(items=[{"id": "helpful", "text": "a"}] * 2 + [{"id": "empathy", "text": "b"}]),
        "helpful is there twice",
    ),
    "an unknown field": (own(anchor={1: "x"}), "anchor: is no field here; correct its name"),
    "a misspelled field": (
        own(items=[{"id": "helpful", "text": "a"}, {"id": "empathy", "text": "b", "reverse": True}]),
        "items.2.reverse: is no field here; correct its name, or remove it; did you mean reversed?",
    ),
    "a name": (
        own(name="My Scale"),
        "name: must be small letters, digits, - and _, beginning with a letter, found the text 'My Scale'",
    ),
    "what is seen": (own(sees={"part": "session", "cues": True, "faces": "never"}), "sees.part"),
}


@pytest.mark.parametrize("values, message", BROKEN.values(), ids=BROKEN)
def test_a_fault_is_named_with_its_file(values, message, tmp_path):
    with pytest.raises(InstrumentError, match=r"mine\.yaml: ") as error:
        read_instrument(write(tmp_path, "mine.yaml", values))
    assert message in str(error.value)


def test_no_such_instrument_lists_those_there_are():
    with pytest.raises(InstrumentError, match="no instrument ctr; name one of affect, ctrs, helpfulness, "):
        read_instruments(["ctr"])


def test_a_file_that_is_no_yaml_is_named(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(InstrumentError, match=r"bad\.yaml: is no YAML"):
        read_instrument(str(tmp_path / "bad.yaml"))


def test_instruments_are_frozen_data():
    assert isinstance(read_instrument("ctrs"), Instrument)
    assert set(read_instrument("ctrs").facts()) >= {"items", "scale", "subscales", "sees"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("panas: {item_1: a}\npanas: {item_2: b}\n", "panas is given twice, in lines 1 and 2; keep one"),
        ("panas: {item_1: a, item_1: b}\n", "item_1 is given twice"),
        ("panas: " + "[" * 5000, "is no YAML: "),
        ("a: " + "{a: " * 5000, "is no YAML: it is nested too deeply"),
    ],
)
def test_a_file_that_says_two_things_is_refused_by_name(text, message, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    for read in (read_wording, lambda path: read_instrument(str(path))):
        with pytest.raises(InstrumentError, match=f"own.yaml: {message}"):
            read(path)


# Moments: the start and the end of a session --------------------------------------------------------------------------


def turns(n, ended=True):
    common = {"cue": "", "client_raw": ""}
    numbers = range(1, n + 1)
    return [Turn(number=k, words=f"w{k}", reply=f"r{k}", ended=ended and k == n, **common) for k in numbers]


def test_an_instrument_of_moments_is_one_instrument_each():
    start, end = read_instruments(["affect"])
    assert (start.name, end.name) == ("affect-start", "affect-end") and (start.moment, end.moment) == ("start", "end")
    assert [one.name for one in read_instruments(["affect:end", "ctrs"])] == ["affect-end", "ctrs"]
    assert read_instrument("affect").moment is None and start.moments() == [start]
    assert not start.can_compare and read_instrument("ctrs").moments() == [read_instrument("ctrs")]
    assert {"affect-start", "affect-end", "ctrs"} <= {one.name for one in known_instruments()}


@pytest.mark.parametrize(
    ("of", "first", "last"),
    [(8, ["w1", "w2", "w3"], ["w6", "w7", "w8"]), (6, ["w1", "w2", "w3"], ["w4", "w5", "w6"]),
     (5, ["w1", "w2"], ["w4", "w5"]), (2, ["w1"], ["w2"]), (1, [], [])],
)  # fmt: skip
def test_moments_never_share_a_turn_and_do_not_tell_which_they_are(of, first, last):
    start, end = read_instruments(["affect"])
    for instrument, words in ((start, first), (end, last)):
        seen = instrument.excerpt(turns(of))
        assert [turn.words for turn in seen] == words
        assert [turn.number for turn in seen] == list(range(1, len(words) + 1)) and not any(turn.ended for turn in seen)
    assert read_instrument("ctrs").excerpt(turns(of)) == tuple(turns(of))


def test_an_instrument_of_whole_sessions_has_the_record_and_digest_that_it_had():
    assert read_instrument("ctrs").facts()["sees"] == {"part": "transcript", "cues": True, "faces": "optional"}


@pytest.mark.parametrize(
    ("names", "changes", "message"),
    [
        (["ctrs:start"], None, "ctrs: rates no moment start of a session; name it without a moment"),
        ([], {"part": "turn", "cues": True, "faces": "never", "when": ["end"]}, "sees: when is for whole transcripts"),
        ([], {"part": "transcript", "cues": True, "faces": "never", "when": ["end", "end"]}, "names a moment twice"),
        ([], {"part": "transcript", "cues": True, "faces": "never", "when": ["middle"]}, "'start' or 'end'"),
        ([], {"part": "transcript", "cues": True, "faces": "never", "turns": 0}, "sees.turns"),
    ],
)
def test_faulty_moments_are_named(names, changes, message, tmp_path):
    with pytest.raises(InstrumentError) as caught:
        read_instruments(names or [write(tmp_path, "mine.yaml", own(sees=changes))])
    assert message in str(caught.value)
