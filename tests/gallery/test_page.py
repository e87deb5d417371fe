"""The gallery in a browser: sessions are there, nothing is asked of a network, text stays text, faults are said."""

import re
import subprocess
import sys

import pytest

from mirror.benchmarks.synthetic_runs import write_run
from mirror.gallery import write_gallery
from tests.axe import findings
from tests.browser import wait_for
from tests.galleries import SCRIPT, be, change, click, go, put, shown, texts
from tests.planted_risk import BY_DEGREE, label, prompted_words, scripted_words

BIDI = "\u202egood\u2066"


def test_every_session_is_there_and_the_first_is_open(opened):
    assert shown(opened) == ["60", "61", "62", "a b"]
    assert texts(opened, "main h2") == ["Tess"] and opened.evaluate("document.title") == "Tess (60) · run · sessions"
    assert texts(opened, ".turn .number") == [f"Turn {number}" for number in range(1, 5)]
    assert texts(opened, ".turn .who")[:2] == ["Client", "Counselor"]
    assert opened.evaluate("document.querySelectorAll('.film img').length") == 4


def test_faces_are_pictures(opened):
    faces = "[...document.querySelectorAll('main img.face')]"
    assert opened.evaluate(f"Promise.all({faces}.map((i) => i.decode().then(() => i.naturalWidth)))") == [64] * 4
    in_the_list = "document.querySelector('#list li img').src.startsWith('data:image/webp')"
    assert wait_for(lambda: opened.evaluate(in_the_list))


def test_the_portrait_is_beside_the_faces_and_files_elsewhere_are_not_read(page, tmp_path, monkeypatch):
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path))
    folder = tmp_path / "results/run"
    write_run(folder, ["1", "2"], 1, 5, pictures=16)
    be(folder, "1", portraits=["results/run/sessions/1/faces/01.png"])
    outside = tmp_path.parent / "private.png"
    outside.write_bytes((folder / "sessions/1/faces/01.png").read_bytes())
    be(folder, "2", portraits=[str(outside)])
    page.open(write_gallery(folder).as_uri())
    assert page.evaluate("document.querySelector('.film .portrait').naturalWidth") == 16
    go(page, "2")
    assert "the portrait is not in this checkout or its output; keep portraits in data/" in texts(page, ".film")[0]


def test_signs_of_risk_are_badges_that_the_keyboard_reaches_and_a_filter(opened):
    assert opened.evaluate("document.querySelectorAll('main .risk').length") == 0
    assert texts(opened, "#flagged b") == ["1"]
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
    before = f"{badges}.map((one) => one.previousElementSibling.className)"
    assert opened.evaluate(before) == ["client", "counselor"], "each stands below the words that show it"
    opened.evaluate(f"{badges}[0].focus()")
    assert opened.evaluate(f"document.activeElement === {badges}[0] && {badges}[0].checkVisibility()")
    assert opened.evaluate("document.querySelectorAll('main .risk').length") == 2
    assert opened.evaluate("document.querySelector('.care').checkVisibility()")
    click(opened, "#flagged")
    assert len(shown(opened)) == 4


@pytest.mark.slow
def test_planted_risk_of_every_degree_is_seen_of_scripted_and_of_prompted_clients(page, tmp_path):
    people = [(degree, speak) for degree in BY_DEGREE for speak in (scripted_words, prompted_words)]
    folder = tmp_path / "run"
    write_run(folder, [str(number) for number in range(len(people))], 4, 1, "base")
    for number, (degree, speak) in enumerate(people):
        for turn, words in enumerate(speak(BY_DEGREE[degree][1]), 1):
            change(folder, str(number), turn, words=words, reply="I hear you.")
    page.open(write_gallery(folder).as_uri())
    assert texts(page, "#flagged b") == [str(len(people))]
    for number, (degree, _) in enumerate(people):
        go(page, str(number)) if number else None
        badge = "document.querySelector('main .turn[data-turn=\"2\"] .risk')"
        assert page.evaluate(f"{badge}.textContent") == f"{label(degree)} “{BY_DEGREE[degree][2]}”"
        assert page.evaluate(f"{badge}.checkVisibility() && document.querySelector('.care').checkVisibility()")
    assert "Research software, not care." in texts(page, ".care")[0]


def test_an_address_opens_its_session_and_keys_step_unless_they_are_off(opened):
    go(opened, "a b")
    assert opened.evaluate("document.title") == "Client a b · run · sessions"
    opened.press("k")
    assert opened.evaluate("location.hash") == "#62" and texts(opened, "main h2") == ["Client 62"]
    assert opened.evaluate("document.querySelector('a.next').hash") == "#a%20b"
    opened.evaluate("shortcuts.checked = false")
    opened.press("k")
    assert opened.evaluate("location.hash") == "#62"


def test_an_unknown_session_is_said_and_forgotten_at_the_next_one(opened):
    go(opened, f"nobody{BIDI}{SCRIPT}")
    told = texts(opened, "#unknown:not([hidden])")
    assert told == [f"There is no session “nobody good {SCRIPT}” in this gallery."]
    assert texts(opened, "main h2") == [] and opened.evaluate("document.title") == "run · sessions"
    opened.evaluate("location.hash = '#%E0%A4%A'")
    assert wait_for(lambda: "%E0%A4%A" in texts(opened, "#unknown")[0])
    go(opened, "61")
    assert texts(opened, "#unknown:not([hidden])") == [] and texts(opened, "main h2") == ["Client 61"]


def test_the_first_key_leads_past_the_list(opened):
    opened.press("Tab")
    assert opened.evaluate("document.activeElement.textContent") == "Skip to the session"
    opened.press("Enter")
    assert opened.evaluate("document.activeElement.id") == "reader" and opened.evaluate("location.hash") == ""


def test_text_stays_text(opened):
    go(opened, "61")
    assert texts(opened, ".client .words")[2] == f"I say {SCRIPT} & 'quotes' \"double\""
    assert texts(opened, ".counselor .words")[2] == SCRIPT
    assert opened.evaluate("document.querySelectorAll('main script, main [onerror]').length") == 0
    go(opened, "62")
    assert SCRIPT in texts(opened, "main .end")[0]


def test_hostile_names_and_huge_texts_are_isolated_and_folded(page, tmp_path):
    folder, name, huge = tmp_path / "run", f"{BIDI}</script>{SCRIPT}", "</script>huge " * 10_000
    write_run(folder, ["1"], 2, 5)
    be(folder, "1", name=name, personal_info="__proto__", reason=SCRIPT)
    change(folder, "1", 2, words=huge, reply=f"\u202e{SCRIPT}")
    page.events.clear()
    page.open(write_gallery(folder).as_uri())
    assert texts(page, "main h2") == [name] and texts(page, ".story") == [f"“{SCRIPT}”"]
    assert page.evaluate("document.title") == f"good </script>{SCRIPT} (1) · run · sessions"
    assert page.evaluate("getComputedStyle(document.querySelector('main h2')).unicodeBidi") == "isolate"
    words = texts(page, ".client .words")[1]
    assert len(words) < 7000 and words.endswith("… show the other 134,000 characters")
    click(page, ".more")
    assert texts(page, ".client .words")[1] == huge
    assert page.problems == [] and page.requests == []


def test_ratings_stand_with_the_session_and_its_turns(opened):
    assert texts(opened, "main .ratings h3") == ["CTRS <b>, a & b"]
    assert texts(opened, "main .ratings dd") == ["4.5", "missing"]
    assert texts(opened, "main .rated") == ["overall 3 "]


def test_a_phone_shows_the_list_or_a_session_with_a_heading_and_nothing_is_wider_than_it(opened, run):
    opened.resize(390, 844, phone=True)
    opened.open((run / "gallery.html").as_uri())
    visible = "[...document.querySelectorAll('#list, #reader, h1, main')].map((one) => one.checkVisibility())"
    main, heading, of_list, of_session = opened.evaluate(visible)
    assert (main, heading, of_list, of_session) == (True, True, True, False)
    assert findings(opened) == []
    for idx in ("60", "61"):
        go(opened, idx)
        opened.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        assert opened.evaluate(visible) == [True, True, False, True]
        assert opened.evaluate("document.documentElement.scrollWidth") == 390
        lefts = "[...document.querySelectorAll('.turn')].flatMap((one) => [one, one.querySelector('.number')])"
        assert len(set(opened.evaluate(f"{lefts}.map((one) => one.getBoundingClientRect().left)"))) == 1
    assert findings(opened) == [] and opened.evaluate("document.activeElement.id") == "reader"
    click(opened, "a.back")
    assert wait_for(lambda: opened.evaluate(visible) == [True, True, True, False])
    assert opened.evaluate("document.activeElement.hash") == "#61"


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_breaks_a_rule_of_accessibility(opened, run, dark):
    opened.resize(1280, 900, dark=dark)
    go(opened, "62")
    opened.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
    put(opened, "#query", '"saving pills"')
    click(opened, "#next-hit")
    assert findings(opened) == []


def test_a_script_that_is_not_the_page_s_own_may_not_run(run, page, tmp_path):
    """Were the escaping broken one day, the policy would still stand."""
    text = (run / "gallery.html").read_text()
    (tmp_path / "broken.html").write_text(text.replace("<noscript>", f"{SCRIPT}<noscript>"))
    page.events.clear()
    page.open((tmp_path / "broken.html").as_uri())
    assert page.evaluate("document.title") == "Tess (60) · run · sessions"
    assert any("Content Security Policy" in problem for problem in page.problems)


# Damage ---------------------------------------------------------------------------------------------------------------


def broken(run, page, tmp_path, change):
    """Opens the page after its text was changed; returns what it says of it."""
    text = (run / "gallery.html").read_text()
    (tmp_path / "broken.html").write_text(changed := change(text))
    assert changed != text
    page.events.clear()
    page.open((tmp_path / "broken.html").as_uri())
    assert page.problems == []
    return texts(page, ".alert:not([hidden])")


def test_a_damaged_list_is_said(run, page, tmp_path):
    told = broken(run, page, tmp_path, lambda text: text.replace('id="data">{', 'id="data">', 1))
    assert told == [
        "The list of this gallery is damaged, so no session can be shown. Write it again: python -m mirror.gallery"
    ]
    assert texts(page, ".empty") == ["There is no session."]


@pytest.mark.parametrize(
    "kind, said", [("texts", "The session of Client 61 is missing"), ("pictures", "The pictures of this session are")]
)
def test_a_session_that_is_damaged_or_missing_is_said_and_the_others_are_read(run, page, tmp_path, kind, said):
    told = broken(run, page, tmp_path, lambda text: text.replace(f'id="{kind}-1">', f'id="{kind}-1">x', 1))
    assert told == []
    go(page, "61")
    assert [one[: len(said)] for one in texts(page, "main .alert:not([hidden])")] == [said]
    go(page, "60")
    assert texts(page, "main .alert:not([hidden])") == [] and len(texts(page, ".turn")) == 4


def test_a_file_that_ends_too_early_is_said(run, page, tmp_path):
    (told,) = broken(run, page, tmp_path, lambda text: text[: text.index('id="pictures-2"')])
    assert "ends too early: 2 of 4 sessions are not whole" in told
    assert len(texts(page, ".turn")) == 4


def test_a_picture_that_is_missing_or_damaged_is_said_in_its_place_and_counted(page, tmp_path):
    folder = tmp_path / "run"
    write_run(folder, ["1"], 3, 5, accepted=1, pictures=16)
    (folder / "sessions/1/faces/01.png").unlink()
    (folder / "sessions/1/faces/02.png").write_bytes(b"no picture")
    page.open(write_gallery(folder).as_uri())
    first, second = texts(page, ".seen > .note")
    assert first == "faces/01.png is missing" and second.startswith("faces/02.png: ")
    assert texts(page, ".facts dd")[-1] == "2" and page.evaluate("document.querySelectorAll('img.face').length") == 1


# The file -------------------------------------------------------------------------------------------------------------


def test_the_page_refers_to_nothing_outside_itself(run):
    text = (run / "gallery.html").read_text()
    assert set(re.findall(r"""(?:src|href)=["']?([a-z]+:|//|/)""", text)) <= {"data:"}
    assert "url(" not in text and "@import" not in text
    assert "default-src &#39;none&#39;" in text and "<script>document.title" not in text


@pytest.mark.slow
def test_the_command_says_what_it_wrote_and_refuses_what_is_no_run(run, tmp_path):
    command = [sys.executable, "-m", "mirror.gallery", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"gallery\.html \(\d+\.\d MB\)", done.stdout)
    failed = subprocess.run([*command[:-1], str(tmp_path)], capture_output=True, text=True)
    assert failed.returncode == 2 and "has no settings.yaml" in failed.stderr
