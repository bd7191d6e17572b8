//go:build cuda

#include "sequence.h"

#include <string.h>

// Keeps the code's cause and returns it, where it is a failure.
#define ATTEMPT(s, function, ...) \
	do { \
		CUresult code_ = function(__VA_ARGS__); \
		if (code_ != CUDA_SUCCESS) \
			return (s)->call = #function, code_; \
	} while (0)

struct inferd_cuda_sequence *inferd_cuda_sequence_new(CUcontext context, CUstream stream)
{
	struct inferd_cuda_sequence *s = calloc(1, sizeof *s);
	if (s != NULL) {
		s->context = context;
		s->stream = stream;
	}
	return s;
}

static int grow(struct inferd_cuda_sequence *s)
{
	size_t capacity = s->capacity == 0 ? 16 : 2 * s->capacity;
	void *operations = realloc(s->operations, capacity * sizeof *s->operations);
	if (operations == NULL)
		return 0;
	s->operations = operations;
	s->capacity = capacity;
	return 1;
}

int inferd_cuda_sequence_append(struct inferd_cuda_sequence *s, const struct inferd_cuda_operation *operation, const void *arguments)
{
	if (s->count == s->capacity && !grow(s))
		return 0;
	struct inferd_cuda_operation *o = &s->operations[s->count];
	*o = *operation;
	if (o->launch.argument_bytes > 0) {
		o->launch.arguments = malloc(o->launch.argument_bytes);
		if (o->launch.arguments == NULL)
			return 0;
		memcpy(o->launch.arguments, arguments, o->launch.argument_bytes);
	}
	s->count++;
	return 1;
}

static CUresult launch(struct inferd_cuda_sequence *s, const struct inferd_cuda_launch *l)
{
	size_t bytes = l->argument_bytes;
	void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, l->arguments, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
	ATTEMPT(s, cuLaunchKernel, l->function, l->grid[0], l->grid[1], l->grid[2], l->block[0], l->block[1], l->block[2], l->shared_bytes, s->stream, NULL, extra);
	return CUDA_SUCCESS;
}

// A callable that fails may have met the end of the context, which matters more than what it says itself. A stream that is captured cannot be asked.
static CUresult call(struct inferd_cuda_sequence *s, const struct inferd_cuda_operation *o, int capturing)
{
	s->status = o->callable(o->record, s->stream);
	if (s->status == 0)
		return CUDA_SUCCESS;
	s->call = "call";
	CUresult code = capturing ? CUDA_SUCCESS : cuStreamQuery(s->stream);
	return code == CUDA_SUCCESS || code == CUDA_ERROR_NOT_READY ? INFERD_CUDA_CALL_FAILED : code;
}

static CUresult issue_one(struct inferd_cuda_sequence *s, const struct inferd_cuda_operation *o, int capturing)
{
	switch (o->kind) {
	case INFERD_CUDA_LAUNCH:
		return launch(s, &o->launch);
	case INFERD_CUDA_COPY_TO_DEVICE:
		ATTEMPT(s, cuMemcpyHtoDAsync, o->to, o->host, o->bytes, s->stream);
		break;
	case INFERD_CUDA_COPY_TO_HOST:
		ATTEMPT(s, cuMemcpyDtoHAsync, o->host, o->from, o->bytes, s->stream);
		break;
	case INFERD_CUDA_COPY_ON_DEVICE:
		ATTEMPT(s, cuMemcpyDtoDAsync, o->to, o->from, o->bytes, s->stream);
		break;
	case INFERD_CUDA_FILL:
		ATTEMPT(s, cuMemsetD8Async, o->to, o->value, o->bytes, s->stream);
		break;
	case INFERD_CUDA_CALL:
		return call(s, o, capturing);
	}
	return CUDA_SUCCESS;
}

static CUresult issue(struct inferd_cuda_sequence *s, int capturing)
{
	CUresult code = CUDA_SUCCESS;
	for (s->at = 0; s->at < s->count && code == CUDA_SUCCESS; s->at++)
		code = issue_one(s, &s->operations[s->at], capturing);
	if (code != CUDA_SUCCESS)
		s->at--;
	return code;
}

// Captures into a graph that the caller destroys. A capture that began is ended whatever happens, or the stream would be of no use any more.
static CUresult capture(struct inferd_cuda_sequence *s, CUgraph *graph)
{
	ATTEMPT(s, cuStreamBeginCapture, s->stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
	CUresult failure = issue(s, 1);
	CUresult ended = cuStreamEndCapture(s->stream, graph);
	if (failure == CUDA_SUCCESS && ended != CUDA_SUCCESS)
		s->call = "cuStreamEndCapture";
	return failure != CUDA_SUCCESS ? failure : ended;
}

// Makes the graph executable and sends it to the device now, so that the first request does not pay for it.
static CUresult instantiate(struct inferd_cuda_sequence *s, CUgraph graph)
{
	CUgraphExec executable;
	ATTEMPT(s, cuGraphInstantiateWithFlags, &executable, graph, 0);
	CUresult code = cuGraphUpload(executable, s->stream);
	if (code != CUDA_SUCCESS) {
		s->call = "cuGraphUpload";
		cuGraphExecDestroy(executable);
		return code;
	}
	s->graph = executable;
	return CUDA_SUCCESS;
}

CUresult inferd_cuda_sequence_capture(struct inferd_cuda_sequence *s)
{
	s->at = s->count;
	ATTEMPT(s, cuCtxSetCurrent, s->context);
	CUgraph graph = NULL;
	CUresult code = capture(s, &graph);
	if (code == CUDA_SUCCESS)
		code = instantiate(s, graph);
	if (graph != NULL)
		cuGraphDestroy(graph); // the executable graph does not need it
	return code;
}

CUresult inferd_cuda_sequence_submit(struct inferd_cuda_sequence *s, CUevent done)
{
	s->at = s->count;
	ATTEMPT(s, cuCtxSetCurrent, s->context);
	if (s->begin != NULL)
		ATTEMPT(s, cuEventRecord, s->begin, s->stream);
	if (s->graph != NULL) {
		ATTEMPT(s, cuGraphLaunch, s->graph, s->stream);
	} else {
		CUresult code = issue(s, 0);
		if (code != CUDA_SUCCESS)
			return code;
	}
	if (done != NULL)
		ATTEMPT(s, cuEventRecord, done, s->stream);
	return CUDA_SUCCESS;
}

CUresult inferd_cuda_sequence_free(struct inferd_cuda_sequence *s)
{
	CUresult code = CUDA_SUCCESS;
	if (s->graph != NULL) {
		code = cuCtxSetCurrent(s->context);
		CUresult destroyed = cuGraphExecDestroy(s->graph);
		code = code != CUDA_SUCCESS ? code : destroyed;
	}
	for (size_t i = 0; i < s->count; i++)
		free(s->operations[i].launch.arguments);
	free(s->operations);
	free(s);
	return code;
}
