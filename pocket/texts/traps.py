"""The kind of distortion in each thought of `worries`, as CBT names it; only tables of screenplays tell it."""

TRAPS = {
    "everyone will laugh at me": "fortune telling",
    "she does not like me any more": "mind reading",
    "I'm too stupid for this school": "labeling",
    "it was all my fault": "personalization",
    "I will faint and no one will help me": "catastrophizing",
    "my boss thinks I'm useless": "mind reading",
    "I'm a bad parent": "labeling",
    "I will lose everything": "catastrophizing",
    "they find me boring": "mind reading",
    "one slip and the house will burn down": "catastrophizing",
    "no one will ever hire me": "overgeneralization",
    "I'm selfish if I rest": "should statements",
    "everyone stares at my body": "mind reading",
    "good work is not enough": "black-and-white thinking",
    "I will always be alone": "overgeneralization",
    "it will happen again": "fortune telling",
    "I have failed my son": "personalization",
    "she wanted to hurt me": "mind reading",
}
