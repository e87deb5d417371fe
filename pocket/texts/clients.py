"""Simulated clients: personal information, worry, resistance and identity of the face."""

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
    """One client.

    Attributes:
        idx: Number in the family of clients.
        name: First name.
        job: Occupation.
        home: Living situation, a clause without its subject.
        worry: The reason for counseling.
        technique: A CBT technique that suits the worry.
        resistance: One of `RESISTANCES`.
        identity_seed: Seed of the face's identity.
    """

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
        """Returns client `idx` of a seed; consecutive clients differ in worry and resistance."""
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
        """The identity of the client's face."""
        return Identity.from_seed(self.identity_seed)

    @property
    def age(self) -> int:
        """The age in years, which the face shows too."""
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
    def personality(self) -> str:
        """The kind of resistance as tables name it, e.g. `Emotional Resistance`."""
        return f"{self.resistance.removesuffix(' Resistance')} Resistance"

    @property
    def distorted_thought(self) -> str:
        """The distorted thought as a sentence."""
        return f"{self.worry.thought[0].upper()}{self.worry.thought[1:]}."

    @property
    def reason_for_counseling(self) -> str:
        """The reason for counseling in whole sentences."""
        return self.worry.reason
