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
# The product: with the GPU part, which needs our declarations of the driver (an absolute path: the module gorgonia.org/cu reads them too).
CUDA_TAG := -tags cuda
export CGO_CFLAGS := $(or $(CGO_CFLAGS),-O2 -g) -I$(CURDIR)/cgo/cuda/include
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
	$(GO) build $(CUDA_TAG) -ldflags "-s -w -X main.version=$(VERSION)" -o bin/inferd ./daemon/inferd

.PHONY: run
run: build ## serve the sample models on 127.0.0.1:8000 (MODELS=folder for others)
	bin/inferd serve --greet $(MODELS)

.PHONY: test
test: ## run the tests
	$(GO) test ./...
	$(GO) test $(CUDA_TAG) ./cgo/... ./daemon/device/cuda/... ./daemon/inferd/...

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

# What a host with a GPU needs to check and measure everything: no Go, no network. Reference models go along where they lie beside the repository.
KIT := .gpu-kit
KIT_MODELS ?= digits_logreg lightgbm_300 lstm_tagger mlp random_forest tabular_mixed xgboost_500
.PHONY: gpu-kit
gpu-kit: build ## pack .gpu-kit, to be copied to a host with a GPU: bench/gpu/README.md
	rm -rf $(KIT) && mkdir -p $(KIT)/models
	cp bin/inferd bench/gpu/verify bench/gpu/*.py $(KIT)
	cp -r bench/samples $(KIT)/samples
	$(GO) test $(CUDA_TAG) -c -ldflags "-s -w" -o $(KIT)/device-tests ./daemon/device/cuda
	for model in $(KIT_MODELS); do [ ! -d $(CASES)/$$model ] || cp -r $(CASES)/$$model $(KIT)/models; done
	@bytes=$$(du -sb $(KIT) | cut -f1); echo "$(KIT): $$bytes bytes"; [ $$bytes -le 64000000 ] || { echo "more than 64 MB"; exit 1; }

.PHONY: models
models: $(VENV)/peers ## fetch all-MiniLM-L6-v2 and lay it out as models/minilm/1/model.onnx
	$(VENV)/bin/python bench/models/minilm.py models

.PHONY: check
check: ## vet, format, generated files, import directions
	test -z "$$(gofmt -l daemon kernels cgo bench)" || { gofmt -l daemon kernels cgo bench; echo "run gofmt"; exit 1; }
	$(GO) vet ./...
	$(GO) vet $(CUDA_TAG) ./...
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

# The CUDA compiler, five packages of Python's index, unpacked; users need none of it, because its output is committed.
CUDA := .cuda/nvidia/cu13
CUDA_PACKAGES := nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85
NVCC := $(CUDA)/bin/nvcc -std=c++17 -O3 -fatbin -compress-mode=size \
	$(foreach capability,75 80 90a 100 120,-gencode arch=compute_$(capability),code=sm_$(capability)) -gencode arch=compute_75,code=compute_75
KERNELS := $(wildcard kernels/cuda/*.cu)

.PHONY: kernels
kernels: $(KERNELS:.cu=.fatbin) ## compile the CUDA kernels into the committed fat binaries (-j2: two at a time)

kernels/cuda/%.fatbin: kernels/cuda/%.cu $(wildcard kernels/cuda/*.cuh) | $(CUDA)/installed
	$(NVCC) $< -o $@

.PHONY: check-kernels
check-kernels: $(KERNELS:kernels/cuda/%.cu=.cuda/check/%.fatbin) ## compile the CUDA kernels anew and compare with what is committed
	@for fresh in $^; do cmp $$fresh kernels/cuda/$$(basename $$fresh) || { echo "kernels/cuda/$$(basename $$fresh) is stale: run make kernels"; exit 1; }; done
	@bytes=$$(cat kernels/cuda/*.fatbin | wc -c); echo "$$bytes bytes of fat binaries"; [ $$bytes -le 8388608 ] || { echo "more than 8 MiB"; exit 1; }

# Not from the committed ones, which are what is in question.
.cuda/check/%.fatbin: kernels/cuda/%.cu $(wildcard kernels/cuda/*.cuh) | $(CUDA)/installed
	@mkdir -p $(@D)
	$(NVCC) $< -o $@.new && mv $@.new $@

$(CUDA)/installed:
	$(PYTHON) -m pip install -q --no-deps --target .cuda $(CUDA_PACKAGES)
	touch $@

# The Python packages that measurements and client tests use, pinned.
$(VENV)/peers: bench/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q -r bench/requirements.txt
	touch $@
