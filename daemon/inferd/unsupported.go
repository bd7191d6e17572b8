//go:build !(linux && amd64 && cgo)

package main

// On other platforms this is the package's only file, so the build says one thing.
var _ = inferd_supports_Linux_on_x86_64_only_and_needs_cgo_with_gcc
