"""Contact sheets as HTML: what is shown, escaped, and what stands in for a picture that cannot be read."""

from pathlib import Path

from PIL import Image

from mirror.building.portrait import Portrait
from mirror.building.portraits.contact_sheet import client_sheet, portrait_sheet
from mirror.building.screenplays import ClientInfo, Screenplay


def picture(folder, name="a.png"):
    Image.new("RGB", (300, 300), "gray").save(folder / name)
    return folder / name


def portrait(path, person="7"):
    return Portrait(path.stem, (path,), person, "woman", 34)


def test_portraits_with_name_gender_and_age(tmp_path):
    page = portrait_sheet([portrait(picture(tmp_path)), Portrait("b", (picture(tmp_path, "b.png"),), "b")])
    assert page.count("<img src='data:image/png;base64,") == 2
    assert "a, person 7" in page and "woman, 34" in page
    assert "<b>b</b><br>gender unknown, age unknown" in page


def test_clients_with_their_faces_in_the_order_of_the_lines(tmp_path):
    path = picture(tmp_path)
    one = Screenplay("c-1", ClientInfo("", gender="woman", age=31), "", (), portrait=portrait(path))
    page = client_sheet([one])
    assert "the client: woman, 31" in page and "the portrait: woman, 34" in page and page.count("<img") == 1
    painted = Screenplay("c-1", ClientInfo(""), "", (), portrait=portrait(path), pictures={12: path, 3: path})
    page = client_sheet([painted])
    assert page.count("<img") == 3 and page.index("line 3") < page.index("line 12")


def test_only_some_of_many_are_shown_from_all_over(tmp_path):
    path = picture(tmp_path)
    page = portrait_sheet([portrait(path, f"p{number:03}") for number in range(100)], most=4)
    assert page.count("<img") == 4 and "4 of 100 portraits" in page and "person p075" in page
    assert "<img" not in portrait_sheet([])


def test_text_is_escaped_and_a_missing_picture_said(tmp_path):
    page = portrait_sheet([portrait(Path(tmp_path / "<b>'x'.png"), "<script>")])
    assert "<script>" not in page and "<b>'x'" not in page and "class='none'" in page
