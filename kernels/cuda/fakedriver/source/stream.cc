#include "stream.h"

#include "event.h"
#include "faults.h"
#include "graph.h"
#include "memory.h"

using namespace fake;

CUstream_st::CUstream_st(CUcontext context, unsigned flags, int priority)
	: context(context), flags(flags), priority(priority), thread_(&CUstream_st::work, this)
{
}

CUstream_st::~CUstream_st()
{
	{
		Lock lock(mutex_);
		closing_ = true;
	}
	changed_.notify_all();
	thread_.join();
}

void CUstream_st::push(Work work)
{
	Lock lock(mutex_);
	queue_.push_back(std::move(work));
	changed_.notify_all();
}

bool CUstream_st::idle()
{
	Lock lock(mutex_);
	return queue_.empty() && !busy_;
}

void CUstream_st::drain()
{
	Lock lock(mutex_);
	changed_.wait(lock, [this] { return queue_.empty() && !busy_; });
}

// The worker. Device memory is accessible from the first piece of work until there is none left.
void CUstream_st::work()
{
	std::unique_ptr<Access> access;
	Lock lock(mutex_);
	for (;;) {
		if (queue_.empty()) {
			access.reset();
			busy_ = false;
			changed_.notify_all();
			changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
			if (queue_.empty())
				return;
		}
		busy_ = true;
		Work next = std::move(queue_.front());
		queue_.pop_front();
		lock.unlock();
		if (!access)
			access = std::make_unique<Access>();
		if (next.always || context->lost == CUDA_SUCCESS) {
			CUresult code = run_guarded(next.run);
			if (code != CUDA_SUCCESS)
				context->lose(code);
		}
		lock.lock();
	}
}

namespace fake {
namespace {

thread_local std::weak_ptr<CUstream_st> captured; // by this thread
std::mutex default_mutex;

std::map<CUcontext, std::shared_ptr<CUstream_st>> &default_streams()
{
	static auto *list = new std::map<CUcontext, std::shared_ptr<CUstream_st>>;
	return *list;
}

std::shared_ptr<CUstream_st> default_stream(CUcontext context)
{
	Lock lock(default_mutex);
	auto &stream = default_streams()[context];
	if (!stream)
		stream = std::make_shared<CUstream_st>(context, CU_STREAM_DEFAULT, 0);
	return stream;
}

} // namespace

Table<CUstream_st> &streams()
{
	static auto *table = new Table<CUstream_st>;
	return *table;
}

CUresult find_stream(CUstream handle, std::shared_ptr<CUstream_st> *stream)
{
	*stream = handle ? streams().find(handle) : default_stream(current());
	return *stream ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// Finds a stream for a call that asks about its work, which ends a capture.
static CUresult find_running_stream(CUstream handle, std::shared_ptr<CUstream_st> *stream)
{
	CUresult code = find_stream(handle, stream);
	if (code != CUDA_SUCCESS || !(*stream)->capture)
		return code;
	(*stream)->invalidated = true;
	return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult submit(CUstream handle, Work work)
{
	std::shared_ptr<CUstream_st> stream;
	CUresult code = find_stream(handle, &stream);
	if (code != CUDA_SUCCESS)
		return code;
	if (stream->context != current())
		return CUDA_ERROR_INVALID_HANDLE;
	if (!stream->capture) {
		stream->push(std::move(work));
		return CUDA_SUCCESS;
	}
	if (stream->invalidated)
		return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
	stream->capture->nodes.push_back(std::move(work));
	return CUDA_SUCCESS;
}

CUresult prohibited_while_capturing()
{
	auto stream = captured.lock();
	if (!stream || !stream->capture)
		return CUDA_SUCCESS;
	stream->invalidated = true;
	return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

void drain_context(CUcontext context)
{
	for (auto &stream : streams().of(context))
		stream->drain();
	Lock lock(default_mutex);
	auto at = default_streams().find(context);
	if (at != default_streams().end())
		at->second->drain();
}

void end_default_stream(CUcontext context)
{
	Lock lock(default_mutex);
	default_streams().erase(context);
}

} // namespace fake

extern "C" {

CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int priority)
{
	ENTER(context);
	if (!stream || flags > CU_STREAM_NON_BLOCKING)
		return CUDA_ERROR_INVALID_VALUE;
	*stream = streams().add(std::make_shared<CUstream_st>(current(), flags, priority));
	return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream *stream, unsigned flags) { return cuStreamCreateWithPriority(stream, flags, 0); }

CUresult cuStreamDestroy(CUstream handle)
{
	ENTER_RELEASE;
	if (!streams().take(handle))
		return CUDA_ERROR_INVALID_HANDLE;
	return call.code;
}

CUresult cuStreamSynchronize(CUstream handle)
{
	ENTER(context);
	std::shared_ptr<CUstream_st> stream;
	CUresult code = find_running_stream(handle, &stream);
	if (code != CUDA_SUCCESS)
		return code;
	stream->drain();
	return stream->context->lost;
}

CUresult cuStreamQuery(CUstream handle)
{
	ENTER(context);
	std::shared_ptr<CUstream_st> stream;
	CUresult code = find_running_stream(handle, &stream);
	if (code != CUDA_SUCCESS)
		return code;
	return stream->idle() ? stream->context->lost.load() : CUDA_ERROR_NOT_READY;
}

CUresult cuStreamGetFlags(CUstream handle, unsigned *flags)
{
	ENTER(context);
	auto stream = streams().find(handle);
	if (!stream)
		return CUDA_ERROR_INVALID_HANDLE;
	*flags = stream->flags;
	return CUDA_SUCCESS;
}

CUresult cuStreamGetPriority(CUstream handle, int *priority)
{
	ENTER(context);
	auto stream = streams().find(handle);
	if (!stream)
		return CUDA_ERROR_INVALID_HANDLE;
	*priority = stream->priority;
	return CUDA_SUCCESS;
}

CUresult cuStreamBeginCapture(CUstream handle, CUstreamCaptureMode mode)
{
	ENTER(context);
	auto stream = streams().find(handle); // the default stream cannot be captured
	if (!stream)
		return handle ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
	if (stream->capture)
		return CUDA_ERROR_ILLEGAL_STATE;
	if (mode != CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
		return CUDA_ERROR_NOT_SUPPORTED; // of the fake alone
	stream->capture = std::make_shared<CUgraph_st>(stream->context);
	stream->invalidated = false;
	captured = stream;
	return CUDA_SUCCESS;
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph *graph)
{
	ENTER_RELEASE;
	auto stream = streams().find(handle);
	if (!stream)
		return CUDA_ERROR_INVALID_HANDLE;
	if (!stream->capture)
		return CUDA_ERROR_ILLEGAL_STATE;
	*graph = nullptr;
	if (captured.lock() != stream)
		return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
	auto taken = std::move(stream->capture);
	stream->capture = nullptr;
	captured.reset();
	if (stream->invalidated)
		return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
	if (call.code == CUDA_SUCCESS)
		*graph = graphs().add(std::move(taken));
	return call.code;
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent event, unsigned)
{
	ENTER(context);
	auto found = events().find(event);
	if (!found)
		return CUDA_ERROR_INVALID_HANDLE;
	auto state = found->state;
	uint64_t recorded = state->recorded();
	return submit(handle, {[state, recorded] { state->wait(recorded); return CUDA_SUCCESS; }, true});
}

int inferd_fake_capturing(CUstream handle)
{
	auto stream = streams().find(handle);
	return stream && stream->capture;
}

CUresult inferd_fake_enqueue(CUstream handle, void (*work)(const void *), const void *record, size_t bytes)
{
	auto *first = static_cast<const char *>(record);
	std::vector<char> copy(first, first + bytes);
	return submit(handle, {[work, copy] { work(copy.data()); return CUDA_SUCCESS; }});
}
}
