"""`python -m egotap_pl <verb>`: the same as `egotap <verb>`."""

from egotap_pl.cli.main import main

main()
