# `make demo` and `make test` need Python 3.10 or newer and nothing else; both work in .venv/.
PYTHON ?= python3
VENV ?= .venv
BIN := $(CURDIR)/$(VENV)/bin

.PHONY: demo test docs wheel floors style audit check format clean

demo: $(VENV)/.ready-run  ## set up, then run the whole way on simulated data: tracks, table, figures
	PATH="$(BIN):$$PATH" sh examples/demo.sh demo

test: $(VENV)/.ready-dev style  ## set up, then every test
	$(BIN)/python -m pytest -q

docs: $(VENV)/.ready-docs  ## set up, then the documentation as a site in build/site/; a warning fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file .mkdocs.yml

wheel: $(VENV)/.ready-dev  ## build sdist and wheel, and try the wheel outside the checkout
	.ci/wheel $(BIN)

floors: .ci/floors.txt pyproject.toml  ## every test with the oldest versions that are allowed; 3 GB, as torch is a CUDA build then
	python3.10 -m venv $(VENV)-floors
	$(VENV)-floors/bin/python -m pip install --quiet --disable-pip-version-check --constraint .ci/floors.txt --editable ".[browse,dev]"
	$(VENV)-floors/bin/python -m pytest -q -W ignore::DeprecationWarning

check: style audit  ## style, and known vulnerabilities of what is installed

audit: $(VENV)/.ready-audit  ## needs the network: asks PyPI about every version in .ci/constraints.txt
	$(BIN)/pip-audit --requirement .ci/constraints.txt --no-deps --disable-pip --strict

style: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.ready-dev  ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## forget the environment and the demo
	rm -rf $(VENV) $(VENV)-floors demo

$(VENV)/.ready-run: pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV)/, without a word: minutes, on Linux some GB of torch"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable ".[browse]"
	touch $@

$(VENV)/.ready-audit: $(VENV)/.ready-run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable ".[audit]"
	touch $@

$(VENV)/.ready-docs: $(VENV)/.ready-run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable ".[docs]"
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable ".[dev]"
	touch $@
