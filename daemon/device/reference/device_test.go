package reference

import (
	"testing"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/devicetest"
)

// TestDevice runs the cases through the whole compiler.
func TestDevice(t *testing.T) {
	d := New()
	devicetest.Run(t, devicetest.Setup{Devices: []device.Device{d}, Evaluator: d})
}
