// The objects behind the driver's handles, and what every one of its functions begins with.
#ifndef INFERD_FAKE_DRIVER_H
#define INFERD_FAKE_DRIVER_H

#include "control.h"
#include "settings.h"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

// A context outlives its destruction, so that whoever still has it current is told.
struct CUctx_st {
	int device = 0;
	int retains = 0;
	unsigned flags = 0;
	std::atomic<bool> destroyed{false};
	std::atomic<CUresult> lost{CUDA_SUCCESS}; // the sticky error

	void lose(CUresult code)
	{
		CUresult none = CUDA_SUCCESS;
		lost.compare_exchange_strong(none, code);
	}
};

namespace fake {

using Lock = std::unique_lock<std::mutex>;

// Something that a stream does. What always runs does so in a lost context too, or nobody who waits for it would wake.
struct Work {
	std::function<CUresult()> run;
	bool always = false;
};

// The live objects of one kind. A handle that is not in the table is stale.
template <typename T> class Table {
public:
	T *add(std::shared_ptr<T> object)
	{
		Lock lock(mutex_);
		T *handle = object.get();
		objects_[handle] = std::move(object);
		return handle;
	}
	std::shared_ptr<T> find(T *handle)
	{
		Lock lock(mutex_);
		auto at = objects_.find(handle);
		return at == objects_.end() ? nullptr : at->second;
	}
	std::shared_ptr<T> take(T *handle)
	{
		Lock lock(mutex_);
		auto at = objects_.find(handle);
		if (at == objects_.end())
			return nullptr;
		auto object = at->second;
		objects_.erase(at);
		return object;
	}
	std::vector<std::shared_ptr<T>> of(CUcontext context)
	{
		Lock lock(mutex_);
		std::vector<std::shared_ptr<T>> list;
		for (auto &entry : objects_)
			if (entry.second->context == context)
				list.push_back(entry.second);
		return list;
	}
	int64_t count()
	{
		Lock lock(mutex_);
		return static_cast<int64_t>(objects_.size());
	}

private:
	std::mutex mutex_;
	std::map<T *, std::shared_ptr<T>> objects_;
};

// What a function needs before it does anything: nothing, a current context that is whole, or merely a chance to give something up, which it takes even if
// the call is to fail.
enum class Needs { nothing, context, release };

// One call of the driver: counted, and failed where a test ordered it or the context is lost.
struct Call {
	Call(const char *function, Needs needs);
	CUresult code;
};

CUcontext current();
void set_current(CUcontext context);

// The failure that was ordered for this function or kernel, if its turn has come.
CUresult ordered_failure(const char *function, CUcontext context);

// Takes all of a context's objects with it and counts them.
void destroy_context(CUcontext context);

extern std::atomic<int64_t> abandoned, corruptions, library_objects;

} // namespace fake

// The beginning of a function that does nothing where it is to fail, and of one that gives something up and returns the call's code at its end.
#define ENTER(needs) \
	fake::Call call(__func__, fake::Needs::needs); \
	if (call.code != CUDA_SUCCESS) \
		return call.code
#define ENTER_RELEASE fake::Call call(__func__, fake::Needs::release)

#endif
