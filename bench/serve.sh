#!/usr/bin/env bash
# Measures bin/inferd as a server beside a bare fasthttp echo, prints every figure with its bar and appends them to bench/results.
# Arguments are those of bench/serve: -only overhead,idle,company,memory,startup,overload,reloads; -overload 60s.
set -euo pipefail
cd "$(dirname "$0")/.."
results=bench/results/serve-$(date -u +%Y-%m-%d).jsonl
mkdir -p bench/results
program=$(mktemp)
plain=$(mktemp)
trap 'rm -f "$program" "$plain"' EXIT
go build -o "$program" ./bench/serve
go build -ldflags "-s -w" -o "$plain" ./daemon/inferd
"$program" -inferd bin/inferd -plain "$plain" -results "$results" "$@"
