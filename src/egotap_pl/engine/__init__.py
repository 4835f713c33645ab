"""Everything below the command line that an experiment needs: stages, trainings, tests, predictions and their files."""
