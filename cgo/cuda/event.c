//go:build cuda

#include "sequence.h"

#include <time.h>

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void pause_briefly(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

CUresult inferd_cuda_event_query(CUcontext context, CUevent event)
{
	CUresult code = cuCtxSetCurrent(context);
	return code != CUDA_SUCCESS ? code : cuEventQuery(event);
}

CUresult inferd_cuda_event_wait(CUcontext context, CUevent event, int64_t spin_nanoseconds)
{
	int64_t deadline = now() + spin_nanoseconds;
	CUresult code = inferd_cuda_event_query(context, event);
	while (code == CUDA_ERROR_NOT_READY && now() < deadline) {
		pause_briefly();
		code = cuEventQuery(event);
	}
	return code == CUDA_ERROR_NOT_READY ? cuEventSynchronize(event) : code;
}
