#!/usr/bin/env bash
# Times every case beside onnxruntime, appends the figures to bench/results and rewrites bench/RESULTS.md.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:?usage: bench/run.sh VENV CASES}
cases=${2:?usage: bench/run.sh VENV CASES}
mkdir -p bench/results
library=$(echo "$venv"/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*)
results=bench/results/models-$(date -u +%Y-%m-%d).jsonl
go run ./bench/compare -library "$library" -cases "$cases" -results "$results"
go run ./bench/report
