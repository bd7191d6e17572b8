package device

import "time"

// Observed is a device whose load can be asked at any time, for metrics.
type Observed interface {
	Device
	// Busy is for how long the device has had work since it was opened. Work that overlaps counts once.
	Busy() time.Duration
	// Memory is its free and total memory in bytes, counting all processes.
	Memory() (free, total int64, err error)
}
