"""The folder of a run: its name, its files, and whether they are whole."""
