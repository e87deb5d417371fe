"""Identities of drawn people: all attributes that no expression changes."""

from dataclasses import dataclass
from random import Random

from pocket.drawing.canvas import Color, mix
from pocket.seeds import stream

SKINS = (
    (255, 224, 201),
    (247, 208, 178),
    (240, 194, 158),
    (228, 178, 138),
    (213, 158, 116),
    (192, 136, 96),
    (165, 112, 76),
    (134, 88, 60),
    (104, 67, 48),
)
HAIRS = (
    (38, 30, 32),
    (62, 44, 38),
    (96, 64, 44),
    (134, 90, 52),
    (176, 126, 70),
    (222, 180, 108),
    (168, 78, 44),
    (120, 46, 40),
)
GREYS = ((150, 148, 150), (198, 196, 196), (228, 226, 222))
IRISES = ((74, 50, 36), (96, 66, 40), (70, 104, 140), (86, 124, 92), (108, 118, 128), (58, 42, 38))
CLOTHES = (
    (70, 104, 150),
    (150, 74, 82),
    (86, 128, 104),
    (214, 168, 82),
    (108, 88, 140),
    (60, 72, 90),
    (206, 120, 96),
    (222, 214, 200),
    (72, 140, 146),
    (180, 106, 142),
)
FRAMES = ((40, 38, 44), (110, 64, 44), (150, 50, 60), (60, 84, 120), (176, 148, 90))
HAIRSTYLES = {
    "woman": ("long", "waves", "bob", "fringe", "bun", "ponytail", "curls", "crop", "headscarf", "side"),
    "man": ("crop", "side", "quiff", "curls", "bald", "crop", "side", "long"),
}
NECKLINES = ("round", "v", "collar", "turtleneck", "hood")


@dataclass(frozen=True)
class Identity:
    """One person. Lengths are in units of half a head's height, colors are RGB, 0 … 255.

    `gender` is `woman` or `man`, `age` is in years; both are visible, e.g. in hair, beard and wrinkles.
    """

    gender: str
    age: int
    skin: Color
    head_width: float
    jaw_width: float
    chin: float
    ear: float
    hairstyle: str
    hair: Color
    hair_volume: float
    parting: float
    brow: Color
    brow_width: float
    brow_arch: float
    brow_height: float
    eye_width: float
    eye_height: float
    eye_distance: float
    eye_slant: float
    iris: Color
    nose_width: float
    nose_length: float
    mouth_width: float
    lip_fullness: float
    lips: Color
    glasses: str  # none, round, square or halfrim
    frame: Color
    beard: str  # none, stubble, moustache, goatee or full
    freckles: bool
    mole: tuple[float, float] | None
    earrings: bool
    neckline: str
    clothes: Color

    @property
    def shadow(self) -> Color:
        """The color of lines and shadows on the skin: a warm brown, the darker the darker the skin."""
        return mix((120, 40, 40), (24, 6, 12), max(0.0, min(1.0, (600 - sum(self.skin)) / 300)))

    @classmethod
    def from_seed(cls, seed: int) -> "Identity":
        """Draws a person; the same seed gives the same person."""
        random = stream("identity", seed)
        gender = random.choice(("woman", "man"))
        woman = gender == "woman"
        age = random.randint(19, 64)
        skin = _between(random, SKINS)
        hair = _hair(random, age, skin)
        hairstyle = random.choice(HAIRSTYLES[gender])
        beards = ("none", "none", "none", "stubble", "moustache", "goatee", "full")
        return cls(
            gender=gender,
            age=age,
            skin=skin,
            head_width=random.uniform(0.69, 0.80),
            jaw_width=random.uniform(0.44, 0.54) if woman else random.uniform(0.50, 0.63),
            chin=random.uniform(0.17, 0.26) if woman else random.uniform(0.22, 0.34),
            ear=random.uniform(0.13, 0.19),
            hairstyle=hairstyle,
            hair=hair if hairstyle != "headscarf" else random.choice(CLOTHES),
            hair_volume=random.uniform(0.05, 0.16),
            parting=random.choice((-1, 1)) * random.uniform(0.1, 0.4),
            brow=mix(hair, (40, 30, 30), 0.35),
            brow_width=random.uniform(0.055, 0.085) if woman else random.uniform(0.075, 0.12),
            brow_arch=random.uniform(0.03, 0.10) if woman else random.uniform(0.0, 0.06),
            brow_height=random.uniform(0.29, 0.35),
            eye_width=random.uniform(0.17, 0.215),
            eye_height=random.uniform(0.095, 0.135),
            eye_distance=random.uniform(0.31, 0.37),
            eye_slant=random.uniform(-0.03, 0.05),
            iris=random.choice(IRISES if sum(skin) > 480 else IRISES[:2] + IRISES[-1:]),
            nose_width=random.uniform(0.10, 0.17),
            nose_length=random.uniform(0.27, 0.37),
            mouth_width=random.uniform(0.25, 0.33),
            lip_fullness=random.uniform(0.055, 0.10) if woman else random.uniform(0.04, 0.075),
            lips=mix(skin, (176, 48, 62) if woman else (150, 70, 66), random.uniform(0.4, 0.65 if woman else 0.5)),
            glasses=random.choice(("none", "none", "none", "none", "none", "round", "square", "halfrim")),
            frame=random.choice(FRAMES),
            beard="none" if woman else random.choice(beards),
            freckles=sum(skin) > 560 and random.random() < 0.2,
            mole=(random.choice((-1, 1)) * random.uniform(0.25, 0.5), random.uniform(0.3, 0.75))
            if random.random() < 0.2
            else None,
            earrings=woman and random.random() < 0.4,
            neckline=random.choice(NECKLINES),
            clothes=random.choice(CLOTHES),
        )


def _between(random: Random, palette: tuple[Color, ...]) -> Color:
    """Draws a color between two neighbors of the palette."""
    k = random.randrange(len(palette) - 1)
    return mix(palette[k], palette[k + 1], random.random())


def _hair(random: Random, age: int, skin: Color) -> Color:
    """Draws a hair color: gray becomes likelier with age, and dark skin has dark hair."""
    hair = random.choice(HAIRS if sum(skin) > 520 else HAIRS[:3])
    hair = mix(hair, random.choice(HAIRS[:3]), random.uniform(0, 0.25))
    if random.random() < (age - 40) / 30:
        return mix(hair, random.choice(GREYS), random.uniform(0.6, 1.0))
    return hair
