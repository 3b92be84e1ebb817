"""``python -m percepnet_wasm`` is ``percepnet-wasm``."""

import sys

from .cli import main

sys.exit(main())
