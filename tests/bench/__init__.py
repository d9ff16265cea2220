"""The figures of docs/design.md, measured side by side with their peers. `scripts/bench` runs it."""
