# make demo: build everything and serve the page.  make test: run the tests.  make help: the rest.

# The first Python that is new enough.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
PY := $(VENV)/bin/python
# Of all the modules that come, few are ever imported: Python compiles those itself.
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-compile
PORT ?= 8000
PYTEST := $(PY) -m pytest
# The plugin reads options of its own and starts browsers: only tests/pyodide wants it.
PLAIN := -p no:pytest_pyodide
# A shared machine may freeze for seconds in the middle of a call. A test that fails twice fails; one that fails once is
# listed.
RERUN := --reruns 1 --rerun-show-tracebacks -raR
# Two at a time: Python's tests keep a core busy, and those in Chromium mostly wait for sound. Three browsers overload two
# cores, and what fails is run again. A file's tests share fixtures.
PARALLEL := -n 2 --dist loadfile

# The build and the tests install what these pin, with hashes. LOCK= installs the newest versions instead, for a Python that
# is newer than the locks.
LOCK ?= build_scripts/demo.lock
TEST_LOCK ?= $(LOCK:demo.lock=test.lock)

.PHONY: help demo site setup test test-firefox lint test-unit test-worklet test-pyodide test-browser firefox live fuzz mutation golden lock \
	bench record soak conformance evaluate model packages reference clean

demo: site ## the page, built and served on localhost (PORT=8000)
	$(PY) -m build_scripts.site.serve dist --port $(PORT)

site: build/demo.stamp ## dist/, the folder that a server needs, and no more
	$(PY) -m build_scripts.package.build_dist --out dist

setup: build/test.stamp ## the Python environment of the tests, in .venv

PARTS := lint test-unit test-worklet test-pyodide test-browser

# All parts run, even if one fails; then the command fails.
test: ## lint, types and all tests except Firefox's
	@build_scripts/announce.sh
	@build_scripts/system_packages.sh
	@MAKE='$(MAKE)' build_scripts/test_parts.sh $(PARTS)

test-firefox: ## the tests in Firefox and with a virtual sound card; installs both
	@build_scripts/announce.sh firefox
	@build_scripts/system_packages.sh firefox
	@build_scripts/system_packages.sh
	@MAKE='$(MAKE)' build_scripts/test_parts.sh firefox live

lint: build/test.stamp ## style and types of Python
	$(PY) -m ruff check .
	$(PY) -m mypy

# One thread: those of torch and BLAS spin while they wait for each other, which takes forever on a busy machine.
test-unit test-pyodide test-browser firefox live: export OMP_NUM_THREADS = 1
test-unit test-pyodide test-browser firefox live: export OPENBLAS_NUM_THREADS = 1

test-unit: build/test.stamp ## Python's tests
	$(PYTEST) $(PLAIN) tests/unit $(PARALLEL)

test-worklet: worklet/node_modules/.stamp tests/clients/node_modules/.stamp ## JavaScript's tests and types, in Node
	cd worklet && npm test
	cd worklet && npm run check
	cd tests/clients && npm run check

test-pyodide: build/test.stamp ## the wheel in Pyodide, in Node and Chromium
	$(PY) -m build_scripts.package.build_dist --out dist --test
	$(PYTEST) tests/pyodide --dist-dir build/dist-test --runtime node,chrome $(PARALLEL) $(RERUN)

# Two browsers at once may be too much for a machine: what fails then has to pass with the machine to itself.
test-browser: ALONE = $(PYTEST) $(PLAIN) tests/browser --site=dist -m 'not firefox' --last-failed --last-failed-no-failures none $(subst --reruns 1,--reruns 2,$(RERUN))
test-browser: build/test.stamp ## the page and calls in Chromium
	$(PY) -m build_scripts.package.build_dist --out dist
	$(PYTEST) $(PLAIN) tests/browser --site=dist -m 'not firefox' $(PARALLEL) -ra || $(ALONE)

firefox: build/test.stamp tests/clients/node_modules/.stamp
	$(PY) -m build_scripts.package.build_dist --out dist
	$(PYTEST) $(PLAIN) tests/browser --site=dist -m firefox $(RERUN)

# Here for machines without PulseAudio, on which test-unit skips its sound.
live: build/test.stamp
	$(PYTEST) $(PLAIN) tests/unit/test_live.py $(RERUN)

bench: build/test.stamp ## cost, compared with other suppressors, to build/bench.json
	$(PY) -m build_scripts.package.build_dist --out dist
	$(PY) -m build_scripts.bench --out build/bench.json
	$(PY) -m build_scripts.bench.engines --out build/engines.json
	$(PY) -m build_scripts.bench.depths --out build/depths.json

# Then commit the records and the tables made from them.
record: bench ## the same, kept in results/ with its tables
	cp build/bench.json build/engines.json build/depths.json build_scripts/results/
	$(PY) -m build_scripts.site.tables

# Property tests with new examples each time, FUZZ times as many.
FUZZ ?= 30
fuzz: build/test.stamp ## property tests with more and other examples (FUZZ=30)
	HYPOTHESIS_PROFILE=fuzz FUZZ=$(FUZZ) $(PYTEST) $(PLAIN) -x tests/unit/test_hostile_files.py tests/unit/test_hostile_models.py \
		tests/unit/test_hostile_arguments.py tests/unit/test_properties.py tests/unit/test_model_file.py

# Which small changes of the signal path and the ring buffer no test notices: an hour or two. See tests/mutation/README.md.
mutation: build/mutation.stamp tests/mutation/node_modules/.stamp ## which mistakes the tests would miss
	$(PY) -m build_scripts.evaluate.mutation
	$(PY) -m build_scripts.site.tables

# After an intended change of what the signal path computes.
golden: build/test.stamp ## update the golden output after an intended change
	$(PY) -m build_scripts.evaluate.golden

# An hour faster than real time and ten minutes in real time (15 to 25 minutes in all); worklet/README.md has the table.
soak: build/test.stamp ## an hour simulated, ten minutes in real time, and their table
	$(PY) -m build_scripts.package.build_dist --out dist
	$(PYTEST) $(PLAIN) tests/browser/test_soak.py --simulated-minutes 60 --real-minutes 10 \
		--record build_scripts/results/soak.json
	$(PY) -m build_scripts.site.tables

# Hours in all, but interrupted at any time it resumes, and a run may be limited: FOLDER="webrtc mst-content-hint"
# BROWSER=firefox MINUTES=30. The tests are downloaded once (700 MB).
conformance: build/test.stamp ## what the script tag breaks, by the web platform's own tests (FOLDER= BROWSER= MINUTES=)
	@build_scripts/system_packages.sh
	@build_scripts/system_packages.sh firefox
	$(PY) -m build_scripts.package.build_dist --out dist
	$(PY) -m build_scripts.conformance $(FOLDER) $(if $(BROWSER),--browser $(BROWSER)) $(if $(MINUTES),--minutes $(MINUTES)); \
		result=$$?; $(PY) -m build_scripts.site.tables; exit $$result

# SET is a folder with noisy/ and clean/, COMPARE a script that scores enhanced files and other systems.
evaluate: build/evaluate.stamp ## scores of a set of mixes (SET=folder COMPARE=script.py)
	@test -n "$(SET)" -a -n "$(COMPARE)" || { echo "usage: make evaluate SET=folder COMPARE=script.py" >&2; exit 1; }
	$(PY) -m build_scripts.evaluate $(SET) --compare $(COMPARE)

# FILE is a model file from build_scripts.train.export; SETS are folders of mixes, COMPARE the script that scores.
model: build/test.stamp ## a new model in place, and all that depends on it (FILE=c20.pnw SETS="folder ..." COMPARE=script.py)
	@test -n "$(FILE)" || { echo "usage: make model FILE=c20.pnw SETS='folder ...' COMPARE=script.py" >&2; exit 1; }
	$(PY) -m build_scripts.evaluate.release $(FILE) $(if $(SETS),--sets $(SETS) --compare $(COMPARE))
	@$(PYTEST) $(PLAIN) -q tests/unit/test_sentences.py || \
		echo 'The model is in place; now rewrite the sentences named above, in the documents and in the test.' >&2

# Wheel and source archive for PyPI, tarballs for npm; REPOSITORY=https://... goes into the metadata of all of them. What
# the page's build needs is enough: no PyTorch. A test checks them as the index would.
packages: build/demo.stamp worklet/node_modules/.stamp ## the packages to publish, in build/packages
	$(PY) -m build_scripts.package.build_dist --out dist
	$(PY) -m build_scripts.package.build_npm --site dist --out build/npm
	$(PY) -m build_scripts.package.build_npm --site dist --out build/npm-lite --lite
	mkdir -p build/packages && rm -f build/packages/*
	$(PY) -m build --no-isolation --outdir build/packages
	cd build/packages && npm pack --silent ../npm ../npm-lite

# For the modules that applications import, from JSDoc; for the Python package, from its docstrings.
reference: build/reference.stamp worklet/node_modules/.stamp ## the API reference, in build/reference
	cd worklet && npm run --silent reference -- --out ../build/reference/javascript
	$(PY) -m pdoc --docformat numpy --output-directory build/reference/python percepnet_wasm

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-21s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: install it, or run make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { build_scripts/system_packages.sh venv && $(PYTHON) -m venv $(VENV); }

build/demo.stamp: pyproject.toml $(LOCK) | $(PY)
	$(if $(LOCK),$(PIP) --require-hashes --requirement $(LOCK))
	$(if $(LOCK),$(PIP) --no-deps --no-build-isolation --editable .,$(PIP) --editable '.[demo]')
	@mkdir -p build && touch $@

# The second line installs only torch: its builds differ between indexes, so it is pinned by version alone.
build/test.stamp: pyproject.toml $(TEST_LOCK) | $(PY)
	$(if $(TEST_LOCK),$(PIP) --require-hashes --requirement $(TEST_LOCK))
	$(PIP) $(if $(TEST_LOCK),--no-build-isolation) --editable '.[test]'
	@mkdir -p build && touch $@

# One stamp for each set of Python packages; the package itself is installed in editable mode.
build/%.stamp: pyproject.toml | $(PY)
	$(PIP) --editable '.[$*]'
	@mkdir -p build && touch $@

# Universal: every platform and Python from 3.11 on. The tests' lock leaves out torch and what its GPU build needs.
COMPILE = $(PY) -m uv pip compile pyproject.toml --universal --python-version 3.11 --upgrade --quiet \
	--generate-hashes --no-header --no-annotate --no-emit-index-url
lock: $(PY) ## update the hashed pins of the Python packages
	$(PIP) uv
	$(COMPILE) --extra demo --output-file $(LOCK)
	@mkdir -p build
	$(COMPILE) --extra test --constraint $(LOCK) --output-file build/test.lock
	awk '/^[a-z0-9]/ { keep = !/^(torch|triton|cuda-|nvidia-)/ } keep' build/test.lock >$(TEST_LOCK)

%/node_modules/.stamp: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

clean: ## remove what was built
	rm -rf build dist
