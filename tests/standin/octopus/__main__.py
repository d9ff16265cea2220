"""The stand-in as a program: `python -m standin.octopus VERB ...`."""

import sys

from .program import main


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
