// Streams: a thread each, which does the stream's work in order, so that what is asynchronous in the real driver is so here.
#ifndef INFERD_FAKE_STREAM_H
#define INFERD_FAKE_STREAM_H

#include "driver.h"

#include <condition_variable>
#include <deque>
#include <thread>

struct CUstream_st {
	CUstream_st(CUcontext context, unsigned flags, int priority);
	~CUstream_st(); // finishes the work

	void push(fake::Work work);
	void drain();
	bool idle();

	const CUcontext context;
	const unsigned flags;
	const int priority;
	std::shared_ptr<CUgraph_st> capture; // what work is added to instead of being done
	bool invalidated = false;            // the capture met something that cannot be captured

private:
	void work();

	std::mutex mutex_;
	std::condition_variable changed_;
	std::deque<fake::Work> queue_;
	bool busy_ = false, closing_ = false;
	std::thread thread_;
};

namespace fake {

Table<CUstream_st> &streams();

// The stream that a handle names. 0, the default stream, is one per context.
CUresult find_stream(CUstream handle, std::shared_ptr<CUstream_st> *stream);

// Puts work on a stream, or into the graph that captures it.
CUresult submit(CUstream handle, Work work);

// What a function returns that must not be called while the calling thread captures a stream; it also spoils the capture.
CUresult prohibited_while_capturing();

// Waits for all work of a context.
void drain_context(CUcontext context);

// Ends the thread of a context's default stream.
void end_default_stream(CUcontext context);

} // namespace fake

#endif
