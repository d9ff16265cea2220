"""octo-node, whose verb FAULTS_GATE waits until the file FAULTS_GATE_FILE is there, and makes one `.reached` first."""

import os
import sys
import time
from pathlib import Path


if os.environ.get("FAULTS_GATE") == sys.argv[1]:
    gate = Path(os.environ["FAULTS_GATE_FILE"])
    gate.with_suffix(".reached").touch()
    while not gate.exists():
        time.sleep(0.02)

from entrypoint.__main__ import main  # only once it may go on


sys.exit(main())
