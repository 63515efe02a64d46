# Two commands matter: `make demo` and `make test`. Both first build .venv from the hashed lock.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PY     := $(BIN)/python
BOARD  := .venv-tflite

.DEFAULT_GOAL := help
.PHONY: help demo test lint types contracts unit test-edge test-android coverage bench bench-android lock system-deps clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: requirements/dev.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "error: PYTHON: Python 3.11, 3.12 or 3.13 is needed. Received: $$($(PYTHON) --version 2>&1). Run: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# What a small board has: tflite-runtime, whose wheels end at Python 3.11, and NumPy 1.
$(BOARD)/.ready: requirements/tflite-runtime.lock
	@for python in $(PYTHON) python3.11; do \
	  $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || continue; \
	  $$python -m venv --clear $(BOARD) && \
	  $(BOARD)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tflite-runtime.lock && \
	  touch $@; exit; \
	done; \
	if [ "$$CI" = true ]; then \
	  echo "error: the tests with tflite-runtime cannot be skipped with CI=true. They need Python 3.11, as python3.11" >&2; exit 1; \
	fi; \
	echo "skipped: the tests with tflite-runtime, which needs Python 3.11. Install it as python3.11, then run: make test-edge" >&2

# The tests of what runs on a board, in the board's own environment.
BOARD_TESTS := $(patsubst %,tests/test_edge_%.py,golden tflite runtime card hints fusion enlarge jpeg example) \
               $(patsubst %,tests/test_colorize_%.py,command failures processes)
ON_BOARD = @if [ -e $(BOARD)/.ready ]; then PYTHONPATH=. $(BOARD)/bin/python -m pytest $(BOARD_TESTS); fi

demo: $(VENV)/.ready  ## colorize a sample photo, before and after side by side
	rm -rf out/demo && mkdir -p out/demo
	$(PY) -c 'from PIL import Image; from skimage import data; Image.fromarray(data.chelsea()).convert("L").save("out/demo/cat.jpg")'
	$(BIN)/colorize out/demo/cat.jpg --side-by-side
	@echo "before | after: out/demo/cat.colorized.jpg"

test: lint types contracts unit test-android  ## everything that must hold: lint, types, import contracts, tests

lint: $(VENV)/.ready  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready  ## mypy, strict on the TensorFlow-free modules
	$(BIN)/mypy

contracts: $(VENV)/.ready  ## import-linter: who may import whom
	$(BIN)/lint-imports

unit: $(VENV)/.ready $(BOARD)/.ready  ## pytest, two workers
	$(PY) -m pytest -n 2 --dist loadscope
	$(ON_BOARD)

test-edge: $(VENV)/.ready $(BOARD)/.ready  ## the edge alone, in every runtime
	$(PY) -m pytest -n 2 --dist loadscope tests/test_edge_*.py tests/test_colorize_*.py
	$(ON_BOARD)

test-android:  ## the Android app without a phone: build, screens, APK, arm64 library (Java 17, Maven)
	@android_demo/test.sh

coverage: $(VENV)/.ready $(BOARD)/.ready  ## the tests again, with branch coverage
	$(PY) -m pytest -n 2 --dist loadscope --cov --cov-report=term

bench: $(VENV)/.ready  ## speed of training, of the data pipeline and of the edge, beside its bounds (quiet machine, please)
	$(PY) benchmarks/train_step.py
	$(PY) benchmarks/networks_step.py
	$(PY) benchmarks/real_data_step.py
	$(PY) -m colorize_tf.pipeline bench synthetic:200,size=480x640
	$(PY) benchmarks/edge.py --photos 500 --huge
	mkdir -p out
	$(PY) benchmarks/untrained.py out/unet.tflite --preset pix2pix-lab --recipe float32
	$(PY) benchmarks/latency.py colorize_tf/edge/mobile.tflite colorize_tf/edge/mobile-float16.tflite out/unet.tflite

bench-android: $(VENV)/.ready  ## the app's arithmetic beside Python's on one thread, and its memory (quiet machine, please)
	cd android_demo && mvn --batch-mode --quiet --no-transfer-progress --projects core process-test-classes
	$(PY) android_demo/tools/bench.py

lock: $(VENV)/.ready  ## resolve the dependencies anew (needs uv)
	uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-header -c requirements/constraints.txt --extra dev setup.cfg -o requirements/dev.lock
	uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-header -c requirements/constraints.txt setup.cfg -o requirements/edge.lock
	uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header requirements/tflite-runtime.in -o requirements/tflite-runtime.lock

SYSTEM_PACKAGES := make python3-venv \
  openjdk-17-jdk-headless maven aapt zipalign apksigner unzip qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross
system-deps:  ## Debian and Ubuntu packages that the tests need
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  dpkg -s $(SYSTEM_PACKAGES) >/dev/null 2>&1 || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(SYSTEM_PACKAGES); }; \
	else echo "system-deps: needs root and apt-get; install by hand: $(SYSTEM_PACKAGES)"; fi

clean:  ## remove what the commands above made
	rm -rf $(VENV) $(BOARD) out build android_demo/target android_demo/*/target *.egg-info .coverage* .hypothesis
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
