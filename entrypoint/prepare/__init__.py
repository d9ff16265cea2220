"""What happens before Octopus.Server is started: preflight checks, the schema, the configure commands."""
