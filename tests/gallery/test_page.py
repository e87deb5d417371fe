"""The gallery in a real browser: sessions are there, filters work, nothing is asked of a network, text stays text."""

import base64
import io
import json
import re
import subprocess
import sys

import pytest
from PIL import Image

from mirror.benchmarks.synthetic_runs import write_run
from mirror.gallery import gallery_page, write_gallery
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from tests.browser import CHROMIUM, chromium
from tests.planted_risk import BY_DEGREE, label, prompted_words, scripted_words

SCRIPT = "<script>document.title = 'broken'</script><img src=x onerror=\"document.title='broken'\">"
RATINGS = [
    ("60", "CTRS <b>", 1, None, "guided_discovery", 4, "a & b", "rated"),
    ("60", "CTRS <b>", 2, None, "guided_discovery", 5, "a & b", "rated"),
    ("60", "CTRS <b>", 1, None, "focus", None, "a & b", "failed"),
    ("60", "resistance", 1, 2, "overall", 3, "a & b", "rated"),
]
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here; Debian and Ubuntu: apt-get install chromium"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Four sessions: at the turn limit, ended by the client, failed, under way; two have faces of ten attempts."""
    folder = tmp_path_factory.mktemp("results") / "run"
    write_run(folder, ["60", "61", "62", "a b"], 4, 7, "ec_planning", pictures=64, accepted=0.9)
    client = {"idx": "60", "name": "Tess", "personal_info": "Tess, 64, a teacher", "resistance": "none"}
    (folder / "sessions/60/client.json").write_text(json.dumps(client))
    change(folder, "61", 3, words=f"I say {SCRIPT} & 'quotes' \"double\"", cue=f"frowns {SCRIPT}", reply=SCRIPT)
    change(folder, "61", 4, ended=True, words="Good-bye, zebra.", face=None, reply="", caption="")
    change(folder, "60", 1, exhausted=True)
    change(folder, "62", 2, words=f"I have been saving pills {SCRIPT}.", reply="You should stop taking your pills.")
    end(folder, "62", status="failed", reason=f"FaceError: no face {SCRIPT}", turns=4)
    (folder / "sessions/a b/end.json").unlink()
    rate(folder, *RATINGS)
    write_gallery(folder)
    return folder


def rate(folder, *rows):
    facts = {"raw": "", "run": "r", "asked": "", "attempts": 1}
    names = ("idx", "instrument", "repeat", "turn", "item", "score", "judge", "status")
    lines = [dict(zip(names, row, strict=True)) | facts for row in rows]
    lines = [
        {n: v for n, v in x.items() if n not in ("item", "score")} | {"scores": {x["item"]: x["score"]}} for x in lines
    ]
    (folder / "ratings.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def change(folder, idx, number, exhausted=None, **fields):
    path = folder / "sessions" / idx / "turns.jsonl"
    turns = [json.loads(line) for line in path.read_text().splitlines()]
    turns[number - 1] |= fields
    if exhausted:
        turns[number - 1]["face"]["exhausted"] = True
    path.write_text("".join(json.dumps(turn) + "\n" for turn in turns))


def end(folder, idx, **facts):
    (folder / "sessions" / idx / "end.json").write_text(json.dumps(facts))


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def opened(page, run):
    page.resize(1280, 900)
    page.events.clear()
    page.open((run / "gallery.html").as_uri())
    yield page
    assert page.problems == [] and page.requests == []
    assert page.evaluate("document.title") == "run · sessions"


def shown(page):
    return page.evaluate(
        "[...document.querySelectorAll('#list li')].filter((i) => !i.hidden).map((i) => i.dataset.idx)"
    )


def click(page, selector):
    page.evaluate(f"document.querySelector({json.dumps(selector)}).click()")


def search(page, words):
    page.evaluate(f"query.value = {json.dumps(words)}; query.dispatchEvent(new Event('input'))")


def go(page, idx):
    page.evaluate(
        f"new Promise((done) => {{ addEventListener('hashchange', () => setTimeout(done, 50), {{once: true}}); "
        f"location.hash = encodeURIComponent({json.dumps(idx)}) }})"
    )


@needs_chromium
def test_every_session_is_there_and_the_first_is_open(opened):
    assert shown(opened) == ["60", "61", "62", "a b"]
    assert opened.evaluate("document.querySelector('main h2').textContent") == "Tess"
    assert opened.evaluate("document.querySelectorAll('main .turn').length") == 4
    assert opened.evaluate("document.querySelectorAll('main .film img').length") == 4


@needs_chromium
def test_faces_are_pictures(opened):
    faces = "[...document.querySelectorAll('main img.face')]"
    assert opened.evaluate(f"Promise.all({faces}.map((i) => i.decode().then(() => i.naturalWidth)))") == [64] * 4
    in_the_list = "document.querySelector('#list li img').src.startsWith('data:image/webp')"
    assert opened.evaluate(in_the_list)


@needs_chromium
@pytest.mark.parametrize(
    "outcome, expected", [("client", ["61"]), ("limit", ["60"]), ("failed", ["62"]), ("open", ["a b"])]
)
def test_sessions_are_filtered_by_how_they_ended(opened, outcome, expected):
    click(opened, f"button[data-outcome='{outcome}']")
    assert shown(opened) == expected
    assert opened.evaluate("found.textContent") == "1 of 4 sessions"
    click(opened, "button[data-outcome='']")
    assert len(shown(opened)) == 4


@needs_chromium
def test_signs_of_risk_are_badges_that_the_keyboard_reaches_and_a_filter(opened):
    assert opened.evaluate("document.querySelectorAll('main .risk').length") == 0
    assert opened.evaluate("document.querySelector('#flagged b').textContent") == "1"
    opened.evaluate("document.querySelector('#flagged').focus()")
    opened.press("Enter")
    assert shown(opened) == ["62"]
    assert opened.evaluate("document.querySelector('#flagged').ariaPressed") == "true"
    go(opened, "62")
    badges = "[...document.querySelectorAll('main .turn[data-turn=\"2\"] .risk')]"
    assert opened.evaluate(f"{badges}.map((one) => one.textContent)") == [
        "⚑ client · self harm · plan or means “saving pills”",
        "⚑ counselor · medical advice · active “You should stop taking your pills”",
    ]
    opened.evaluate(f"{badges}[0].focus()")
    assert opened.evaluate(f"document.activeElement === {badges}[0] && {badges}[0].checkVisibility()")
    assert opened.evaluate("document.querySelectorAll('main .risk').length") == 2
    assert opened.evaluate("document.querySelector('.care').checkVisibility()")
    click(opened, "#flagged")
    assert len(shown(opened)) == 4


@needs_chromium
def test_planted_risk_of_every_degree_is_seen_of_scripted_and_of_prompted_clients(page, tmp_path):
    people = [(degree, speak) for degree in BY_DEGREE for speak in (scripted_words, prompted_words)]
    folder = tmp_path / "run"
    write_run(folder, [str(number) for number in range(len(people))], 4, 1, "base")
    for number, (degree, speak) in enumerate(people):
        for turn, words in enumerate(speak(BY_DEGREE[degree][1]), 1):
            change(folder, str(number), turn, words=words, reply="I hear you.")
    page.open(write_gallery(folder).as_uri())
    assert page.evaluate("document.querySelector('#flagged b').textContent") == str(len(people))
    for number, (degree, _) in enumerate(people):
        go(page, str(number)) if number else None
        badge = "document.querySelector('main .turn[data-turn=\"2\"] .risk')"
        assert page.evaluate(f"{badge}.textContent") == f"{label(degree)} “{BY_DEGREE[degree][2]}”"
        assert page.evaluate(f"{badge}.checkVisibility() && document.querySelector('.care').checkVisibility()")
    assert "Research software, not care." in page.evaluate("document.querySelector('.care').textContent")


@needs_chromium
def test_sessions_with_faces_that_were_not_accepted_are_filtered(opened):
    click(opened, "#exhausted")
    assert shown(opened) == ["60"]
    click(opened, "#exhausted")
    assert len(shown(opened)) == 4


@needs_chromium
def test_what_was_said_is_searched_and_marked(opened):
    search(opened, "ZEBRA good")
    assert shown(opened) == ["61"]
    go(opened, "61")
    assert opened.evaluate("CSS.highlights.get('found').size") >= 2
    search(opened, "zebra lion")
    assert shown(opened) == [] and opened.evaluate("found.textContent") == "No session fits."


@needs_chromium
def test_an_address_opens_its_session_and_keys_step(opened):
    go(opened, "a b")
    assert opened.evaluate("reader.dataset.idx") == "a b"
    opened.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'k', bubbles: true}))")
    opened.evaluate("new Promise((done) => setTimeout(done, 100))")
    assert opened.evaluate("reader.dataset.idx") == "62"
    assert opened.evaluate("document.querySelector('a.next').hash") == "#a%20b"


@needs_chromium
def test_text_stays_text(opened):
    go(opened, "61")
    words = "document.querySelectorAll('main .words')[2].textContent"
    assert opened.evaluate(words) == f"I say {SCRIPT} & 'quotes' \"double\""
    assert opened.evaluate("document.querySelectorAll('main .reply')[2].textContent") == SCRIPT
    assert opened.evaluate("document.querySelectorAll('main script, main [onerror]').length") == 0
    go(opened, "62")
    assert SCRIPT in opened.evaluate("document.querySelector('main .end').textContent")


@needs_chromium
def test_ratings_stand_with_the_session_and_its_turns(opened):
    go(opened, "60")
    assert opened.evaluate("document.querySelector('main .ratings h3').textContent") == "CTRS <b>, a & b"
    told = opened.evaluate("[...document.querySelectorAll('main .ratings dd')].map((one) => one.textContent)")
    assert told == ["4.5", "missing"]
    assert "overall 3.0" in opened.evaluate(
        "document.querySelectorAll('main .turn')[1].querySelector('.rated').textContent"
    )


@needs_chromium
def test_a_phone_shows_the_list_or_a_session_and_nothing_is_wider_than_it(opened, run):
    opened.resize(390, 844, phone=True)
    opened.open((run / "gallery.html").as_uri())
    visible = "[...document.querySelectorAll('#side, #reader')].map((one) => one.offsetHeight > 0)"
    assert opened.evaluate(visible) == [True, False]
    for idx in ("60", "61"):
        go(opened, idx)
        opened.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        assert opened.evaluate(visible) == [False, True]
        assert opened.evaluate("document.documentElement.scrollWidth") == 390
    click(opened, "a.back")
    assert opened.evaluate("new Promise((done) => setTimeout(done, 100))") is None
    assert opened.evaluate(visible) == [True, False]


@needs_chromium
def test_a_script_that_is_not_the_page_s_own_may_not_run(run, page, tmp_path):
    """Were the escaping broken one day, the policy would still stand."""
    text = (run / "gallery.html").read_text()
    (tmp_path / "broken.html").write_text(text.replace("<noscript>", f"{SCRIPT}<noscript>"))
    page.events.clear()
    page.open((tmp_path / "broken.html").as_uri())
    assert page.evaluate("document.title") == "run · sessions"
    assert any("Content Security Policy" in problem for problem in page.problems)


# The file -------------------------------------------------------------------------------------------------------------


def test_the_page_refers_to_nothing_outside_itself(run):
    text = (run / "gallery.html").read_text()
    assert set(re.findall(r"""(?:src|href)=["']?([a-z]+:|//|/)""", text)) == {"data:"}
    assert "url(" not in text and "@import" not in text
    assert "default-src &#39;none&#39;" in text


def test_verdicts_of_all_attempts_are_there_with_their_thresholds(run):
    text = (run / "gallery.html").read_text()
    attempts = [a for s in Arm.read(run).sessions for t in s.turns() if t.face for a in t.face.attempts]
    assert text.count('class="outcome') == len(attempts)
    assert text.count("≥ 0.62") == len(attempts) and text.count("&lt; 0.50") == len(attempts)


def test_faces_of_a_session_that_failed_at_one_are_there(run, tmp_path):
    arm = Arm.read(run)
    attempt = next(t for t in arm.sessions[0].turns()).face.attempts[0].model_dump(mode="json")
    before = SessionFolder(run / "sessions/62").ended
    end(run, "62", status="failed", reason="FaceError", turns=4, attempts=[attempt])
    page = gallery_page(arm, {})
    end(run, "62", **before)
    assert "faces of the turn in which it failed" in page


def test_large_runs_show_smaller_faces_and_of_attempts_the_verdicts_only(run, monkeypatch):
    monkeypatch.setattr("mirror.gallery.session_view.MANY", 3)
    monkeypatch.setattr("mirror.gallery.session_view.MOST_ATTEMPTS", 3)
    monkeypatch.setattr("mirror.gallery.session_view.SMALL_FACE", 32)
    page = gallery_page(Arm.read(run), {})
    urls = re.findall(r'src="data:image/webp;base64,([^"]+)"', page)
    sizes = {Image.open(io.BytesIO(base64.b64decode(url))).size for url in urls}
    assert sizes == {(32, 32)} and len(urls) == 15  # faces of four sessions, one turn has none


def test_a_run_without_pictures_is_shown_all_the_same(tmp_path):
    write_run(tmp_path / "run", ["x"], 2, 0)
    text = write_gallery(tmp_path / "run").read_text()
    assert "Client x" in text and "data:image" not in text


@pytest.mark.slow
def test_the_command_says_what_it_wrote_and_refuses_what_is_no_run(run, tmp_path):
    command = [sys.executable, "-m", "mirror.gallery", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"gallery\.html \(\d+\.\d MB\)", done.stdout)
    failed = subprocess.run([*command[:-1], str(tmp_path)], capture_output=True, text=True)
    assert failed.returncode == 2 and "has no settings.yaml" in failed.stderr
