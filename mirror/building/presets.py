"""The defaults of a build: the published data and models, and those of the pocket size."""

from typing import Any

from mirror.faces.settings import FACE_MODELS

# The values of parameters that are None: the published data and models, and those of the pocket size.
PRESETS: dict[str, dict[str, Any]] = {
    "published": {
        "table": "data/published/mirror_data.csv",
        "test_table": "data/published/mirror_test.csv",
        "portraits": "data/celeba/img_align_celeba",
        "portrait_table": "data/celeba/identity_CelebA.txt;data/celeba/list_attr_celeba.txt",
        "portrait_columns": "file=image_id, person=identity, gender=Male",
        "writer_model": "gpt-4o-mini",
        "licences": "dialogues: GPL-2.0 (MIRROR, CACTUS); portraits: non-commercial research (CelebA)",
        "image_name": "turn:{turn}_{portrait}.png",
        **FACE_MODELS["7b"],
    },
    "pocket": {
        "table": "pocket/sources/screenplays.csv",
        "test_table": "pocket/sources/test_clients.csv",
        "portraits": "pocket/sources/portraits",
        "portrait_table": "pocket/sources/portraits.csv",
        "portrait_columns": "file=file, person=person, gender=gender, age=age",
        "writer_model": "",
        "licences": "Apache-2.0",
        "image_name": "turn-{turn}_{portrait}.png",
        **FACE_MODELS["pocket"],
    },
}
