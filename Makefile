# Every target makes or refreshes .venv by itself; it needs python3 (3.11 or newer), make and git, nothing else.
#
#   make train-tokenizer EXPERIMENT=experiments/tokenizer/bandai_namco.yaml ARGS="--trainer.devices 4"
#   make train-ar        EXPERIMENT=experiments/ar/bandai_namco.yaml        TOKENIZER=runs/.../model
#
# PYTHON  interpreter that .venv is made with        EXTRAS  extras of setup.cfg to install
# VENV    where the environment lives                ARGS    further arguments of the command

PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= dev
ARGS ?=
TOKENIZER ?=

AUDIT := pip-licenses==5.5.5 cyclonedx-bom==7.5.0 pip-audit==2.10.1 uv==0.13.9

BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
SCALEMOGEN := $(BIN)/scalemogen

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo train-tokenizer train-ar train-evaluator evaluate sweep smoke test test-slow test-parity golden stress bench docs lint types audit wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  resume:  make train-ar ARGS="--run FOLDER --resume" goes on with a run that was stopped or killed'
	@echo '  sweep:   make sweep SWEEP=experiments/....yaml, and the same command again goes on'
	@echo '  cluster: sbatch experiments/cluster/train.sbatch tokenizer --config ... (docs/cluster.md)'

install: $(READY) ## make or refresh .venv

$(READY): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: scalemogen needs Python 3.11 or newer; '$(PYTHON)' is not. Try: make PYTHON=python3.12" >&2; exit 1; }
	@rm -f $@
	@$(PIP) --version >/dev/null 2>&1 || { echo 'Making $(VENV)'; $(PYTHON) -m venv --clear $(VENV); }
	@printf 'Installing packages into $(VENV) (some minutes the first time) '; \
		$(PIP) install -qq -c constraints.txt -e '.[$(EXTRAS)]' & \
		pid=$$!; trap 'kill $$pid' INT TERM; \
		while kill -0 $$pid 2>/dev/null; do printf '.'; sleep 2; done; \
		wait $$pid && echo ' done' || { echo 'make: the installation failed; the reason is above' >&2; exit 1; }
	@touch $@

demo: $(READY) ## train both stages on embedded data and turn sentences into motions (CPU)
	@$(SCALEMOGEN) demo $(ARGS)

train-tokenizer: EXPERIMENT ?= experiments/tokenizer/synthetic.yaml
train-tokenizer: $(READY) ## stage 1: EXPERIMENT=experiments/tokenizer/....yaml ARGS="..."
	@$(SCALEMOGEN) tokenizer fit --config $(EXPERIMENT) $(ARGS)

train-ar: EXPERIMENT ?= experiments/ar/synthetic.yaml
train-ar: $(READY) ## stage 2: EXPERIMENT=experiments/ar/....yaml TOKENIZER=(the last one for the same data) ARGS="..."
	@$(SCALEMOGEN) ar fit --config $(EXPERIMENT) $(if $(TOKENIZER),--model.tokenizer $(TOKENIZER)) $(ARGS)

train-evaluator: EXPERIMENT ?= experiments/evaluator/synthetic.yaml
train-evaluator: $(READY) ## the metrics' embedding network: EXPERIMENT=experiments/evaluator/....yaml ARGS="..."
	@$(SCALEMOGEN) evaluator fit --config $(EXPERIMENT) $(ARGS)

evaluate: $(READY) ## the full protocol: MODEL=runs/ar/NAME/model DATA=data/STORE ARGS="--split val"
	@$(SCALEMOGEN) evaluate --model $(MODEL) --data $(DATA) $(ARGS)

sweep: SWEEP ?= experiments/sweeps/scales_x_bits.yaml
sweep: $(READY) ## runs, one table and plots, here or on a W&B server: SWEEP=experiments/sweeps/....yaml ARGS="--jobs 2"
	@$(SCALEMOGEN) sweep $(SWEEP) $(ARGS)

smoke: $(READY) ## both stages, sampling and scoring in miniature: green means working
	@$(PYTEST) tests/smoke $(ARGS)

test: $(READY) ## all tests but the slow ones
	@$(PYTEST) -n 2 -m "not slow" $(ARGS)

test-slow: $(READY) ## the slow tests
	@$(PYTEST) -n 2 -m slow $(ARGS)

golden: $(READY) ## write anew what tests/golden compares: costs of the small recipes, loss curves
	@$(PYTEST) tests/golden --renew $(ARGS)

stress: $(READY) ## kill and stop trainings 100 times and compare the weights: ARGS="--kills 10 --terms 10"
	@OMP_NUM_THREADS=1 $(BIN)/python tests/reliability/stress.py $(ARGS)

test-parity: $(READY) ## every fixture of the reference implementation in SCALEMOGEN_REFERENCE (../shared/reference)
	@SCALEMOGEN_REQUIRE_REFERENCE=1 $(PYTEST) tests/parity $(ARGS)

docs: $(READY) ## check the docs: links, recipes, targets, and their commands on small models
	@$(PYTEST) tests/style/test_docs.py tests/smoke/test_use_page.py tests/smoke/test_python_pages.py $(ARGS)

bench: $(READY) ## speed and memory on this machine: ARGS="--quick", ARGS="--against REVISION", ARGS=data, ARGS=curves
	@$(SCALEMOGEN) bench $(ARGS)

lint: $(READY) types ## ruff, types, layers and limits
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(PYTEST) -q tests/style

types: $(READY) ## mypy, strict
	@$(BIN)/mypy

audit: $(READY) ## licences, bill of materials, hashes and known vulnerabilities of the packages, into audit/ (needs PyPI)
	@mkdir -p audit
	@[ -x $(VENV)-audit/bin/uv ] || { $(PYTHON) -m venv $(VENV)-audit && $(VENV)-audit/bin/python -m pip install -q $(AUDIT); }
	@$(VENV)-audit/bin/pip-licenses --python $(BIN)/python --format markdown --output-file audit/licences.md
	@$(VENV)-audit/bin/cyclonedx-py environment $(BIN)/python --of JSON -o audit/sbom.json
	@grep -v '^torch==' constraints.txt | $(VENV)-audit/bin/uv pip compile - -q --no-deps --generate-hashes --no-header \
		--no-annotate -o audit/constraints-hashes.txt > /dev/null
	@grep -o 'sha256:[0-9a-f]*' audit/constraints-hashes.txt > audit/hashes.txt
	@if grep -o 'sha256:[0-9a-f]*' constraints-hashes.txt | grep -vxFf audit/hashes.txt; then \
		echo 'make: the index has no files of these hashes of constraints-hashes.txt any more' >&2; exit 1; fi
	@$(VENV)-audit/bin/pip-audit -r constraints.txt --no-deps --disable-pip

wheel: $(READY) ## dist/*.whl, from clean
	@rm -rf build dist src/*.egg-info
	@$(PIP) wheel -q --no-deps --no-build-isolation -w dist .
	@ls dist/*.whl

clean: ## remove build products and caches; keeps .venv, data and runs
	@rm -rf build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	@find src tests data_modules callbacks benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
