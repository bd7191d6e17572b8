#include "event.h"

#include "stream.h"

#include <time.h>

namespace fake {

uint64_t EventState::record()
{
	Lock lock(mutex_);
	return ++recorded_;
}

uint64_t EventState::recorded()
{
	Lock lock(mutex_);
	return recorded_;
}

void EventState::complete(uint64_t number)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	Lock lock(mutex_);
	completed_ = std::max(completed_, number);
	time_ = t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
	changed_.notify_all();
}

void EventState::wait(uint64_t number)
{
	Lock lock(mutex_);
	changed_.wait(lock, [&] { return completed_ >= number; });
}

bool EventState::done()
{
	Lock lock(mutex_);
	return completed_ == recorded_;
}

int64_t EventState::time()
{
	Lock lock(mutex_);
	return time_;
}

Table<CUevent_st> &events()
{
	static auto *table = new Table<CUevent_st>;
	return *table;
}

} // namespace fake

using namespace fake;

extern "C" {

CUresult cuEventCreate(CUevent *event, unsigned flags)
{
	ENTER(context);
	if (!event || flags > (CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS))
		return CUDA_ERROR_INVALID_VALUE;
	auto made = std::make_shared<CUevent_st>();
	made->context = current();
	made->flags = flags;
	*event = events().add(made);
	return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent event)
{
	ENTER_RELEASE;
	if (!events().take(event))
		return CUDA_ERROR_INVALID_HANDLE;
	return call.code;
}

CUresult cuEventRecord(CUevent event, CUstream handle)
{
	ENTER(context);
	auto found = events().find(event);
	std::shared_ptr<CUstream_st> stream;
	if (!found || find_stream(handle, &stream) != CUDA_SUCCESS)
		return CUDA_ERROR_INVALID_HANDLE;
	if (stream->capture) { // the real driver captures it; nothing of ours needs that
		stream->invalidated = true;
		return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
	}
	auto state = found->state;
	uint64_t number = state->record();
	return submit(handle, {[state, number] { state->complete(number); return CUDA_SUCCESS; }, true});
}

// Asking in vain does not count as a call: how often somebody does is a matter of time, and calls are counted so that each can be made to fail.
CUresult cuEventQuery(CUevent event)
{
	auto found = events().find(event);
	if (found && !found->state->done() && current() && !current()->destroyed && current()->lost == CUDA_SUCCESS)
		return CUDA_ERROR_NOT_READY;
	ENTER(context);
	if (!found)
		return CUDA_ERROR_INVALID_HANDLE;
	if (!found->state->done())
		return CUDA_ERROR_NOT_READY;
	return found->context->lost;
}

CUresult cuEventSynchronize(CUevent event)
{
	ENTER(context);
	auto found = events().find(event);
	if (!found)
		return CUDA_ERROR_INVALID_HANDLE;
	found->state->wait(found->state->recorded());
	return found->context->lost;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end)
{
	ENTER(context);
	auto first = events().find(start), last = events().find(end);
	if (!first || !last || ((first->flags | last->flags) & CU_EVENT_DISABLE_TIMING) || !first->state->recorded() || !last->state->recorded())
		return CUDA_ERROR_INVALID_HANDLE;
	if (!first->state->done() || !last->state->done())
		return CUDA_ERROR_NOT_READY;
	*milliseconds = static_cast<float>(last->state->time() - first->state->time()) / 1e6f;
	return CUDA_SUCCESS;
}
}
