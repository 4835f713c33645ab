"""The figures of a report: which runs each one shows, its caption, and the call that draws it."""
