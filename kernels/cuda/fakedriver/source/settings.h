// What the fake driver pretends to be. Everything is read from the environment at the first use.
#ifndef INFERD_FAKE_SETTINGS_H
#define INFERD_FAKE_SETTINGS_H

#include <cuda.h>

#include <atomic>
#include <string>

namespace fake {

struct Settings {
	int version;                  // INFERD_FAKE_VERSION: of CUDA, 1000 * major + 10 * minor
	CUresult initialisation;      // INFERD_FAKE_INIT: what cuInit returns
	int devices;                  // INFERD_FAKE_DEVICES
	int capability;               // INFERD_FAKE_CAPABILITY: 10 * major + minor
	bool partitioned;             // INFERD_FAKE_MIG: devices are parts of one
	bool protects;                // INFERD_FAKE_PROTECT: the host cannot touch device memory
	std::string kernels;          // INFERD_FAKE_KERNELS: the library of emulated kernels
	std::atomic<size_t> memory;   // INFERD_FAKE_MEMORY: bytes of each device
	std::atomic<long> latency_ns; // INFERD_FAKE_LATENCY: nanoseconds that a kernel takes at least
};

Settings &settings();

} // namespace fake

#endif
