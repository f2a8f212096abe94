"""`python3 -m grader`."""

import sys

from grader.cli import end_on_signals, main

if __name__ == "__main__":
    end_on_signals()
    sys.exit(main(sys.argv[1:]))
