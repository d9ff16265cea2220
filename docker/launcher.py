#!/opt/octo-node/bin/python3 -IS
"""octo-node in the image: its own interpreter and libraries, whatever the folder and the environment are.

No shell, and nothing of the interpreter's that looks at variables or user folders (`-I`, `-S`). What is imported
here delays the moment at which process 1 can be sent a signal, and costs each probe.
"""

import sys


HOME = "/opt/octo-node"

verb = sys.argv[1] if len(sys.argv) > 1 else ""
if verb == "probe":
    sys.path.insert(0, f"{HOME}/packages/entrypoint")
    from http_probe import run  # type: ignore[import-not-found]  # past the package, as probe.py does it

    run(sys.argv[2:])

sys.path.insert(0, f"{HOME}/packages")

if verb != "run":
    from posix import putenv, unsetenv

    # where unixODBC finds our driver. `os.environ` doesn't get to know: it is what is handed on
    putenv(b"ODBCSYSINI", f"{HOME}/odbc".encode())
    unsetenv(b"ODBCINSTINI")

from entrypoint.__main__ import main  # noqa: E402 - not for a probe


sys.exit(main())
