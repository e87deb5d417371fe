"""Parts of self-contained pages: what the policy allows, and pictures without metadata."""

import base64
import hashlib
import io

from PIL import Image, PngImagePlugin

from mirror.html_page import content_policy, picture_url


def test_the_policy_allows_the_two_inline_texts_and_no_network():
    policy = content_policy("p { }", "let é = 1;")
    for text in ("p { }", "let é = 1;"):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy and "img-src data:;" in policy and "unsafe" not in policy
    assert "frame-src" not in policy
    assert content_policy("", "", has_frames=True).count("frame-src 'self' file:;") == 1


def test_a_picture_has_at_most_the_size_and_no_metadata(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "mirror-7b-secret")
    exif = Image.Exif()
    exif[0x010E] = "mirror-7b-secret"  # ImageDescription
    Image.new("RGB", (40, 20), "red").save(tmp_path / "a.png", pnginfo=info, exif=exif)
    assert b"mirror-7b-secret" in (tmp_path / "a.png").read_bytes()
    kind, _, data = picture_url(tmp_path / "a.png", 10).partition(",")
    content = base64.b64decode(data)
    assert kind == "data:image/webp;base64" and b"secret" not in content
    assert Image.open(io.BytesIO(content)).size == (10, 5)


def test_a_missing_picture_is_no_picture(tmp_path):
    assert picture_url(tmp_path / "none.png", 10) == ""
