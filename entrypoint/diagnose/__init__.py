"""Diagnose: everything that somebody needs who wants to help from afar, without a secret in it."""
