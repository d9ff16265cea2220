"""Checks of everything that can be known to be wrong before anything is started."""
