"""From a source to frame stores: in parallel, resumable, the same frames for any number of workers.

The entry points are `egotap_pl.data.preparation.prepare.prepare`, which makes the stores, and
`egotap_pl.data.preparation.check.check`, which only looks at what is there.
"""
