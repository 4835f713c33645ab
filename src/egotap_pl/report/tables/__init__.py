"""The tables of a report: the paper's, their breakdowns, differences between variants, and lists of runs."""
