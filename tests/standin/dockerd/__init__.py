"""A stand-in for dockerd: README.md."""
