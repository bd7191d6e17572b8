#!/usr/bin/env bash
# Fuzzes every fuzz target of the repository for the given time each. Found inputs stay in the package's testdata.
set -euo pipefail
cd "$(dirname "$0")/.."
duration=${1:-30s}
targets=0
while IFS=: read -r file target; do
	echo "fuzz $target in $(dirname "$file") for $duration"
	output=$(go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$duration" 2>&1) && status=0 || status=$?
	printf '%s\n' "$output"
	# The go tool now and then reports its own deadline at the end of -fuzztime as a failure. A real one writes the input that it found.
	if [ "$status" -ne 0 ]; then
		if grep -q 'context deadline exceeded' <<<"$output" && ! grep -q 'Failing input written' <<<"$output"; then
			echo "fuzz $target: the time was over while an input ran; nothing was found"
		else
			exit "$status"
		fi
	fi
	targets=$((targets + 1))
done < <(grep -rHoE '^func Fuzz[A-Za-z0-9]+' --include='*_test.go' daemon kernels cgo | sed 's/func //')
if [ "$targets" -eq 0 ]; then
	echo "no fuzz targets found" >&2
	exit 1
fi
