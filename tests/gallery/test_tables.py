"""Selected sessions as tables and on paper: what they hold, and that a spreadsheet runs nothing of them."""

import csv
import io

from mirror.benchmarks.synthetic_runs import write_run
from mirror.files.csv_file import escape_cell
from mirror.gallery import write_gallery
from tests.browser import wait_for
from tests.galleries import SCRIPT, be, change, click, go, put, texts

FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(1)", " =1", "'=1", "\uff1d1", "\t=1", "-0.3", "+12%", 'a "b", c\nd']


def table(page, kind, chosen="chosenSessions()"):
    text = page.evaluate(f"whole({chosen}).then({kind})")
    assert text.startswith("\ufeff") and text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def test_a_table_of_sessions_has_one_row_each_with_scores_risk_and_notes(opened):
    put(opened, ".notes textarea", 'fine, "really"\nso')
    put(opened, ".notes input", "good, calm")
    rows = table(opened, "sessionTable")
    assert [row["session"] for row in rows] == ["60", "61", "62", "a b"]
    assert rows[0]["CTRS <b>, a & b: guided discovery"] == "4.5" and rows[2]["CTRS <b>, a & b: guided discovery"] == ""
    assert rows[0]["note"] == 'fine, "really"\nso' and rows[0]["tags"] == "good, calm"
    assert [row["turns_with_risk"] for row in rows] == ["0", "0", "1", "0"]
    assert (rows[1]["outcome"], rows[1]["turns"]) == ("ended by the client", "4")


def test_a_table_of_turns_holds_what_was_said(opened):
    click(opened, "#list li:nth-child(2) input")
    rows = table(opened, "turnTable")
    assert [(row["session"], row["turn"]) for row in rows] == [("61", str(number)) for number in range(1, 5)]
    assert rows[2]["words"] == f"I say {SCRIPT} & 'quotes' \"double\"" and rows[2]["reply"] == SCRIPT


def test_no_cell_is_a_formula_as_in_all_tables_of_the_package(page, tmp_path):
    folder = tmp_path / "run"
    write_run(folder, ["1"], len(FORMULAS), 5)
    for number, words in enumerate(FORMULAS, 1):
        change(folder, "1", number, words=words, cue=f"{words}")
    be(folder, "1", name="=HYPERLINK(1)")
    page.open(write_gallery(folder).as_uri())
    assert [row["words"] for row in table(page, "turnTable")] == [escape_cell(words) for words in FORMULAS]
    assert table(page, "sessionTable")[0]["name"] == "'=HYPERLINK(1)"


def test_a_file_is_saved(opened, tmp_path):
    opened.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    click(opened, "#turns-csv")
    path = wait_for(lambda: next(iter(tmp_path.glob("*.csv")), None))
    assert path.name == "run-turns.csv" and wait_for(path.read_bytes).decode("utf-8-sig").startswith("run,session,turn")


def test_the_selected_sessions_are_printed_with_what_was_unfolded_and_the_page_is_as_before(opened):
    go(opened, "61")
    opened.evaluate("document.querySelector('.turn[data-turn=\"1\"] .verdict summary').click()")
    wait_for(lambda: opened.evaluate("folds.size > 1 && [...folds.values()].includes(true)"))
    click(opened, "#list li:nth-child(1) input")
    click(opened, "#list li:nth-child(2) input")
    printed = """new Promise((done) => { print = () => done([...document.querySelectorAll('article')].map((one) =>
        [one.querySelector('h2').textContent, one.querySelectorAll('.verdict[open]').length]));
        printSessions(chosenSessions()); })"""
    assert opened.evaluate(printed) == [["Tess", 0], ["Client 61", 1]]
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert texts(opened, "h2") == ["Client 61"] and len(texts(opened, ".bar")) == 1
    opened.evaluate("history.replaceState(null, '', location.pathname), close()")


def test_paper_shows_the_session_alone_on_white_with_what_is_unfolded(opened):
    opened.resize(1280, 900, dark=True)
    opened.evaluate("document.querySelector('.verdict').open = true")
    try:
        opened.call(
            "Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}]
        )
        visible = "(selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility()).length"
        assert opened.evaluate(f"['#side', '.bar', '.notes', '.verdict', '.turn'].map({visible})") == [0, 0, 0, 1, 4]
        assert opened.evaluate("getComputedStyle(document.body).color") == "rgb(39, 36, 31)"
        put(opened, ".notes textarea", "On paper, too.")
        assert opened.evaluate(f"({visible})('.notes')") == 1
    finally:
        opened.call("Emulation.setEmulatedMedia", media="")


def test_a_damaged_session_is_not_left_out_without_a_word(run, page, tmp_path):
    text = (run / "gallery.html").read_text()
    (tmp_path / "broken.html").write_text(text.replace('id="texts-1">', 'id="texts-1">x', 1))
    page.open((tmp_path / "broken.html").as_uri())
    for kind in ("sessionTable", "turnTable"):
        assert {row["session"] for row in table(page, kind)} == {"60", "62", "a b"}
    assert texts(page, "#trouble") == ["Not in what you made: Client 61, missing from this file or damaged."]
