"""The modules that every process of octo-node shares: standard library only, and little of it."""
