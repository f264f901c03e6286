# make figures  regenerates the paper's figures;  make test  runs the tests.
# Both set up a virtual environment first. Variables: CORES, CONFIG, REPORT, PYTHON.
PYTHON ?= python3
CORES ?= all
CONFIG ?= config/paper.yaml
REPORT ?= results/$(basename $(notdir $(CONFIG)))/report.html
BIN := .venv/bin
# The package itself imports its names late, which pdoc does not see: it is given the modules.
API := $(filter-out %.__init__,$(subst /,.,$(patsubst src/%.py,%,$(wildcard src/latent_transport/*.py)))) \
	$(subst /,.,$(patsubst src/%/__init__.py,%,$(wildcard src/latent_transport/*/__init__.py)))

.PHONY: figures quick report benchmark paper check docs test lint clean
.DELETE_ON_ERROR:

figures: .venv/installed
	$(BIN)/snakemake --cores $(CORES) --configfile $(CONFIG)

quick: .venv/installed
	$(BIN)/snakemake --cores $(CORES) --configfile config/quick.yaml

# One HTML file with every figure and table, and the interactive page, beside the results.
report: .venv/installed
	$(BIN)/snakemake all page --cores $(CORES) --configfile $(CONFIG)
	$(BIN)/snakemake all page --cores $(CORES) --configfile $(CONFIG) --report $(REPORT)

benchmark: .venv/installed
	$(BIN)/snakemake benchmark --cores $(CORES) --configfile $(CONFIG)

paper: .venv/installed
	$(BIN)/snakemake paper --cores $(CORES) --configfile $(CONFIG)

check: .venv/installed
	$(BIN)/snakemake check --cores $(CORES) --configfile $(CONFIG)

# HTML pages of every public name, from its docstring: build/api/index.html.
docs: .venv/installed
	$(BIN)/pip install --quiet --editable '.[docs]'
	$(BIN)/pdoc $(API) --docformat numpy --math --output-directory build/api

test: .venv/installed
	$(BIN)/pytest -n 2 --dist loadfile
	$(BIN)/snakemake --cores $(CORES) --configfile config/quick.yaml

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

clean:
	rm -rf results/paper results/quick paper/figures .snakemake

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[pipeline,slurm,test]'
	touch $@
