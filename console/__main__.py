"""`python -m console` is `perpdeck`."""

import sys

from console.cli import main

sys.exit(main())
