"""octo-node probe, by path: `python -I -S probe.py liveness`.

Python compiles the file that it is given each time it is run; what that file imports it compiles once. So this one
is as short as it can be, and goes past the package, whose own import would cost as much again.
"""

if __name__ == "__main__":
    import sys

    sys.path.insert(0, __file__.rpartition("/")[0])

    from http_probe import run  # type: ignore[import-not-found]  # as a module of its own it isn't known to mypy

    run(sys.argv[1:])
