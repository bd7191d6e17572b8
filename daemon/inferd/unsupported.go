//go:build !(linux && amd64)

package main

// The compiler's message about this undefined name is the one line that says what is wrong.
var _ = inferd_supports_Linux_on_x86_64_only
