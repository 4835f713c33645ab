"""Data sets: sources, preparation, the frame store and the DataModules that read it."""
