package reference

import (
	"testing"

	"github.com/inferd/inferd/daemon/device/devicetest"
)

// TestDevice runs the cases through the whole compiler.
func TestDevice(t *testing.T) {
	d := New()
	devicetest.Run(t, devicetest.Setup{Device: d, Evaluator: d})
}
