# make figures  regenerates the paper's figures;  make paper  all the evidence, with the manuscript;
# make test  runs the tests. All set up a virtual environment first. Variables: CORES, CONFIG, REPORT, PYTHON.
PYTHON ?= python3
CORES ?= all
CONFIG ?= config/paper.yaml
REPORT ?= results/$(basename $(notdir $(CONFIG)))/report.html
BIN := .venv/bin
# What a killed run left half-done is done again; files that are touched or copied are not, if they
# hold what they held.
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES) --rerun-incomplete --max-checksum-file-size 1GB
# Snakemake keeps a cache in the home folder, which containers and batch systems may lack.
ifneq ($(shell test -d "$$HOME" -a -w "$$HOME" && echo writable),writable)
export XDG_CACHE_HOME ?= $(CURDIR)/.snakemake/cache
endif
# What an installation is made of, beside the modules that it finds where they are.
PACKAGE := pyproject.toml setup.py $(wildcard src/latent_transport/kernels/c/*.[ch])

.PHONY: figures quick report benchmark benchmark_peers gpu zoo paper check archive docs test \
	test_slow test_adapters conditions lint clean
.DELETE_ON_ERROR:

figures: .venv/installed
	$(SNAKEMAKE) figures --configfile "$(CONFIG)"

quick: .venv/installed
	$(SNAKEMAKE) --configfile config/quick.yaml

# One HTML file with every figure and table, and the interactive page, beside the results.
report: .venv/installed
	$(SNAKEMAKE) all page --configfile "$(CONFIG)"
	$(SNAKEMAKE) all page --configfile "$(CONFIG)" --report "$(REPORT)"

benchmark: .venv/installed
	$(SNAKEMAKE) benchmark --configfile "$(CONFIG)"

# Where there is a CUDA device: the tests that need one, and the benchmark on it, whose tables name it.
# The models that are there are timed as they are; tables of another device are made anew.
gpu: .venv/installed
	$(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available() and "torch finds no CUDA device")'
	$(BIN)/pytest -m gpu
	$(SNAKEMAKE) benchmark --configfile "$(CONFIG)" --forcerun $(addprefix benchmark_,wasserstein1 solvers scaling geometries)

# docs/zoo.md: how far the solvers are from distances that are known.
zoo: .venv/installed
	$(SNAKEMAKE) zoo --configfile "$(CONFIG)"

# Other packages beside ours, in an environment of their own: geomstats wants an older NumPy.
benchmark_peers: .venv-peers/installed
	.venv-peers/bin/snakemake --cores $(CORES) --rerun-incomplete benchmark_peers --configfile "$(CONFIG)"

paper: .venv/installed
	$(SNAKEMAKE) all --configfile "$(CONFIG)"

check: .venv/installed
	$(SNAKEMAKE) check --configfile "$(CONFIG)"

# The whole run in one file, from which a fresh clone goes on, beside the results.
archive: .venv/installed
	$(SNAKEMAKE) archive --configfile "$(CONFIG)"

# The site, build/site/index.html: a broken link, or an example that fails, is an error.
docs: .venv/installed
	$(BIN)/pip install --quiet --editable '.[docs]'
	rm -rf build/site docs/gallery docs/reference
	MPLBACKEND=agg $(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs build/site

test: .venv/installed
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"
	$(SNAKEMAKE) --configfile config/quick.yaml

# Whole runs: on a cluster that is started for them, in every condition of tests/workflow/conditions,
# killed, and on other data.
test_slow: .venv/installed
	$(BIN)/pytest -n 2 --dist loadfile -m slow

# With the libraries whose models lt.adapt takes, in an environment of their own: they want an older pandas.
test_adapters: .venv-adapters/installed
	.venv-adapters/bin/pytest -n 2 --dist loadfile tests/adapters

# A row for each condition under which a job must come out the same, or say why not.
conditions: .venv/installed
	$(BIN)/python tests/workflow/tabulate_conditions.py

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

clean:
	rm -rf results/paper results/quick paper/figures paper/*.pdf paper/*.provenance.json .snakemake

.venv/installed: $(PACKAGE)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[pipeline,slurm,test]'
	touch $@

.venv-peers/installed: $(PACKAGE)
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --upgrade pip
	.venv-peers/bin/pip install --quiet --editable '.[pipeline,peers]'
	touch $@

.venv-adapters/installed: $(PACKAGE)
	$(PYTHON) -m venv .venv-adapters
	.venv-adapters/bin/pip install --quiet --upgrade pip
	.venv-adapters/bin/pip install --quiet --editable '.[adapters,test]'
	touch $@
