"""Writers of prepared frames in the layouts of the published data sets."""
