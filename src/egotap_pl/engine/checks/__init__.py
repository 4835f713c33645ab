"""What is checked before the first job of an experiment begins."""
