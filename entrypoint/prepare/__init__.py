"""What happens before Octopus.Server is started: preflight and prepare, one file a step."""
