"""A node from nothing, shown to a person, each step checked: `scripts/demo`."""
