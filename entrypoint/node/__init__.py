"""Commands on a running node: settle, drain, undrain, status."""
