"""Measures fusion quality: ``python -m facemeld.quality --users FOLDER --templates FOLDER --out FOLDER``."""

import sys

from facemeld.quality.shell import main

if __name__ == "__main__":
    sys.exit(main())
