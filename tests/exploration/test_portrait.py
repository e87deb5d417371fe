"""A client of one's own: the picture is checked before a session begins, and nothing that the file told stays."""

import io

import pytest
from PIL import Image

from mirror.exploration.portrait import MOST_BYTES, ClientError, OwnClient, Portraits
from mirror.files.image_file import open_picture, png
from tests.scripted_casts import PORTRAIT, Painter


def profile(given, **about):
    portraits = Portraits()
    return portraits, portraits.profile(given, OwnClient(**about), Painter())


def test_an_uploaded_picture_and_the_path_of_the_same_are_the_same_client():
    content = PORTRAIT.read_bytes()
    (_kept, uploaded), (_also, named) = (
        profile(content, name="Ben", gender="man", reason="I cannot sleep."),
        profile(str(PORTRAIT)),
    )
    assert uploaded.idx == named.idx and uploaded.idx.startswith("own-")
    assert (uploaded.name, uploaded.gender, uploaded.reason) == ("Ben", "man", "I cannot sleep.")
    assert (named.gender, named.resistance) == ("unknown", None)
    assert open_picture(uploaded.portraits[0]).tobytes() == open_picture(PORTRAIT).tobytes()


def test_the_kept_picture_tells_nothing_of_its_place():
    exif = Image.Exif()
    exif[0x010E] = "at home"
    portrait = Image.new("RGB", (20, 20), "tan")
    buffer = io.BytesIO()
    portrait.save(buffer, "PNG", exif=exif)
    _kept, found = profile(buffer.getvalue())
    assert b"at home" in buffer.getvalue() and b"at home" not in found.portraits[0].read_bytes()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (b"", "the portrait: is empty"),
        (b"no picture", "the portrait: is no picture in one of the formats PNG, JPEG"),
        (png(Image.new("RGB", (4, 4))), "has 4 × 4 pixels"),
        (png(Image.new("RGB", (9, 9))), "shows no face"),
        ("nowhere.png", "nowhere.png: cannot be read"),
        ("pocket/data", "pocket/data: cannot be read"),
        ("  ", "its path is empty"),
        ("a\0b", "holds a control character"),
        ("params/counsel/pocket-llava.yaml", "is no picture"),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused_with_what_is_wrong(given, message):
    with pytest.raises(ClientError, match=message):
        profile(given)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "large.png"
    with open(path, "wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ClientError, match="is larger than 32 MB"):
        profile(str(path))
