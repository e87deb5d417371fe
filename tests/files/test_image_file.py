"""Every picture is shown upright, in 8-bit RGB, on white; what should not be shown is refused by name."""

import ast
import io
import struct
import zlib
from itertools import chain

import numpy as np
import pytest
from PIL import Image, ImageCms

from mirror.files.image_file import (
    MAX_PIXELS,
    ExtremeShape,
    PictureError,
    TooManyPixels,
    decode_picture,
    open_picture,
    picture_faults,
    upright,
)
from tests import ROOT

GREY = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))  # [32, 64]
ROWS, COLUMNS = np.mgrid[0:40, 0:60]
COLORS = np.stack([ROWS * 6, COLUMNS * 4, 255 - ROWS * 3], -1).astype(np.uint8)  # [40, 60, 3]
LOSSLESS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}


def saved(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def pixels(data):
    """[height, width, 3] of what is shown."""
    shown = decode_picture(data, "a picture")
    assert shown.mode == "RGB"
    return np.asarray(shown)


def refused(data, kind=PictureError):
    with pytest.raises(kind) as error:
        decode_picture(data, "faces/7.png")
    message = str(error.value)
    assert message.startswith("faces/7.png: ") and message.count("; ") == 1  # name: fault; what to do
    return message


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width, height, depth, color, rows, *chunks):
    """A PNG of raw rows, for forms that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# One way in -----------------------------------------------------------------------------------------------------------


def test_one_module_alone_opens_pictures():
    """Image.open anywhere else would show a model a picture that nobody turned, scaled or refused."""
    files = [*(ROOT / "mirror").rglob("*.py"), *(ROOT / "api").rglob("*.py")]
    found = set()
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        opens = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "open")
        imported = (name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in names_of(node))
        if any(isinstance(node.value, ast.Name) and node.value.id == "Image" for node in opens):
            found.add(path.name)
        found |= {path.name for name in imported if name == "PIL.Image.open"}
    assert len(files) > 80 and found == {"image_file.py"}


def names_of(node):
    return (f"{node.module}.{alias.name}" for alias in node.names)


def test_a_file_and_its_bytes_are_shown_alike(tmp_path):
    (tmp_path / "a.png").write_bytes(saved(Image.fromarray(COLORS), "PNG"))
    assert np.array_equal(open_picture(tmp_path / "a.png"), COLORS)
    assert np.array_equal(pixels((tmp_path / "a.png").read_bytes()), COLORS)


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path):
    with pytest.raises(PictureError, match=r"gone.png: cannot be read \(No such file"):
        open_picture(tmp_path / "gone.png")
    with pytest.raises(PictureError, match=r"cannot be read \(Is a directory\)"):
        open_picture(tmp_path)


def test_all_faults_of_many_files_are_found(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(saved(Image.fromarray(COLORS), "PNG"))
    (tmp_path / "b.png").write_bytes(b"")
    faults = picture_faults([tmp_path / name for name in ("a.png", "b.png", "c.png", "gone.png", "b.png")])
    assert {path.name for path in faults} == {"b.png", "gone.png"}
    assert faults[tmp_path / "b.png"] == f"{tmp_path / 'b.png'}: is empty (0 bytes); copy it again or replace it"


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF"])
def test_each_format_of_the_list_is_read(format):
    off = np.abs(pixels(saved(Image.fromarray(COLORS), format)).astype(int) - COLORS)
    assert off.mean() < 6


# Upright --------------------------------------------------------------------------------------------------------------


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


# What has to be done with the stored rows and columns, from the EXIF standard's words (0th row, 0th column).
STANDARD = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("format", LOSSLESS)
@pytest.mark.parametrize("orientation", [*STANDARD, 0, 9, 60_000])
def test_orientation_is_applied_once_and_ignored_out_of_range(orientation, format):
    data = saved(Image.fromarray(COLORS), format, exif=exif(orientation), **LOSSLESS[format])
    wanted = STANDARD.get(orientation, STANDARD[1])(COLORS)
    shown = decode_picture(data, "a picture")
    assert np.array_equal(shown, wanted)
    assert np.array_equal(upright(shown), wanted), "a second time changes nothing"
    assert np.array_equal(upright(Image.open(io.BytesIO(data))), wanted), "opened by another"


def test_orientation_behind_the_pixels_of_a_png_is_applied():
    data = saved(Image.fromarray(COLORS), "PNG")
    late = data[:-12] + chunk(b"eXIf", exif(6).tobytes()[6:]) + data[-12:]
    assert np.array_equal(pixels(late), STANDARD[6](COLORS))


def with_exif_chunk(block, checksum=None):
    data = saved(Image.fromarray(COLORS), "PNG")
    made = chunk(b"eXIf", block)
    made = made if checksum is None else made[:-4] + checksum
    return data[:33] + made + data[33:]


DAMAGED_EXIF = {
    "no TIFF header": with_exif_chunk(b"garbage of a phone"),
    "nothing": with_exif_chunk(b""),
    "cut off": with_exif_chunk(exif(6).tobytes()[6:15]),
    "directory far away": with_exif_chunk(b"II*\0\xff\xff\xff\x7f"),
    "directory of 65,535 entries": with_exif_chunk(b"II*\0\x08\0\0\0\xff\xff" + bytes(range(256))),
    "orientation that is text": with_exif_chunk(b"II*\0\x08\0\0\0\1\0\x12\1\2\0\2\0\0\0006\0\0\0\0\0\0\0"),
    "wrong checksum": with_exif_chunk(exif(6).tobytes()[6:], b"sum?"),
    "no hexadecimal": saved(Image.fromarray(COLORS), "PNG")[:33]
    + chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 4\nzzzz"))
    + saved(Image.fromarray(COLORS), "PNG")[33:],
}


@pytest.mark.parametrize("data", DAMAGED_EXIF.values(), ids=DAMAGED_EXIF)
def test_a_picture_with_damaged_exif_is_taken_as_it_is_stored(data):
    assert np.array_equal(pixels(data), COLORS)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_no_damage_to_exif_costs_the_picture(format):
    """Random bytes in the block: the pixels are whole, so they are shown, in one of the two ways."""
    random = np.random.default_rng(0)
    block = exif(6)
    block.get_ifd(0x8769)[0x9003] = "2024:01:01 00:00:00"
    whole = np.frombuffer(block.tobytes(), np.uint8)
    for _ in range(200):
        damaged = whole.copy()
        damaged[random.integers(6, len(whole), 4)] = random.integers(0, 256, 4)
        data = saved(Image.fromarray(COLORS), format, exif=damaged.tobytes())
        assert pixels(data).shape in ((40, 60, 3), (60, 40, 3))


# Grey of more than 8 bits ---------------------------------------------------------------------------------------------

SIXTEEN = GREY.astype(np.uint16) * 257
BIG = Image.frombytes("I;16B", (64, 32), SIXTEEN.astype(">u2").tobytes())
DEEP = {
    "16 bits, PNG": saved(Image.fromarray(SIXTEEN), "PNG"),
    "16 bits, TIFF": saved(Image.fromarray(SIXTEEN), "TIFF"),
    "16 bits, big-endian TIFF": saved(BIG, "TIFF"),
    "16 bits, PGM": b"P5\n64 32\n65535\n" + SIXTEEN.astype(">u2").tobytes(),
    "10 bits, PGM": b"P5\n64 32\n1023\n" + np.rint(GREY * (1023 / 255)).astype(">u2").tobytes(),
    "32 bits up to 65535": saved(Image.fromarray(GREY.astype(np.int32) * 257), "TIFF"),
    "32 bits up to 255": saved(Image.fromarray(GREY.astype(np.int32)), "TIFF"),
    "floats up to 1": saved(Image.fromarray((GREY / 255).astype(np.float32)), "TIFF"),
    "floats up to 255": saved(Image.fromarray(GREY.astype(np.float32)), "TIFF"),
    "floats, PFM": saved(Image.fromarray((GREY / 255).astype(np.float32)), "PPM"),
}


@pytest.mark.parametrize("data", DEEP.values(), ids=DEEP)
def test_deep_grey_is_scaled_to_8_bits(data):
    assert np.array_equal(pixels(data), np.repeat(GREY[..., None], 3, -1))


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L"])
def test_a_deep_picture_in_memory_is_scaled_alike(mode):
    order = ">u2" if mode.endswith("B") else "<u2"
    image = Image.frombytes(mode, (64, 32), SIXTEEN.astype(order).tobytes())
    assert np.array_equal(np.asarray(upright(image))[..., 0], GREY)


def test_a_tiff_whose_white_is_zero_is_not_shown_as_its_negative():
    image = Image.fromarray(65535 - SIXTEEN)
    data = saved(image, "TIFF", tiffinfo={262: 0})
    assert Image.open(io.BytesIO(data)).tag_v2[262] == 0
    assert np.array_equal(pixels(data)[..., 0], GREY)


def test_black_of_16_bits_is_black():
    assert not pixels(saved(Image.new("I;16", (32, 32)), "PNG")).any()


UNDECIDED = {
    "NaN": np.where(GREY == 8, np.nan, GREY / 255).astype(np.float32),
    "infinity": np.where(GREY == 8, np.inf, GREY / 255).astype(np.float32),
    "-0.5 to 0.5": (GREY / 255 - 0.5).astype(np.float32),
    "floats to 65535": GREY.astype(np.float32) * 257,
    "all of 32 bits": GREY.astype(np.int32) * 2**23,
    "negative": GREY.astype(np.int32) - 5,
    "8 bits in a file of 16": GREY.astype(np.uint16),
}


@pytest.mark.parametrize("values", UNDECIDED.values(), ids=UNDECIDED)
def test_values_that_do_not_tell_where_white_is_are_refused(values):
    assert "the white level is ambiguous; save it with 8 bits a channel" in refused(
        saved(Image.fromarray(values), "TIFF")
    )


# Transparency and color ----------------------------------------------------------------------------------------------


def cut_out(mode, hidden):
    """A disc of COLORS; round it everything is transparent, with the color `hidden` under it."""
    inside = ((ROWS - 20) ** 2 + (COLUMNS - 30) ** 2 < 200)[..., None]
    rgb = np.where(inside, COLORS, np.array(hidden, np.uint8))
    rgba = Image.fromarray(np.concatenate([rgb, np.where(inside, 255, 0)], -1).astype(np.uint8), "RGBA")
    return rgba.convert(mode), inside


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_hidden_colours_reach_no_model(mode, format):
    red, inside = cut_out(mode, (255, 0, 0))
    blue, _ = cut_out(mode, (0, 0, 255))
    assert saved(red, format) != saved(blue, format)
    shown = pixels(saved(red, format))
    assert np.array_equal(shown, pixels(saved(blue, format)))
    assert (shown[~inside[..., 0]] == 255).all()
    if mode == "RGBA":
        assert np.array_equal(shown[inside[..., 0]], COLORS[inside[..., 0]])


def test_half_transparent_is_half_white():
    shown = pixels(saved(Image.new("RGBA", (32, 32), (200, 100, 0, 128)), "PNG"))
    assert np.abs(shown[0, 0].astype(int) - (227, 177, 127)).max() <= 1


@pytest.mark.parametrize(
    "format, alphas", [("GIF", 0), ("PNG", 0), ("PNG", bytes([0, 255])), ("PNG", bytes([0]))], ids=repr
)
def test_a_palette_s_transparency_shows_white(format, alphas):
    image = Image.fromarray((COLUMNS // 30).astype(np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    shown = pixels(saved(image, format, transparency=alphas))
    assert (shown[:, :30] == 255).all() and (shown[:, 30:] == (40, 50, 60)).all()


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_grey_of_a_png_shows_white(depth):
    row = int("".join(format(value, f"0{depth}b") for value in [0, 2**depth - 1] * 8), 2).to_bytes(2 * depth)
    shown = pixels(png(16, 16, depth, 0, [row] * 16, chunk(b"tRNS", struct.pack(">H", 0))))
    assert (shown == 255).all()
    plain = pixels(png(16, 16, depth, 0, [row] * 16))
    assert (plain[:, ::2] == 0).all() and (plain[:, 1::2] == 255).all()


@pytest.mark.parametrize("depth, scale", [(8, 1), (16, 257)])
def test_the_transparent_colour_of_a_png_shows_white(depth, scale):
    one, other = [np.array(color) * scale for color in ((9, 200, 30), (90, 20, 3))]
    kind = ">u1" if depth == 8 else ">u2"
    row = np.concatenate([one, other] * 8).astype(kind).tobytes()
    shown = pixels(png(16, 16, depth, 2, [row] * 16, chunk(b"tRNS", one.astype(">u2").tobytes())))
    assert (shown[:, ::2] == 255).all() and (shown[:, 1::2] == (90, 20, 3)).all()


@pytest.mark.parametrize("mode", ["RGBa", "La", "PA", "RGBX"])
def test_rare_modes_in_memory_are_shown_in_rgb(mode):
    image, _ = cut_out("RGBA", (255, 0, 0))
    made = {
        "RGBa": lambda: image.convert("RGBa"),
        "La": lambda: image.convert("LA").convert("La"),
        "PA": lambda: image.convert("PA"),
        "RGBX": lambda: image.convert("RGBX"),
    }[mode]()
    shown = np.asarray(upright(made))
    assert shown.shape == (40, 60, 3)
    assert tuple(shown[0, 0]) == ((255, 0, 0) if mode == "RGBX" else (255, 255, 255))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "1", "P"])
def test_other_colour_models_are_shown_in_rgb(mode):
    image = Image.fromarray(COLORS)
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    elif mode == "1":
        image = Image.fromarray(GREY).convert("1", dither=Image.Dither.NONE)
    else:
        image = image.convert(mode)
    wanted = np.repeat(np.where(GREY >= 128, 255, 0)[..., None], 3, -1) if mode == "1" else COLORS
    shown = pixels(saved(image, "TIFF"))
    limit = {"CMYK": 1, "YCbCr": 2, "LAB": 3, "1": 0, "P": 20}[mode]  # mean difference; the palette is of 256 colors
    assert np.abs(shown.astype(int) - wanted).mean() <= limit


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_of_several_frames_is_taken(format):
    frames = [Image.new("RGB", (32, 32), color) for color in ("red", "lime", "blue")]
    options = {"save_all": True, "append_images": frames[1:]} | ({"lossless": True} if format == "WEBP" else {})
    assert (pixels(saved(frames[0], format, **options)) == (255, 0, 0)).all()


# Refused --------------------------------------------------------------------------------------------------------------


def test_too_many_pixels_are_refused_from_the_header():
    row = struct.pack(">IIBBBBB", 8000, 8001, 8, 2, 0, 0, 0)
    header = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", row) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert "has 8000 × 8001 pixels, at most 64,000,000 are read; scale it down" in refused(header, TooManyPixels)
    assert MAX_PIXELS == 64_000_000


@pytest.mark.parametrize("side", [9500, 14_000, 60_000])
def test_what_pillow_takes_for_a_bomb_is_refused_alike(side):
    row = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    header = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", row) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert "at most 64,000,000 are read; scale it down" in refused(header, TooManyPixels)


@pytest.mark.parametrize("size", [(50_000, 1), (1, 1), (400, 7), (7, 60), (81, 8), (2000, 199)])
def test_extreme_shapes_are_refused_from_the_header(size):
    message = refused(saved(Image.new("L", size), "PNG"), ExtremeShape)
    assert (
        f"has {size[0]} × {size[1]} pixels (a side has at least 8, the longer at most 10 times the shorter)" in message
    )
    with pytest.raises(ExtremeShape):
        upright(Image.new("RGB", size))


@pytest.mark.parametrize("size", [(8, 8), (80, 8), (8, 80), (1990, 199)])
def test_shapes_at_the_bounds_are_read(size):
    assert decode_picture(saved(Image.new("L", size), "PNG"), "a").size == size


OTHERS = {
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\nshowpage\n",
    "ICO": saved(Image.fromarray(COLORS), "ICO"),
    "TGA": saved(Image.fromarray(COLORS), "TGA"),
    "JPEG 2000": saved(Image.fromarray(COLORS), "JPEG2000"),
    "a page": b"<!doctype html><title>404</title>",
    "one byte": b"\xff",
    "a PNG's first bytes": saved(Image.fromarray(COLORS), "PNG")[:8],
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_what_is_not_on_the_list_is_refused(data):
    assert "is no picture in one of the formats PNG, JPEG, WEBP, BMP, TIFF, PPM, GIF" in refused(data)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF"])
def test_a_truncated_picture_is_refused(format):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = saved(noise, format)
    refused(data[: len(data) * 2 // 3])


def test_a_picture_in_memory_that_breaks_off_is_named(tmp_path):
    whole = saved(Image.fromarray(COLORS), "PNG")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with Image.open(tmp_path / "cut.png") as opened, pytest.raises(PictureError, match="cut.png: cannot be decoded"):
        upright(opened)


def test_no_damage_raises_anything_but_a_picture_error():
    """Random bytes anywhere in a file of each format: shown, or refused by name."""
    random = np.random.default_rng(1)
    refusals = 0
    for format in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF"):
        whole = np.frombuffer(saved(Image.fromarray(COLORS), format), np.uint8)
        for _ in range(40):
            damaged = whole.copy()
            places = chain(random.integers(0, min(len(whole), 60), 2), random.integers(0, len(whole), 2))
            for place in places:
                damaged[place] = random.integers(0, 256)
            try:
                assert decode_picture(damaged.tobytes(), "a").mode == "RGB"
            except PictureError:
                refusals += 1
    assert 40 < refusals < 280
