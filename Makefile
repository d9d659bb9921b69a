# Everything runs in environments of its own: .venv-demo holds the runtime with video, .venv what developers need.
PYTHON ?= python3

.PHONY: demo check test quick lint docs bench bench-video explorer clean

demo: .venv-demo/.installed
	.venv-demo/bin/python samples/demo.py demo-out

# Before every commit: lint and types beside the quick tests, under a minute on two cores.
check: .venv/.installed
	$(MAKE) --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) lint quick

# Everything, as CI does: see the markers in pyproject.toml. One process for each core, at most four: each takes up to
# 1.5 GB. All tests of a file run in the same process, in order. For pytest's other options: make test ARGS="-x".
test: .venv/.installed
	.venv/bin/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder $(ARGS)

quick: .venv/.installed
	.venv/bin/python -m pytest -m "not slow and not network and not browser and not cluster"

lint: .venv/.installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright
	.venv/bin/lint-imports

# docs/reference/command-line.md from the help of the commands, and the site in build/site. A link that leads nowhere
# is an error.
docs: .venv/.installed
	.venv/bin/python docs/command_line.py
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet

# Compares every model with other tools: docs/reference/benchmarks.md. DATA: folder of the test sets, see
# benchmarks/compare.py; its other options go into ARGS, for example ARGS="--quick". An interrupted run continues where it
# stopped. Do nothing else on the machine meanwhile.
bench: .venv/.installed
	@test -n "$(DATA)" || { echo "expected: make bench DATA=folder-of-test-sets"; exit 2; }
	.venv/bin/python -m pip install --quiet -c constraints.txt -e '.[bench]'
	.venv/bin/python benchmarks/compare.py --data "$(DATA)" $(ARGS)

# Compares denoisers on clips: docs/reference/video.md. DATA: folder of the clips, see benchmarks/clips.py.
bench-video: .venv/.installed
	@test -n "$(DATA)" || { echo "expected: make bench-video DATA=folder-of-clips"; exit 2; }
	.venv/bin/python benchmarks/clips.py --data "$(DATA)" $(ARGS)

# ONNX Runtime for browsers, into the package: a wheel that is built afterwards carries it.
explorer: .venv/.installed
	.venv/bin/nitido explore --install --into runtime/nitido/web/pages/engine

# Not an editable install, so whatever goes into the wheel is looked at.
.venv-demo/.installed: pyproject.toml constraints.txt $(shell find runtime train models -name '*.py' -o -name '*.onnx')
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet --upgrade pip
	.venv-demo/bin/python -m pip install --quiet -c constraints.txt '.[video]'
	touch $@

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --upgrade pip
	.venv/bin/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv .venv-demo demo-out
