# Two commands do all set-up: `make demo` runs the main job, `make test` runs the tests.
# The newest Python on PATH that runs and is new enough; a name alone may be a shim of a version that is not installed.
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$$name"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
NODE_CLIENTS := tencentcloud-sdk-nodejs@4.1.313 tencentcloud-sdk-nodejs-intl-en@3.0.1335
TCCLI := tccli==3.1.189.1
AXE := axe-core@4.14.1
AXE_STAMP := $(if $(shell command -v npm),.clients/axe/.installed)
# A file's tests run in one process, so that a server that they share is started once.
PARALLEL := -n auto --dist loadfile
WITH_AXE := FACEMELD_AXE="$${FACEMELD_AXE-$$(ls .clients/axe/node_modules/axe-core/axe.min.js 2>/dev/null)}"

.PHONY: demo test slow clients console lint bench quality gate docs lock clean

demo: $(VENV)/.demo
	$(RUN) -m scripts.demo

test: $(VENV)/.dev
	$(BIN)/facemeld models fetch
	$(RUN) -m pytest $(PARALLEL)

slow: $(VENV)/.dev $(AXE_STAMP)
	$(BIN)/facemeld models fetch
	$(WITH_AXE) $(RUN) -m pytest -m 'slow and not alone' $(PARALLEL)
	$(RUN) -m pytest -m alone tests/bench

# The official clients that are not Python packages of the environment: the two Node SDKs, and tccli in an environment of its own.
clients: $(VENV)/.dev .clients/.installed
	$(BIN)/facemeld models fetch
	$(RUN) -m pytest -m clients

# The console in a real browser; skipped where there is no Chromium. Accessibility is checked where npm can install axe-core.
console: $(VENV)/.dev $(AXE_STAMP)
	$(BIN)/facemeld models fetch
	$(WITH_AXE) $(RUN) -m pytest -m 'browser and not slow' $(PARALLEL) tests/console

.clients/axe/.installed: Makefile
	mkdir -p .clients/axe
	npm install --prefix .clients/axe --ignore-scripts --no-audit --no-fund --no-save $(AXE)
	@touch $@

.clients/.installed: Makefile | $(VENV)/.python
	@command -v npm >/dev/null || { echo "The client suite needs Node with npm (on Debian: apt-get install npm)." >&2; exit 1; }
	@echo "Installing the Node SDKs and tccli into .clients (about 800 MB on the disk) ..."
	mkdir -p .clients
	npm install --prefix .clients --ignore-scripts --no-audit --no-fund --no-save $(NODE_CLIENTS)
	$(RUN) -m venv .clients/tccli
	.clients/tccli/bin/pip install --quiet $(TCCLI)
	@touch $@

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(RUN) -m scripts.make_docs --check
	$(RUN) -m scripts.prose

bench: $(VENV)/.bench
	$(BIN)/facemeld models fetch
	$(RUN) -m bench.service --record

# Fuses pairs of portraits and measures the results, as in `make quality QUALITY="--users FOLDER --pairs 40 --degrees 0/0"`.
quality: $(VENV)/.bench
	$(BIN)/facemeld models fetch
	$(RUN) -m bench.quality $(QUALITY)

gate: $(VENV)/.dev
	$(BIN)/facemeld models fetch
	$(RUN) -m bench.gate

docs: $(VENV)/.dev
	$(RUN) -m scripts.make_docs

lock:
	sh scripts/lock.sh

clean:
	rm -rf $(VENV) demo .clients

# Each stamp means: the environment holds what that lock file names, and this checkout.
$(VENV)/.demo: requirements/demo.lock pyproject.toml | $(VENV)/.python
	@echo "Installing Facemeld and the demo's pictures (about 250 MB to download the first time) ..."
	$(BIN)/pip install --require-hashes -r requirements/demo.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(VENV)/.python
	@echo "Installing Facemeld and its development tools (about 300 MB to download the first time) ..."
	$(BIN)/pip install --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.bench: requirements/bench.lock $(VENV)/.dev
	@echo "Installing what measuring needs besides (about 250 MB to download the first time) ..."
	$(BIN)/pip install --require-hashes -r requirements/bench.lock
	@touch $@

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Facemeld needs Python 3.11 or newer, and none was found on PATH." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make environments: install its venv package (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@
