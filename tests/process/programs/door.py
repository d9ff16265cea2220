"""octo-node's real `run`; other verbs are shell scripts in the folder TEST_HELPERS, and end well if there is none.

Those for dockerd are the real ones if there is none.
"""

import os
import sys


helper = f"{os.environ['TEST_HELPERS']}/{sys.argv[1]}"
if sys.argv[1] == "run" or (sys.argv[1].endswith(("-dockerd", "-engine")) and not os.path.exists(helper)):
    from entrypoint.__main__ import main

    sys.exit(main())
if os.path.exists(helper):
    os.execv("/bin/sh", ["sh", helper, *sys.argv[2:]])
