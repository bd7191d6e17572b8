// A sequence: operations on a stream with everything resolved to addresses, which one call hands to the driver, one by one or as a graph.
#ifndef INFERD_CUDA_SEQUENCE_H
#define INFERD_CUDA_SEQUENCE_H

#include "loader.h"

// A function of somebody else's that puts work on the stream, such as a product of cuBLAS. 0 is success.
typedef int (*inferd_cuda_callable)(void *record, CUstream stream);

// What a submission returns where such a function fails and the context is whole: no code of the driver.
#define INFERD_CUDA_CALL_FAILED ((CUresult)-1)

enum inferd_cuda_kind {
	INFERD_CUDA_LAUNCH,
	INFERD_CUDA_COPY_TO_DEVICE,
	INFERD_CUDA_COPY_TO_HOST,
	INFERD_CUDA_COPY_ON_DEVICE,
	INFERD_CUDA_FILL,
	INFERD_CUDA_CALL,
};

struct inferd_cuda_launch {
	CUfunction function;
	uint32_t grid[3], block[3], shared_bytes;
	size_t argument_bytes;
	void *arguments; // the kernel's one parameter; the sequence owns it
};

struct inferd_cuda_operation {
	enum inferd_cuda_kind kind;
	struct inferd_cuda_launch launch;
	CUdeviceptr to, from; // of copies and fills, on the device
	void *host;           // the other end of a copy
	size_t bytes;
	unsigned char value; // of a fill
	inferd_cuda_callable callable;
	void *record;
};

struct inferd_cuda_sequence {
	CUcontext context;
	CUstream stream;
	CUgraphExec graph; // NULL until captured
	CUevent begin;     // recorded ahead of the work, where there is one
	struct inferd_cuda_operation *operations;
	size_t count, capacity;
	// What failed last: the driver's function, the operation or count where it was none, and what a callable returned.
	const char *call;
	size_t at;
	int status;
};

// Makes an empty sequence. NULL where there is no memory.
struct inferd_cuda_sequence *inferd_cuda_sequence_new(CUcontext context, CUstream stream);

// Appends a copy of the operation and of its kernel's arguments. 0 where there is no memory.
int inferd_cuda_sequence_append(struct inferd_cuda_sequence *s, const struct inferd_cuda_operation *operation, const void *arguments);

// Captures the operations into a graph, which later submissions launch. On failure the sequence is as it was.
CUresult inferd_cuda_sequence_capture(struct inferd_cuda_sequence *s);

// Hands the operations to the driver and records the event behind them, where there is one. It waits for nothing.
CUresult inferd_cuda_sequence_submit(struct inferd_cuda_sequence *s, CUevent done);

// Destroys the graph, if any, and frees the sequence.
CUresult inferd_cuda_sequence_free(struct inferd_cuda_sequence *s);

// Waits for an event: asks again and again for the given time, then sleeps.
CUresult inferd_cuda_event_wait(CUcontext context, CUevent event, int64_t spin_nanoseconds);

// Asks whether an event has happened: CUDA_SUCCESS or CUDA_ERROR_NOT_READY.
CUresult inferd_cuda_event_query(CUcontext context, CUevent event);

#endif
