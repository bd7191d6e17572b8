// How tests steer the fake driver: exported beside the driver's own functions. Settings that hold from the start come from the environment, see
// settings.h.
#ifndef INFERD_FAKE_CONTROL_H
#define INFERD_FAKE_CONTROL_H

#include <cuda.h>

#ifdef __cplusplus
extern "C" {
#endif

// What is alive, and what was still alive when its context was destroyed.
struct inferd_fake_report {
	int64_t contexts, modules, streams, events, graphs, executables, device_allocations, pinned_allocations;
	int64_t device_bytes, pinned_bytes;
	int64_t abandoned;   // objects that their context took with it
	int64_t corruptions; // allocations that were written to beyond their ends
	int64_t library;     // objects of the fake cuBLASLt
};

// Lets the nth call from now of a function fail; NULL means any function, "kernel" a kernel while it runs. A sticky failure loses the context: every later
// call in it fails too. A function that gives something up does so and then reports the failure, as the real one does. 0 takes the order back.
void inferd_fake_fail(const char *function, long nth, CUresult code, int sticky);

// The function that failed by order, or NULL where none has yet.
const char *inferd_fake_failed(void);

// The number of calls of the driver so far, without those that asked in vain whether an event has happened.
long inferd_fake_calls(void);

// How long every kernel takes at least.
void inferd_fake_set_latency(long nanoseconds);

// How much memory each device has.
void inferd_fake_set_memory(size_t bytes);

void inferd_fake_get_report(struct inferd_fake_report *report);

// For the fake cuBLASLt: counts a call and says how it is to fail, counts objects, and puts work on a stream with a copy of its record, captured like any other.
CUresult inferd_fake_enter(const char *function, int needs_context);
void inferd_fake_count(int64_t objects);
int inferd_fake_capturing(CUstream stream);
CUresult inferd_fake_enqueue(CUstream stream, void (*work)(const void *record), const void *record, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
