# Commands for development. Each one creates .venv if needed, and updates it when pyproject.toml or constraints.txt
# changed. Requires make and Python 3.11 or newer; needs network access only for the installation.
#   make test PYTHON=/path/to/python3.12    uses this Python for .venv (run make clean first to change it)
#   make demo MIRROR_OUTPUT=/path           writes results/ and checkpoints/ below this folder

.DEFAULT_GOAL := help
ifndef AT_ONCE
.NOTPARALLEL:
endif
.PHONY: help install doctor demo test unit proofs nf4 coverage notebooks check clear docs constraints locked audit clean

PY := .venv/bin/python
INSTALLED := .venv/installed
# This file contains the folder it was created in: .venv is recreated if it was copied or moved, or lost its Python.
INSTALLED_IN := $(shell $(PY) -c 'print(open("$(INSTALLED)").read())' 2>/dev/null)
OUTPUT := $(if $(MIRROR_OUTPUT),$(MIRROR_OUTPUT),$(CURDIR))
COTS := base planning ec_planning
# The demo's arms run at once, with one thread each: models this small hardly benefit from a second thread.
TRAINED := $(COTS:%=demo-train-%)
COUNSELED := $(COTS:%=demo-counsel-%)
.PHONY: $(TRAINED) $(COUNSELED) demo-replay
# $(call NOTEBOOK,name,run,params file) runs a notebook and writes it to the folder of its run.
NOTEBOOK = MIRROR_OUTPUT="$(OUTPUT)" $(PY) -m mirror $(1) "$(OUTPUT)/results/$(2)/$(1).ipynb" -f $(3) </dev/null
# $(call PREFIXED,name,command) begins each line of a command's output with a name, and fails if the command does.
PREFIXED = failed=$$(mktemp) && trap 'rm -f "$$failed"' EXIT && \
	{ { $(2); } 2>&1 || echo "$(1)" >> "$$failed"; } | awk -v name="$(1)" '{ print name ": " $$0; fflush() }' && \
	test ! -s "$$failed"
PYTHONS := $(or $(PYTHON),python3 python3.11 python3.12 python3.13 python3.14 python)

# Python, kernels and services of the calling environment are ignored, so that runs are the same everywhere.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONDONTWRITEBYTECODE VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX JUPYTER_PATH MPLBACKEND
unexport OPENAI_API_KEY OPENAI_BASE_URL IMG_VERIFICATION_URL IMG_DESCRIPTION_URL MIRROR_SERVICE_TOKEN
export PYTHONNOUSERSITE := 1
export JUPYTER_PREFER_ENV_PATH := 1
export IPYTHONDIR := $(CURDIR)/.venv/ipython
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
export TOKENIZERS_PARALLELISM := false
# Waiting threads sleep: spinning slows training down many times when other programs use the same cores.
export OMP_WAIT_POLICY := PASSIVE

# Test workers share the cores, so one thread each is fastest. Notebooks are few and keep all threads, so that the last
# one can use all cores.
PYTEST := $(PY) -m pytest
# Plugins for notebooks and for a schema's own tests: each worker would import them first, and no test needs them.
WITHOUT := -p no:nbmake -p no:schemathesis
ONE_THREAD := OMP_NUM_THREADS=1
WORKERS := --numprocesses logical --maxprocesses 4
# A module's tests stay with one worker, which makes their fixtures once; tests/conftest.py puts the slow modules first.
TESTS = $(IN_FRESH_FOLDER) $(ONE_THREAD) $(PYTEST) $(WITHOUT) $(WORKERS) --dist loadfile --no-loadscope-reorder tests
IN_FRESH_FOLDER := output=$$(mktemp -d) && trap 'rm -rf "$$output"' EXIT INT TERM && MIRROR_OUTPUT="$$output"

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## create .venv with the pinned packages, which every other command does where it is missing

demo: export OMP_NUM_THREADS := 1
# glibc keeps the memory of large tensors, in bytes: giving it back and taking it anew costs a fortieth of the time.
demo: export MALLOC_MMAP_THRESHOLD_ := 268435456
demo: export MALLOC_TRIM_THRESHOLD_ := 536870912
demo: $(INSTALLED)  ## run a small study on two CPU cores: train models, counsel twelve clients with each, compare
	@$(MAKE) --no-print-directory --keep-going --jobs=$(words $(COTS)) AT_ONCE=yes $(COUNSELED) demo-replay
	@$(call NOTEBOOK,analyse,pocket-study,params/analyse/pocket.yaml)
	@printf '%s\n' "" "written below $(OUTPUT):" \
		$(foreach cot,$(COTS),"  results/train-pocket-$(cot)/train.ipynb" "  results/pocket-$(cot)/counsel.ipynb") \
		"  results/pocket-ec_planning-swapped-replay/replay.ipynb" "  results/pocket-study/analyse.ipynb" \
		"To see the comparison: .venv/bin/jupyter lab $(OUTPUT)/results/pocket-study/analyse.ipynb" \
		"or as a page: .venv/bin/jupyter nbconvert --to html $(OUTPUT)/results/pocket-study/analyse.ipynb" \
		"To read the sessions, open one of these pages in a browser, or print one:" \
		$(foreach run,$(COTS:%=pocket-%) pocket-ec_planning-swapped-replay,"  $(OUTPUT)/results/$(run)/gallery.html") \
		"  $(PY) -m mirror.transcripts $(OUTPUT)/results/pocket-$(lastword $(COTS))/sessions/60"

# The client turns of a run are answered again, with another client's faces: no client, no painting, no filter.
demo-replay: demo-counsel-ec_planning
	@$(call PREFIXED,swapped,$(call NOTEBOOK,replay,pocket-ec_planning-swapped-replay,params/replay/pocket-ec_planning-swapped.yaml))

$(TRAINED): demo-train-%:
	@$(call PREFIXED,$*,$(call NOTEBOOK,train,train-pocket-$*,params/train/pocket-$*.yaml))

$(COUNSELED): demo-counsel-%: demo-train-%
	@$(call PREFIXED,$*,$(call NOTEBOOK,counsel,pocket-$*,params/counsel/pocket-$*.yaml))

# It looks at the calling environment and at the Hub, unlike all else here.
FOR :=
doctor: export HF_HUB_OFFLINE :=
doctor: export OPENAI_API_KEY := $(value OPENAI_API_KEY)
doctor: export OPENAI_BASE_URL := $(value OPENAI_BASE_URL)
doctor: export IMG_VERIFICATION_URL := $(value IMG_VERIFICATION_URL)
doctor: export IMG_DESCRIPTION_URL := $(value IMG_DESCRIPTION_URL)
doctor: export MIRROR_SERVICE_TOKEN := $(value MIRROR_SERVICE_TOKEN)
doctor: $(INSTALLED)  ## check this machine for real models, and say what it lacks: FOR=laptop, 24gb, 80gb or 8x80gb
	@$(PY) -m mirror doctor $(if $(FOR),--for $(FOR)) || test $$? -eq 1  # 1: told what is missing

# Side by side, so that no core waits for the last test or the last notebook; what the notebooks print comes at the end.
test: $(INSTALLED)  ## run the tests, but for the proofs, and every notebook with its defaults
	@told=$$(mktemp) && trap 'rm -f "$$told"' EXIT && trap 'trap - INT TERM; kill 0' INT TERM && \
	{ $(ONE_THREAD) $(MAKE) --no-print-directory notebooks >"$$told" 2>&1 & notebooks=$$!; } && \
	{ ($(TESTS) -m 'not proof') && tests=0 || tests=$$?; } && { wait $$notebooks && notebooks=0 || notebooks=$$?; } && \
	cat "$$told" && exit $$((tests ? tests : notebooks))

unit: $(INSTALLED)  ## run the fast tests in tests/ only
	@$(TESTS) -m 'not slow'

proofs: nf4  ## run the tests that kill runs, spread them, make pocket models, or hold weights in 4 bits; minutes
	@$(TESTS) -m proof

# Not in .venv from the start, nor needed by other tests: every process that loads models would import it, for seconds.
nf4: $(INSTALLED)
	@$(PY) -c 'import importlib.util as found, sys; sys.exit(not found.find_spec("bitsandbytes"))' || \
		$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[nf4]'

coverage: nf4  ## run all tests and list the lines of mirror, api and pocket that none of them runs
	@$(TESTS) --cov --cov-report term-missing:skip-covered

notebooks: $(INSTALLED)  ## run every notebook with its defaults, at pocket size; output goes to a temporary folder
	@$(IN_FRESH_FOLDER) $(PYTEST) $(WORKERS) --dist worksteal --nbmake --nbmake-timeout 300 notebooks

check: $(INSTALLED)  ## check style, types, layers, and the form of the notebooks
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy & types=$$!; form=0; $(PYTEST) tests/project/test_layers.py tests/project/test_notebooks.py || form=$$?; \
		wait $$types && exit $$form

clear: $(INSTALLED)  ## remove outputs from the notebooks, before a commit
	@$(PY) -m jupyter nbconvert --clear-output --inplace notebooks/*.ipynb

docs: $(INSTALLED)  ## build the documentation site into site/; broken links and missing references are errors
	@$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@mkdir -p build && $(PY) -c 'from tests.project.test_layers import architecture; print(architecture())' \
		> build/architecture.txt
	@$(PY) -m zensical build --clean --strict

constraints: $(INSTALLED)  ## update constraints.txt and requirements.lock from pyproject.toml; pinned versions stay
	@$(PY) -m pip install --quiet uv
	@$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-annotate --no-header \
		--output-file constraints.txt pyproject.toml
	@{ echo "# Every package of the environment at the version that is known to work, for Python 3.11 and newer"; \
		echo "# on Linux and macOS; torch chooses its CUDA libraries (nvidia-*, cuda-*, triton). Regenerated by"; \
		echo "# \`make constraints\`, which keeps the versions below; to get a newer one, delete its line first."; \
		grep -v -E '^(#|nvidia-|cuda-|triton==)' constraints.txt; } > constraints.new
	@mv constraints.new constraints.txt
	@$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-annotate --no-header \
		--generate-hashes --constraint constraints.txt --output-file requirements.lock pyproject.toml
	@{ echo "# The versions of constraints.txt, and torch's CUDA libraries, with the SHA-256 of every file that PyPI has of"; \
		echo "# them: what \`make locked\` installs, and nothing else. Regenerated by \`make constraints\`."; \
		grep -v '^#' requirements.lock; } > requirements.new
	@mv requirements.new requirements.lock

locked:  ## recreate .venv with the hashes of requirements.lock (packages from PyPI, torch with CUDA)
	@rm -rf .venv
	@$(MAKE) --no-print-directory LOCKED=yes $(INSTALLED)

audit: $(INSTALLED)  ## check the pinned packages for known vulnerabilities; reports if that is impossible
	@$(PY) -m pip install --quiet --constraint constraints.txt pip-audit || \
		{ echo "NOT AUDITED: pip-audit cannot be installed"; exit 0; }; $(PY) .ci/audit.py

clean:  ## remove .venv and caches; results/ and checkpoints/ stay
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

ifneq ($(INSTALLED_IN),$(CURDIR))
.PHONY: $(INSTALLED)
endif
$(INSTALLED): pyproject.toml constraints.txt
	@# The pinned versions have wheels for Python 3.11 to 3.14; a newer one is used only if there is no other.
	@if [ "$(INSTALLED_IN)" != "$(CURDIR)" ]; then \
		for newest in 14 99; do for python in $(PYTHONS); do \
			"$$python" -c "import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $$newest))" \
				2>/dev/null && break 2; python=; \
		done; done; \
		if [ -z "$$python" ]; then \
			echo "No Python 3.11 or newer that can create a virtual environment was found$(if $(PYTHON), at $(PYTHON))." >&2; \
			echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13)," >&2; \
			echo "or name an installed one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; \
			exit 1; \
		fi; \
		echo "Setting up .venv with $$("$$python" --version); this needs network access, once."; \
		"$$python" -m venv --clear .venv || exit 1; \
	fi
	@echo "Installing the packages of $(if $(LOCKED),requirements.lock,constraints.txt); this takes some minutes."
	@# This project itself has no hash in the lock, so it is installed separately, with the locked build tool.
	@if [ -n "$(LOCKED)" ]; then \
		$(PY) -m pip install --quiet --no-compile --require-hashes --requirement requirements.lock && \
		$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	else \
		$(PY) -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[test,dev]'; \
	fi
	@# pip would compile on one core. What no Python can compile, such as templates, is left out.
	@echo "Compiling the installed packages."; $(PY) -m compileall -q -q -j 0 -x '/tests?/' .venv/lib || true
	@printf '%s' "$(CURDIR)" > $(INSTALLED)
