"""The HTML form in a real browser: two raters fill it in, one by keys alone; nothing is lost or tells the arm."""

import base64
import io
import json
import re

import pandas as pd
import pytest
from PIL import Image

from mirror.rating.forms.agreement import study_agreement
from mirror.rating.forms.answers import read_answers
from mirror.rating.forms.intake import import_files
from mirror.rating.forms.key import read_key
from mirror.rating.forms.page import inert_json
from mirror.statistics import icc, krippendorff_alpha
from tests.browser import CHROMIUM, chromium, wait_for
from tests.filled_forms import SECRETS, drawn, filled, form_of, save, study, write_runs
from tests.simulated_raters import answers_of, rate_with_interruptions, wait_until_kept

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; Debian and Ubuntu: apt-get install chromium"),
]
TWELVE = [str(idx) for idx in range(60, 72)]
VIEW = "['start', 'rate', 'overview'].find((id) => !byId(id).hidden)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study of two sessions on the six items of ctrs, with faces."""
    output = tmp_path_factory.mktemp("output")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRROR_OUTPUT", str(output))
        yield study(output, write_runs(output, ["60"], turns=2, pictures=48), instrument="ctrs")


FORGET = "localStorage.clear(), inDatabase('readwrite', (states) => states.clear())"


@pytest.fixture
def opened(browser, made):
    """The form of anna, never opened before, on a desktop."""
    with browser.tab() as page:
        page.resize(1280, 860)
        page.open((made / "forms/anna.html").as_uri())
        page.evaluate(FORGET)
        page.open((made / "forms/anna.html").as_uri())
        yield page
        wait_until_kept(page)  # or a closing tab would write into the next test's form
        assert page.problems == [] and page.requests == []


def values(page):
    return page.evaluate("exported().answers.map(({value}) => value)")


def focused(page):
    return page.evaluate("document.activeElement.closest('fieldset')?.id ?? document.activeElement.id")


def download(page, folder):
    """What the button saves."""
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    before = set(folder.iterdir())
    page.evaluate("go('overview'), byId('export').click()")
    finished = lambda: [one for one in set(folder.iterdir()) - before if one.suffix == ".json"]  # noqa: E731
    return wait_for(finished)[0]


# Two raters from form to agreement ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.proof
def test_two_raters_rate_24_sessions_and_agree_as_their_answers_do(output, tmp_path, browser):
    """The first rater types, and closes the tab on the way; the second clicks, with noise."""
    folder = study(output, write_runs(output, TWELVE, turns=2), instrument="ctrs")
    key = read_key(folder)
    rules = {"anna": drawn(key), "ben": drawn(key, noise=0.4)}
    files = []
    with browser.tab() as page:
        page.open((folder / "forms/anna.html").as_uri())
        page.press("n")
        type_parts(page, folder, rules["anna"], slice(0, 11))
        page.press("3", "5")  # of the twelfth session: not the answers to stay
    with browser.tab() as page:
        page.open((folder / "forms/anna.html").as_uri())
        assert len(values(page)) == 11 * 6 + 2
        page.press("n")  # goes on where the tab was closed
        type_parts(page, folder, rules["anna"], slice(11, 24), back=2)
        assert page.evaluate(VIEW) == "overview"
        files.append(download(page, tmp_path))
    with browser.tab() as page:
        page.open((folder / "forms/ben.html").as_uri())
        for code, turn in key.parts(form_of(folder, "ben")):
            answers = [[item, rules["ben"](code, turn, item)] for item in key.items]
            page.evaluate(f"go('{code}'); for (const [id, value] of {json.dumps(answers)}) "
                          "byId(`item-${id}`).querySelector(`input[value='${value}']`).click()")  # fmt: skip
        files.append(download(page, tmp_path))
    results = import_files(folder, files)
    assert [(one.rater, one.written, one.missing, one.faults) for one in results] == [
        ("anna", 24, (), ()),
        ("ben", 24, (), ()),
    ]
    codes = sorted(key.sessions)
    found = study_agreement(folder, seed=1).humans.set_index("item")
    for item in key.items:
        given = [[rules[rater](code, None, item) for code in codes] for rater in ("anna", "ben")]
        row = found.loc[item]
        assert (row["raters"], row["units"], row["shared"]) == (2, 24, 24)
        assert row["alpha"] == pytest.approx(krippendorff_alpha(given, "ordinal"), abs=1e-12)
        assert row["interval_alpha"] == pytest.approx(krippendorff_alpha(given, "interval"), abs=1e-12)
        assert (row["icc"], row["icc_mean"]) == pytest.approx(icc(given)[:2], abs=1e-12)
        assert 0.5 < row["alpha"] < 1 and row["low"] <= row["alpha"] <= row["high"]


def type_parts(page, folder, rule, part, back=0):
    """Rates some sessions by keys alone; `back` items of the first one were rated before, and are corrected."""
    key = read_key(folder)
    for code, turn in list(key.parts(form_of(folder, "anna")))[part]:
        page.press(*["Tab"] * 2 * bool(back), *["ArrowUp"] * back)
        page.press(*(str(rule(code, turn, item)) for item in key.items), "n")
        back = 0


# What is kept ---------------------------------------------------------------------------------------------------------


def test_a_closed_tab_loses_nothing(browser, made, opened):
    opened.press("n", "4", "0", "c", *"so n4", "Escape")
    with browser.tab() as page:
        page.open((made / "forms/anna.html").as_uri())
        assert values(page) == [4, 0]
        assert page.evaluate("exported().comments.map(({text}) => text)") == ["so n4"]
        assert page.evaluate("byId('begin').textContent") == f"Go on with session {code(made, 0)}"
        page.press("n", "1")
        assert values(page) == [4, 0, 1]
    assert values(opened) == [4, 0, 1]  # the other tab has seen it
    opened.press("2")  # its third item, too, is that of the other tab
    assert values(opened)[:2] == [4, 0] and len(values(opened)) in (3, 4)


def code(folder, place):
    return read_key(folder).forms[form_of(folder, "anna")].codes[place]


def test_a_saved_copy_is_loaded_on_another_device(opened, made, tmp_path):
    opened.press("n", "4", "5", "6")
    copy = download(opened, tmp_path)
    assert f"The file {copy.name} was handed to your browser" in opened.evaluate("byId('done').textContent")
    assert copy.name == f"ratings-anna-{form_of(made, 'anna')}.json"
    answers = read_answers(copy)
    assert [one.value for one in answers.answers] == [4, 5, 6] and answers.rater == "anna"
    opened.evaluate(FORGET)
    opened.open((made / "forms/anna.html").as_uri())
    assert values(opened) == []
    opened.evaluate(f"loadText({json.dumps(copy.read_text())})")
    assert values(opened) == [4, 5, 6]


def test_of_a_copy_and_the_browser_the_later_answer_counts(opened, made):
    first = code(made, 0)
    record = filled(made, "anna", lambda *_: 1) | {"comments": [{"code": first, "turn": None, "text": "old", "at": ""}]}
    opened.press("n", "6")
    opened.evaluate(f"loadText({json.dumps(json.dumps(record))})")
    assert values(opened) == [6, *[1] * 11]


@pytest.mark.parametrize("text", ["", "[]", '{"format": "x"}', "null"])
def test_another_file_is_refused_and_changes_nothing(text, opened):
    opened.press("n", "6")
    opened.evaluate(f"loadText({json.dumps(text)})")
    assert "no saved form" in opened.evaluate("byId('trouble').textContent")
    assert values(opened) == [6]


def test_the_copy_of_another_form_is_refused(opened, made):
    opened.evaluate(f"loadText({json.dumps(json.dumps(filled(made, 'ben', lambda *_: 1)))})")
    assert "belongs to another form" in opened.evaluate("byId('trouble').textContent")
    assert values(opened) == []


def test_a_browser_that_keeps_nothing_says_so(opened):
    opened.evaluate("Storage.prototype.setItem = () => { throw new Error('full') }")
    opened.evaluate("IDBDatabase.prototype.transaction = () => { throw new Error('full') }")
    opened.press("n", "6")
    assert "does not keep your answers" in opened.evaluate("byId('trouble').textContent")
    assert values(opened) == [6]
    assert opened.evaluate("!dispatchEvent(new Event('beforeunload', {cancelable: true}))")  # asks before it closes
    opened.evaluate("removeEventListener('beforeunload', ask)")


def test_another_day_and_a_full_storage_lose_nothing(made, tmp_path):
    """The small form of `python -m tests.simulated_raters`: closed tab, reload, power cut, no storage left."""
    (tmp_path / "profile").mkdir()
    answers = answers_of(made, "anna", drawn(read_key(made)))
    saved = rate_with_interruptions(made, "anna", answers, tmp_path / "profile", tmp_path / "saved")
    found = {(one.code, one.item): one.value for one in read_answers(saved).answers}
    assert found == {(code, item): value for code, of_it in answers.items() for item, value in of_it}


SLOW_DATABASE = """(() => {
  const request = {}, states = {};
  window.answerOf = (answers) => {
    states.get = () => ({result: {answers}});
    request.result = {transaction: () => {
      const made = {objectStore: () => states};
      setTimeout(() => made.oncomplete());
      return made;
    }};
    request.onsuccess();
  };
  Object.defineProperty(window, "indexedDB", {value: {open: () => request}});
})()"""


def test_a_saved_file_waits_for_what_the_browsers_database_holds(browser, made, tmp_path):
    """On a slow machine the page is there before its database is."""
    with browser.tab() as page:
        page.call("Page.addScriptToEvaluateOnNewDocument", source=SLOW_DATABASE)
        page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
        page.open((made / "forms/anna.html").as_uri())
        page.evaluate("localStorage.clear()")
        page.open((made / "forms/anna.html").as_uri())
        page.evaluate("go('overview'), byId('export').click()")
        assert values(page) == []
        page.evaluate("answerOf({[parts[0].key]: {[data.items[0].id]: {value: 3, at: '2026-01-01T00:00:00Z'}}})")
        saved = wait_for(lambda: list(tmp_path.glob("*.json")))[0]
        assert [one["value"] for one in json.loads(saved.read_text())["answers"]] == [3]


# Keys and reading -----------------------------------------------------------------------------------------------------


def test_keys_rate_move_and_take_back(opened):
    opened.press("n")
    assert focused(opened) == "part-title"
    opened.press("4")
    assert focused(opened) == "item-interpersonal_effectiveness"
    opened.press("7", "9", "x")  # no values of the scale
    assert values(opened) == [4]
    assert opened.evaluate("byId('done').textContent") == "9 is not on the scale from 0 to 6."
    opened.press("ArrowUp", "ArrowRight")
    assert values(opened) == [5] and focused(opened) == "item-understanding"
    opened.press("Delete")
    assert values(opened) == []
    opened.press("ArrowDown", "2", "ArrowDown", "6")
    answers = opened.evaluate("exported().answers.map(({item, value}) => [item, value])")
    assert answers == [["interpersonal_effectiveness", 2], ["guided_discovery", 6]]
    opened.press("1", "1")
    assert focused(opened) == "next"
    opened.press("Enter")
    assert opened.evaluate("byId('place').textContent") == "Session 2 of 2"
    opened.press("p")
    assert opened.evaluate("byId('place').textContent") == "Session 1 of 2"


def test_keys_of_one_character_can_be_switched_off(opened):
    opened.evaluate("byId('shortcuts').checked = false")
    opened.press("n")
    assert opened.evaluate(VIEW) == "start"
    opened.evaluate("byId('begin').click()")
    opened.press("4", "n")
    assert values(opened) == [] and opened.evaluate("byId('place').textContent") == "Session 1 of 2"


def test_unanswered_items_are_named_and_progress_is_shown(opened, made):
    opened.press("n", "4", "0", "1", "1", "1")
    assert opened.evaluate("byId('missing').textContent") == "Not rated yet: Strategy for change"
    assert opened.evaluate("byId('count').textContent") == "5 of 12 ratings"
    opened.press("o")
    listed = opened.evaluate("[...document.querySelectorAll('#list a')].map((a) => a.textContent)")
    assert listed == [f"○{code(made, 0)}missing: Strategy for change", f"○{code(made, 1)}not rated yet"]
    assert "7 of 12 ratings are still missing, in 2 of 2 sessions" in opened.evaluate("byId('verdict').textContent")
    opened.evaluate("document.querySelector('#list a').click()")
    wait_for(lambda: opened.evaluate(VIEW) == "rate")
    opened.press("6", "n", *"123456", "n")
    assert opened.evaluate("byId('verdict').textContent").startswith("All 12 ratings are given.")


def test_the_session_is_shown_with_its_faces(opened, made):
    opened.press("n")
    shown = opened.evaluate("[...document.querySelectorAll('#turns .words, #turns .reply')].map((p) => p.textContent)")
    assert len(shown) == 4 and shown[1].startswith("Counselor") and shown[2].startswith("Client")
    faces = "[...document.querySelectorAll('#turns img')]"
    assert opened.evaluate(f"Promise.all({faces}.map((i) => i.decode().then(() => i.naturalWidth)))") == [48, 48]


def test_of_a_turn_only_what_came_before_is_shown(browser, output):
    folder = study(output, write_runs(output, ["60"], turns=3), instrument="resistance")
    with browser.tab() as page:
        page.open((folder / "forms/anna.html").as_uri())
        page.press("n", "n")
        assert page.evaluate("byId('part-title').textContent").endswith(", turn 2")
        assert page.evaluate("document.querySelectorAll('#turns li').length") == 2
        assert page.evaluate("document.querySelectorAll('#turns .reply').length") == 1
        page.press("3")
        assert page.evaluate("exported().answers.map(({turn, value}) => [turn, value])") == [[2, 3]]


@pytest.mark.parametrize("width, phone", [(390, True), (834, True), (1280, False)])
def test_nothing_is_wider_than_the_screen_and_targets_are_large(width, phone, opened):
    opened.resize(width, 844, phone)
    for view in ("start", "overview", "parts"):
        opened.evaluate("go(parts[0].key)" if view == "parts" else f"go('{view}')")
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
    sides = "Math.min(one.getBoundingClientRect().width, one.getBoundingClientRect().height)"
    sizes = opened.evaluate(f"[...document.querySelectorAll('.scale label, .steps button')].map((one) => {sides})")
    assert len(sizes) == 6 * 7 + 2 and min(sizes) >= 38


@pytest.mark.parametrize("dark", [False, True])
def test_contrast_is_enough_in_light_and_dark(dark, opened):
    """Text on its background: 4.5 to 1 (WCAG 2.2, AA)."""
    opened.resize(1280, 860, dark=dark)
    names = ("paper", "sheet", "ink", "quiet", "accent", "on-accent", "tint", "bad", "bad-tint")
    of = {name: opened.evaluate(f"getComputedStyle(document.body).getPropertyValue('--{name}')") for name in names}
    pairs = [(text, ground) for text in ("ink", "quiet") for ground in ("paper", "sheet", "tint")]
    pairs += [("accent", "paper"), ("accent", "sheet"), ("on-accent", "accent"), ("bad", "sheet"), ("ink", "bad-tint")]
    assert {pair: ratio for pair in pairs if (ratio := contrast(of[pair[0]], of[pair[1]])) < 4.5} == {}


def contrast(one, other):
    """The contrast ratio of two colors (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color):
    parts = [int(color.strip()[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_everything_has_its_name_for_a_screen_reader(opened):
    opened.press("n")
    nodes = opened.call("Accessibility.getFullAXTree")["nodes"]
    by_role = {}
    for node in nodes:
        if not node["ignored"]:
            by_role.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    assert by_role["main"] and by_role["heading"][0] == "Cognitive therapy skills"
    assert len(by_role["radio"]) == 42 and by_role["radio"][0].startswith("0: the skill is absent")
    groups = [name for role in ("group", "radiogroup") for name in by_role.get(role, []) if name]
    assert any(name.startswith("4. Guided discovery.") for name in groups)
    assert by_role["image"] == ["Face in turn 1", "Face in turn 2"]
    assert all(name for role in ("button", "link", "textbox", "progressbar") for name in by_role.get(role, []))
    assert opened.evaluate("document.querySelectorAll('h1').length") == 1


# Blinding -------------------------------------------------------------------------------------------------------------


def test_no_file_for_raters_names_a_run_an_arm_or_a_model(output):
    """Also not in a picture, in a file's name, or in base64; the texts of sessions have none of these words."""
    runs = write_runs(output, ["60", "61"], turns=2, pictures=16)
    for png in output.glob("results/*/sessions/*/faces/*.png"):
        exif = Image.Exif()
        exif[0x010E] = "painted for mirror-7b-ec_planning"
        Image.open(png).save(png, exif=exif)
    folder = study(output, runs, formats=("html", "csv", "label-studio", "qualtrics"))
    assert sorted({one.suffix for one in (folder / "forms").iterdir()}) == [".csv", ".html", ".json", ".txt", ".xml"]
    assert (folder / "key.json").is_file() and not list((folder / "forms").rglob("key*"))
    found = 0
    for path in (folder / "forms").iterdir():
        text = path.read_text().lower()
        pictures = [base64.b64decode(data) for data in re.findall(r"base64,([a-z0-9+/=]+)", path.read_text(), re.I)]
        for secret in (*SECRETS, *runs, "caption", "alternative perspective", "name the thought"):
            known = (text, path.name, *(picture.decode("latin-1").lower() for picture in pictures))
            assert not any(secret in one for one in known), (path.name, secret)
        for picture in pictures:
            image = Image.open(io.BytesIO(picture))
            assert not image.getexif() and set(image.info) <= {"background", "loop", "timestamp", "duration"}
        found += len(pictures)
    assert found == 2 * 2 * 8  # the HTML and the Label Studio files of two raters: four sessions of two turns


def test_codes_are_no_function_of_the_session_alone(output):
    runs = write_runs(output, ["60", "61"], turns=1)
    codes = [set(read_key(study(output, runs, name, seed=seed)).sessions) for name, seed in (("a", 1), ("b", 2))]
    assert len(codes[0] | codes[1]) == 8


def test_text_stays_text(browser, output):
    runs = write_runs(output, ["60"], turns=1)
    attack = "</script><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"
    for path in output.glob("results/*/sessions/60"):
        line = json.loads((path / "turns.jsonl").read_text())
        (path / "turns.jsonl").write_text(json.dumps(line | {"reply": attack, "words": attack}) + "\n")
    folder = study(output, runs)
    with browser.tab() as page:
        page.open((folder / "forms/anna.html").as_uri())
        page.press("n")
        assert attack in page.evaluate("document.querySelector('.reply').textContent")
        assert "broken" not in page.evaluate("document.title") and page.problems == []


def test_data_cannot_end_their_element():
    text = inert_json({"a": "</script><!-- \u2028"})
    assert "<" not in text and json.loads(text) == {"a": "</script><!-- \u2028"}


def test_a_saved_file_that_the_browser_wrote_is_read_as_it_is(opened, tmp_path, made):
    opened.press("n", *"123456", "c", *"fine", "Escape", "n", *"654321")
    answers = read_answers(download(opened, tmp_path))
    table = pd.DataFrame([one.model_dump() for one in answers.answers])
    assert table["value"].tolist() == [1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1]
    assert table["at"].is_monotonic_increasing and [one.text for one in answers.comments] == ["fine"]
    assert save(tmp_path / "again.json", answers.model_dump()).is_file()
