"""MIRROR: fine-tune a vision-language counselor, let it counsel simulated clients, and analyse the sessions."""

import logging
import os

# By default, waiting threads of GNU OpenMP spin, which slows PyTorch down many times when other processes use the same
# cores; sleeping costs almost nothing. Must be set before torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# diffusers imports image processors by names that prefer torchvision and falls back to those without it. The fallback
# is intended here, so the warning at every start is suppressed.
logging.getLogger("transformers.utils.import_utils").addFilter(
    lambda record: "requires torchvision" not in record.getMessage()
)

# On some CPUs bitsandbytes, which peft imports where it is installed, advises to install a package that runs code from
# the Hub.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
