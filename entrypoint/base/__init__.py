"""What every process of octo-node is made of: standard library only, and little of it."""
