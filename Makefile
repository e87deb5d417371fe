# The commands of this repository. Each sets up .venv by itself, again when pyproject.toml or constraints.txt changed.
# They need Python 3.11 or newer and make, and the network for the first installation only.
#   make test PYTHON=/path/to/python3.12    chooses the Python that .venv is made of (make clean first to change it)
#   make demo MIRROR_OUTPUT=/path           writes results/ and checkpoints/ there and not here

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test unit notebooks check clear docs constraints locked audit clean

PY := .venv/bin/python
INSTALLED := .venv/installed
# The mark holds the folder it was made in: a .venv that was copied, moved or lost its Python is made anew.
INSTALLED_IN := $(shell $(PY) -c 'print(open("$(INSTALLED)").read())' 2>/dev/null)
OUTPUT := $(if $(MIRROR_OUTPUT),$(MIRROR_OUTPUT),$(CURDIR))
COTS := base planning ec_planning
# The MIRRORs of the demo are made side by side, on one thread each: so small a training hardly gains from a second one.
# $(call NOTEBOOK,name,run,params file) runs a notebook into its run's folder.
NOTEBOOK = mkdir -p "$(OUTPUT)/results/$(2)" && MIRROR_OUTPUT="$(OUTPUT)" $(PY) -m papermill --no-progress-bar \
	--stdout-file - --stderr-file - notebooks/$(1).ipynb "$(OUTPUT)/results/$(2)/$(1).ipynb" -f $(3) </dev/null
PYTHONS := $(or $(PYTHON),python3 python3.11 python3.12 python3.13 python3.14 python)

# A Python, a kernel or a service of the caller's own environment stays out: these runs are the same everywhere.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX JUPYTER_PATH MPLBACKEND
unexport OPENAI_API_KEY OPENAI_BASE_URL IMG_VERIFICATION_URL IMG_DESCRIPTION_URL MIRROR_SERVICE_TOKEN
export PYTHONNOUSERSITE := 1
export JUPYTER_PREFER_ENV_PATH := 1
export IPYTHONDIR := $(CURDIR)/.venv/ipython
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
export TOKENIZERS_PARALLELISM := false
# Threads that wait sleep: where other programs want the cores too, spinning makes a training many times slower.
export OMP_WAIT_POLICY := PASSIVE

# The workers share the cores: one thread each is faster than all threads in every worker. Notebooks are few: they keep
# all threads, so that the last one to run has all cores.
PYTEST := $(PY) -m pytest
ONE_THREAD := OMP_NUM_THREADS=1
WORKERS := --numprocesses logical --maxprocesses 4
IN_FRESH_FOLDER := output=$$(mktemp -d) && trap 'rm -rf "$$output"' EXIT INT TERM && MIRROR_OUTPUT="$$output"

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: export OMP_NUM_THREADS := 1
demo: $(INSTALLED)  ## a small study on two CPU cores: train MIRRORs, let each counsel twelve clients, compare them
	@failed=$$(mktemp) && trap 'rm -f "$$failed"' EXIT && trap 'trap - INT TERM; kill 0' INT TERM && \
	for cot in $(COTS); do \
		{ { $(call NOTEBOOK,train,train-pocket-$$cot,params/train/pocket-$$cot.yaml) && \
			$(call NOTEBOOK,counsel,pocket-$$cot,params/counsel/pocket-$$cot.yaml); } || echo "$$cot" >> "$$failed"; } 2>&1 | \
			awk -v arm="$$cot" '{ print arm ": " $$0; fflush() }' & \
	done; wait; test ! -s "$$failed"
	@$(call NOTEBOOK,analyse,pocket-study,params/analyse/pocket.yaml)
	@printf '%s\n' "" "written below $(OUTPUT):" \
		$(foreach cot,$(COTS),"  results/train-pocket-$(cot)/train.ipynb" "  results/pocket-$(cot)/counsel.ipynb") \
		"  results/pocket-study/analyse.ipynb" \
		"To read the sessions, open one of these pages, or print one:" \
		$(foreach cot,$(COTS),"  $(OUTPUT)/results/pocket-$(cot)/gallery.html") \
		"  $(PY) -m mirror.transcripts $(OUTPUT)/results/pocket-$(lastword $(COTS))/sessions/60"

test: unit notebooks  ## run all tests, then every notebook as it stands

unit: $(INSTALLED)  ## run the tests in tests/ only
	@$(IN_FRESH_FOLDER) $(ONE_THREAD) $(PYTEST) $(WORKERS) --dist loadfile tests

notebooks: $(INSTALLED)  ## run every notebook as it stands, at pocket size; their files go to a temporary folder
	@$(IN_FRESH_FOLDER) $(PYTEST) $(WORKERS) --nbmake --nbmake-timeout 300 notebooks

check: $(INSTALLED)  ## style, layers, and the form of the notebooks
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PYTEST) tests/project/test_layers.py tests/project/test_notebooks.py

clear: $(INSTALLED)  ## remove the outputs of a run from the notebooks, before a commit
	@$(PY) -m jupyter nbconvert --clear-output --inplace notebooks/*.ipynb

docs: $(INSTALLED)  ## build the documentation site into site/; broken links and missing references are errors
	@$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@mkdir -p build && $(PY) -c 'from tests.project.test_layers import architecture; print(architecture())' \
		> build/architecture.txt
	@$(PY) -m zensical build --clean --strict

constraints: $(INSTALLED)  ## bring constraints.txt up to pyproject.toml; versions already there stay
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

locked:  ## set up .venv anew from files whose hashes requirements.lock holds (packages from PyPI, torch with CUDA)
	@rm -rf .venv
	@$(MAKE) --no-print-directory LOCKED=yes $(INSTALLED)

audit: $(INSTALLED)  ## ask for known vulnerabilities of the pinned packages; says so where that cannot be asked
	@$(PY) -m pip install --quiet --constraint constraints.txt pip-audit || \
		{ echo "NOT AUDITED: pip-audit cannot be installed"; exit 0; }; $(PY) .ci/audit.py

clean:  ## remove .venv and caches; results/ and checkpoints/ stay
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

ifneq ($(INSTALLED_IN),$(CURDIR))
.PHONY: $(INSTALLED)
endif
$(INSTALLED): pyproject.toml constraints.txt
	@# The pins have wheels for Python 3.11 to 3.14; a newer one is taken where there is no other.
	@if [ "$(INSTALLED_IN)" != "$(CURDIR)" ]; then \
		for newest in 14 99; do for python in $(PYTHONS); do \
			"$$python" -c "import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $$newest))" \
				2>/dev/null && break 2; python=; \
		done; done; \
		if [ -z "$$python" ]; then \
			echo "No Python 3.11 or newer that can make a virtual environment was found$(if $(PYTHON), at $(PYTHON))." >&2; \
			echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13)," >&2; \
			echo "or name one that is there: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; \
			exit 1; \
		fi; \
		echo "Setting up .venv with $$("$$python" --version); this needs the network, once."; \
		"$$python" -m venv --clear .venv || exit 1; \
	fi
	@# Nothing of this folder is downloaded, so it has no hash: it is installed by itself, with the build tool of the lock.
	@if [ -n "$(LOCKED)" ]; then \
		$(PY) -m pip install --require-hashes --requirement requirements.lock && \
		$(PY) -m pip install --no-deps --no-build-isolation --editable .; \
	else \
		$(PY) -m pip install --constraint constraints.txt --editable '.[test,dev]'; \
	fi
	@printf '%s' "$(CURDIR)" > $(INSTALLED)
