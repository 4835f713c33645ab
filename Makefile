# make demo: from nothing to a lifter, trained on finished estimators, and its test.  make test: all tests.  make setup: only installs.
# make docs: the documentation as a site, in site/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TESTS := $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: demo test coverage setup check page-tools page-check docs pictures notebooks clean

demo: setup
	$(BIN)/egotap train experiment=quickstart estimators=egosynth_small

test: setup
	$(TESTS)

# All tests, and how many lines and branches of the package they run; new Python processes that tests start do not count.
coverage: setup
	$(TESTS) --cov --cov-report=term

# Style, types and layers: what CI holds besides the tests.
check: setup
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Runs the notebooks at scale=tiny and keeps their outputs in them; what they make lies in notebooks/ and is ignored.
notebooks: setup
	$(BIN)/jupyter-execute --inplace notebooks/*.ipynb

# The API reference comes from the docstrings in src/. Any warning, a link to nothing for example, is an error.
docs: setup
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Draws the pictures of docs/concepts.md again, after a change of what they show.
pictures: setup
	$(BIN)/python docs/pictures.py

# The JavaScript of the report's page: linter, format and types. Needs Node 20 or newer with npm.
page-check: page-tools
	npm --prefix tools/page run --silent check

page-tools: tools/page/node_modules/.package-lock.json

tools/page/node_modules/.package-lock.json: tools/page/package-lock.json
	npm --prefix tools/page ci --no-audit --no-fund --silent

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "egotap_pl needs Python 3.10 to 3.13; choose one with: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) tools/page/node_modules build dist site .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache
