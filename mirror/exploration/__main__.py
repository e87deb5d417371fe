"""`python -m mirror.exploration` serves the panel."""

import sys

from mirror.exploration.command import main

if __name__ == "__main__":
    sys.exit(main())
