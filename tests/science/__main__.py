"""``python -m tests.science``: see :mod:`tests.science.run`."""

import sys

from tests.science.run import main

if __name__ == "__main__":
    sys.exit(main())
