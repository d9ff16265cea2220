"""Programs that stand in for the ones a test machine cannot have."""
