"""Data sets: sources, preparation, frame stores, and the DataModule that reads them."""
