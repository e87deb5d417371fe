"""InternVL 3 and 3.5 in transformers' format (`-HF`): tiles of one size."""

from mirror.models.families.family import Family

FAMILIES = (Family(("internvl",), processor="InternVLProcessor"),)
