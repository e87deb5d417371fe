"""Simulated clients: who they are, what they think, how they resist. Knows nothing of their words and expressions."""

from dataclasses import dataclass
from functools import cached_property

from pocket.drawing.identities import Identity
from pocket.seeds import stable_seed, stream
from pocket.texts.worries import WORRIES, Worry

RESISTANCES = ("Emotional", "Cognitive", "Behavioral", "No Resistance")

NAMES = {
    "woman": (
        "Anna", "Ayla", "Carmen", "Dina", "Elena", "Fatima", "Grace", "Hana", "Ines", "Joan", "Kira", "Lena",
        "Mara", "Mei", "Nadia", "Nora", "Olga", "Rita", "Rosa", "Ruth", "Sara", "Tess", "Vera", "Zoe",
    ),
    "man": (
        "Adam", "Ali", "Ben", "Carl", "David", "Emil", "Felix", "Hugo", "Ivan", "Jack", "Jonas", "Karim",
        "Leo", "Luis", "Marco", "Max", "Noah", "Omar", "Oscar", "Paul", "Ravi", "Sam", "Tom", "Victor",
    ),
}  # fmt: skip
JOBS = (
    "nurse", "teacher", "cook", "driver", "baker", "gardener", "student", "clerk", "painter", "carpenter", "engineer",
    "waiter", "tailor", "librarian", "farmer", "salesperson", "musician", "cleaner", "programmer", "florist",
)  # fmt: skip
HOMES = ("lives alone", "lives with a partner", "lives with two children", "lives with a friend", "lives with family")


@dataclass(frozen=True)
class Client:
    """One client. `resistance` is one of `RESISTANCES`; `technique` is the CBT technique that suits the worry."""

    idx: int
    name: str
    job: str
    home: str
    worry: Worry
    technique: str
    resistance: str
    identity_seed: int

    @classmethod
    def from_seed(cls, seed: int, idx: int) -> "Client":
        """Client `idx` of a family of clients. Neighbours differ in worry and resistance, so that a few cover all."""
        random = stream("client", seed, idx)
        identity_seed = stable_seed("client's identity", seed, idx)
        identity = Identity.from_seed(identity_seed)
        names = NAMES[identity.gender]
        worry = WORRIES[idx % len(WORRIES)]
        return cls(
            idx=idx,
            name=names[(idx + stable_seed("names", seed)) % len(names)],
            job=random.choice([job for job in JOBS if job != "student" or identity.age < 30]),
            home=random.choice(HOMES),
            worry=worry,
            technique=worry.techniques[idx // len(WORRIES) % len(worry.techniques)],
            resistance=RESISTANCES[(idx + idx // len(WORRIES)) % len(RESISTANCES)],
            identity_seed=identity_seed,
        )

    @cached_property
    def identity(self) -> Identity:
        """The client's face at rest."""
        return Identity.from_seed(self.identity_seed)

    @property
    def age(self) -> int:
        """In years, as the face shows it."""
        return self.identity.age

    @property
    def gender(self) -> str:
        """`woman` or `man`."""
        return self.identity.gender

    @property
    def personal_information(self) -> str:
        """One line, e.g. `Anna, 34, a nurse, lives alone`."""
        article = "an" if self.job[0] in "aeiou" else "a"
        return f"{self.name}, {self.age}, {article} {self.job}, {self.home}"

    @property
    def distorted_thought(self) -> str:
        """A whole sentence."""
        return f"{self.worry.thought[0].upper()}{self.worry.thought[1:]}."

    @property
    def reason_for_counseling(self) -> str:
        """Whole sentences."""
        return self.worry.reason
