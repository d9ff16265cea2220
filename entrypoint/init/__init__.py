"""Process 1: standard library only, and little of it."""
