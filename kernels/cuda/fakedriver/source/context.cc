#include "context.h"

#include "event.h"
#include "graph.h"
#include "memory.h"
#include "module.h"
#include "stream.h"

namespace fake {
namespace {

struct Primary {
	CUcontext context = nullptr;
	unsigned flags = 0;
};

std::mutex mutex;

Primary &primary(CUdevice device)
{
	static auto *list = new std::map<CUdevice, Primary>;
	return (*list)[device];
}

bool exists(CUdevice device) { return device >= 0 && device < settings().devices; }

template <typename T> int64_t abandon(Table<T> &table, CUcontext context)
{
	int64_t count = 0;
	for (auto &object : table.of(context))
		count += table.take(object.get()) != nullptr;
	return count;
}

void end(Primary *p)
{
	destroy_context(p->context);
	p->context = nullptr;
}

} // namespace

int64_t live_contexts()
{
	Lock lock(mutex);
	int64_t count = 0;
	for (CUdevice device = 0; device < settings().devices; device++)
		count += primary(device).context != nullptr;
	return count;
}

void destroy_context(CUcontext context)
{
	drain_context(context);
	end_default_stream(context);
	abandoned += abandon(streams(), context) + abandon(events(), context) + abandon(executables(), context) + abandon(graphs(), context);
	abandoned += abandon(modules(), context) + free_memory(context);
	context->destroyed = true;
}

} // namespace fake

using namespace fake;

extern "C" {

CUresult cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned flags)
{
	ENTER(nothing);
	if (!exists(device))
		return CUDA_ERROR_INVALID_DEVICE;
	Lock lock(mutex);
	primary(device).flags = flags;
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active)
{
	ENTER(nothing);
	if (!exists(device))
		return CUDA_ERROR_INVALID_DEVICE;
	Lock lock(mutex);
	*flags = primary(device).flags;
	*active = primary(device).context != nullptr;
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
	ENTER(nothing);
	if (!exists(device))
		return CUDA_ERROR_INVALID_DEVICE;
	Lock lock(mutex);
	Primary &p = primary(device);
	if (!p.context) {
		p.context = new CUctx_st; // never freed: see CUctx_st
		p.context->device = device;
		p.context->flags = p.flags;
	}
	p.context->retains++;
	*context = p.context;
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device)
{
	fake::Call call(__func__, Needs::nothing); // fails, where ordered, after the release
	if (!exists(device))
		return CUDA_ERROR_INVALID_DEVICE;
	Lock lock(mutex);
	Primary &p = primary(device);
	if (!p.context)
		return CUDA_ERROR_INVALID_CONTEXT;
	if (--p.context->retains == 0)
		end(&p);
	return call.code;
}

CUresult cuDevicePrimaryCtxReset(CUdevice device)
{
	fake::Call call(__func__, Needs::nothing); // likewise
	if (!exists(device))
		return CUDA_ERROR_INVALID_DEVICE;
	Lock lock(mutex);
	if (primary(device).context)
		end(&primary(device));
	return call.code;
}

CUresult cuCtxSetCurrent(CUcontext context)
{
	ENTER(nothing);
	if (context && context->destroyed)
		return CUDA_ERROR_CONTEXT_IS_DESTROYED;
	set_current(context);
	return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext *context)
{
	ENTER(nothing);
	*context = current();
	return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice *device)
{
	ENTER(context);
	*device = current()->device;
	return CUDA_SUCCESS;
}

CUresult cuCtxGetFlags(unsigned *flags)
{
	ENTER(context);
	*flags = current()->flags;
	return CUDA_SUCCESS;
}

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
	ENTER(context);
	*least = 0;
	*greatest = -5;
	return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize(void)
{
	ENTER(context);
	CUresult code = prohibited_while_capturing();
	if (code != CUDA_SUCCESS)
		return code;
	drain_context(current());
	return current()->lost;
}
}
