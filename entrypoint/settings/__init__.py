"""The variables, the one reading of the environment, and the settings that come of it."""
