"""What experiments are made of, below the command line: stages, trainings, tests, predictions and their files."""
