"""MIRROR: fine-tune a vision-language counselor, let it counsel simulated clients, and analyse what came out."""

import logging
import os

# GNU OpenMP lets waiting threads spin. Where anything else runs on the cores, PyTorch then takes many times as long;
# sleeping costs next to nothing. It has to be said before torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# diffusers asks transformers for image processors by the names that want torchvision, and gets the ones without it:
# just what is wanted here, so the warning of every start is noise.
logging.getLogger("transformers.utils.import_utils").addFilter(lambda r: "requires torchvision" not in r.getMessage())
