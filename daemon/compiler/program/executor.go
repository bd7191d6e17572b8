package program

// Executor runs a program on a device that works by itself, with several runs under way. It is safe for concurrent use.
type Executor interface {
	// Acquire returns what one run needs, or nil while all of it is in use. An error means that the device runs nothing any more.
	Acquire() (Slot, error)
	// Close frees what the program holds on the device. No run may be under way.
	Close()
}

// Slot is memory and a place in the device's queue for one run of the program.
type Slot interface {
	// Frame says where inputs and outputs lie in memory that the host writes and reads, and after the run holds what steps left in it.
	// It is the caller's until Submit, and again from Complete until Release.
	Frame() *Frame
	// Submit starts the run and returns. Unless it returns an error it calls done.Complete once, from another goroutine.
	Submit(done Completion) error
	// Release gives the slot back.
	Release()
}

// Completion hears that a run is over. The error is a *DataError where the content of an input is at fault.
type Completion interface{ Complete(err error) }

// DeviceError says that a device failed: the run is lost, and where Lost is set all later ones would be.
type DeviceError struct {
	Device string
	Lost   bool
	Err    error
}

func (e *DeviceError) Error() string { return e.Device + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *DeviceError) Unwrap() error { return e.Err }
