"""octo-node probe, by path: `python -I -S probe.py liveness`.

Python compiles the file that it is given each time it is run; what that file imports it compiles once. So this one
is as short as it can be.
"""

if __name__ == "__main__":
    import sys

    sys.path.insert(0, __file__.rpartition("/")[0] + "/..")

    from entrypoint.question import run

    run(sys.argv[1:])
