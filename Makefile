# inferd. `make help` lists what there is to do.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PYTHON ?= python3
VENV := .venv
MODELS ?= bench/samples
CASES ?= ../shared/models
# Compiles the kernels at -O1, for tests that instrument or emulate them.
O1 := CC=$(CURDIR)/.ci/gcc-o1

ifneq ($(shell uname -s)-$(shell uname -m),Linux-x86_64)
$(error inferd supports Linux on x86-64 only, this is $(shell uname -s) on $(shell uname -m))
endif

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/inferd
	$(GO) build -ldflags "-s -w -X main.version=$(VERSION)" -o bin/inferd ./daemon/inferd

.PHONY: run
run: build ## serve the sample models on 127.0.0.1:8000 (MODELS=folder for others)
	bin/inferd serve --greet $(MODELS)

.PHONY: test
test: ## run the tests
	$(GO) test ./...

.PHONY: test-race
test-race: ## run the concurrent packages' tests under the race detector
	$(O1) $(GO) test -race ./daemon/scheduler/... ./daemon/engine/... ./daemon/repository/... ./daemon/httpserver/... ./kernels/cpu/runtime/...

.PHONY: test-sanitize
# AddressSanitizer allocates on its own account.
test-sanitize: ## run the kernels' cases under AddressSanitizer and UndefinedBehaviorSanitizer
	$(O1) CGO_CFLAGS='-g -fsanitize=undefined -fno-sanitize-recover=undefined' CGO_LDFLAGS=-fsanitize=undefined \
		$(GO) test -asan -skip AllocatesNothing ./kernels/cpu/... ./daemon/device/cpu/...

.PHONY: test-avx512
test-avx512: ## run the AVX-512 kernels' cases in emulation (needs Debian's libsimde-dev)
	$(O1) $(GO) test -tags avx512emu ./kernels/cpu/...

.PHONY: test-clients
test-clients: build $(VENV)/peers ## drive bin/inferd with the public tritonclient
	$(VENV)/bin/python bench/clients/test_tritonclient.py bin/inferd

.PHONY: fuzz
fuzz: ## fuzz every parser for FUZZTIME each (30s)
	bench/fuzz.sh $(or $(FUZZTIME),30s)

.PHONY: verify
verify: build ## check CASES/* (ONNX backend-test layout) against their reference outputs
	bin/inferd verify $(CASES)/*

.PHONY: bench
bench: build $(VENV)/peers ## time each of CASES beside onnxruntime, 1 and 2 threads, and rewrite bench/RESULTS.md
	bench/run.sh $(VENV) $(CASES)

.PHONY: bench-serve
bench-serve: build ## measure the server beside a bare fasthttp echo (needs wrk) and rewrite bench/RESULTS.md
	bench/serve.sh
	$(GO) run ./bench/report

.PHONY: models
models: $(VENV)/peers ## fetch all-MiniLM-L6-v2 and lay it out as models/minilm/1/model.onnx
	$(VENV)/bin/python bench/models/minilm.py models

.PHONY: check
check: ## vet, format, generated files, import directions
	test -z "$$(gofmt -l daemon kernels cgo bench)" || { gofmt -l daemon kernels cgo bench; echo "run gofmt"; exit 1; }
	$(GO) vet ./...
	$(GO) run ./kernels/cpu/abi/copyheaders -check
	$(GO) run ./daemon/device/devicetest/coverage | diff daemon/device/devicetest/ONNX_COVERAGE.md - || { echo "daemon/device/devicetest/ONNX_COVERAGE.md is stale: run make generate"; exit 1; }
	$(GO) run ./bench/report -check
	$(GO) test ./daemon/architecture
	$(GO) mod verify

.PHONY: generate
generate: ## refresh generated files
	$(GO) run ./kernels/cpu/abi/copyheaders
	$(GO) run ./daemon/device/devicetest/coverage > daemon/device/devicetest/ONNX_COVERAGE.md.new
	mv daemon/device/devicetest/ONNX_COVERAGE.md.new daemon/device/devicetest/ONNX_COVERAGE.md
	$(GO) run ./bench/report

# The Python packages that measurements and client tests use, pinned.
$(VENV)/peers: bench/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q -r bench/requirements.txt
	touch $@
