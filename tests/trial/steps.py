"""The steps of `steps.sh`: a name and a shell script each."""

import re
from pathlib import Path


_TEXT = Path(__file__).with_name("steps.sh").read_text()
STEPS = tuple(
    (name, script.strip()) for name, script in re.findall(r"^## (.+)\n((?:(?!## ).*\n)+)", _TEXT, re.MULTILINE)
)
