// Events: which recording of theirs a stream has reached, and when.
#ifndef INFERD_FAKE_EVENT_H
#define INFERD_FAKE_EVENT_H

#include "driver.h"

#include <condition_variable>

namespace fake {

// What an event's handle and the work on streams share.
class EventState {
public:
	uint64_t record(); // the number of a new recording
	uint64_t recorded();
	void complete(uint64_t number);
	void wait(uint64_t number);
	bool done();
	int64_t time(); // of the latest recording, in nanoseconds

private:
	std::mutex mutex_;
	std::condition_variable changed_;
	uint64_t recorded_ = 0, completed_ = 0;
	int64_t time_ = 0;
};

} // namespace fake

struct CUevent_st {
	CUcontext context;
	unsigned flags;
	std::shared_ptr<fake::EventState> state = std::make_shared<fake::EventState>();
};

namespace fake {

Table<CUevent_st> &events();

} // namespace fake

#endif
