// Calls: counting, ordered failures, the context of a thread.
#include "driver.h"

#include "context.h"
#include "event.h"
#include "graph.h"
#include "memory.h"
#include "module.h"
#include "stream.h"

namespace fake {

std::atomic<int64_t> abandoned{0}, corruptions{0}, library_objects{0};

namespace {

std::atomic<long> calls{0};
thread_local CUcontext current_context;

struct Order {
	std::mutex mutex;
	std::string function; // empty for any
	long countdown = 0;   // 0 where nothing is ordered
	CUresult code = CUDA_SUCCESS;
	bool sticky = false;
	std::string failed;
};

Order &order()
{
	static auto *o = new Order;
	return *o;
}

// An order for cuMemAlloc concerns cuMemAlloc_v2, and one for any function no kernel.
bool concerns(const Order &o, const std::string &function)
{
	if (o.function.empty())
		return function.compare(0, 2, "cu") == 0;
	return o.function == function || o.function + "_v2" == function;
}

} // namespace

CUcontext current() { return current_context; }
void set_current(CUcontext context) { current_context = context; }

CUresult ordered_failure(const char *function, CUcontext context)
{
	Order &o = order();
	Lock lock(o.mutex);
	if (o.countdown == 0 || !concerns(o, function) || --o.countdown > 0)
		return CUDA_SUCCESS;
	o.failed = function;
	if (o.sticky && context)
		context->lose(o.code);
	return o.code;
}

Call::Call(const char *function, Needs needs)
{
	calls++;
	CUcontext context = current();
	code = ordered_failure(function, context);
	if (code != CUDA_SUCCESS || needs == Needs::nothing)
		return;
	if (!context)
		code = CUDA_ERROR_INVALID_CONTEXT;
	else if (context->destroyed)
		code = CUDA_ERROR_CONTEXT_IS_DESTROYED;
	else
		code = context->lost;
}

} // namespace fake

using namespace fake;

extern "C" {

void inferd_fake_fail(const char *function, long nth, CUresult code, int sticky)
{
	Order &o = order();
	Lock lock(o.mutex);
	o.function = function ? function : "";
	o.countdown = nth;
	o.code = code;
	o.sticky = sticky != 0;
	o.failed.clear();
}

const char *inferd_fake_failed(void)
{
	static thread_local std::string name;
	Order &o = order();
	Lock lock(o.mutex);
	name = o.failed;
	return name.empty() ? nullptr : name.c_str();
}

long inferd_fake_calls(void) { return calls; }
void inferd_fake_set_latency(long nanoseconds) { settings().latency_ns = nanoseconds; }
void inferd_fake_set_memory(size_t bytes) { settings().memory = bytes; }

CUresult inferd_fake_enter(const char *function, int needs_context) { return Call(function, needs_context ? Needs::context : Needs::nothing).code; }
void inferd_fake_count(int64_t objects) { library_objects += objects; }

void inferd_fake_get_report(struct inferd_fake_report *report)
{
	*report = {};
	report->contexts = live_contexts();
	report->modules = modules().count();
	report->streams = streams().count();
	report->events = events().count();
	report->graphs = graphs().count();
	report->executables = executables().count();
	report->abandoned = abandoned;
	report->corruptions = corruptions;
	report->library = library_objects;
	count_memory(report);
}
}
