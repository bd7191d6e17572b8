// Asynchronous copies of the emulation: each thread's, in the order in which it asked for them.
#include "ptx.h"

#include <cstddef>
#include <vector>

namespace emulation {

namespace {

struct Copy {
	void *to;
	const void *from;
	int bytes;
	bool there; // zeros are written where nothing is
	int group;
};

struct Queue {
	std::vector<Copy> copies;
	size_t first = 0; // that was not performed yet
	int group = 0;    // of copies that were not committed yet
};

EMULATION_THREAD_LOCAL std::vector<Queue> *queues; // by thread of the block

Queue &queue_of_thread()
{
	if (!queues) {
		static thread_local std::vector<Queue> owner(kMostThreads);
		queues = &owner;
	}
	return (*queues)[static_cast<size_t>(self->linear)];
}

void perform(const Copy &c)
{
	if (!c.there)
		memset(c.to, 0, static_cast<size_t>(c.bytes));
	else if (c.bytes == 16) // as most are
		memcpy(c.to, c.from, 16);
	else
		memcpy(c.to, c.from, static_cast<size_t>(c.bytes));
}

} // namespace

void copy_later(void *shared, const void *global, int bytes, bool there)
{
	Queue &q = queue_of_thread();
	q.copies.push_back({shared, global, bytes, there, q.group});
}

void commit_copies() { queue_of_thread().group++; }

void wait_for_copies(int groups_under_way)
{
	Queue &q = queue_of_thread();
	while (q.first < q.copies.size() && q.copies[q.first].group < q.group - groups_under_way)
		perform(q.copies[q.first++]);
	// Few are under way at a time, so what was performed is dropped in long stretches.
	if (q.first == q.copies.size() || q.first >= 32) {
		q.copies.erase(q.copies.begin(), q.copies.begin() + static_cast<std::ptrdiff_t>(q.first));
		q.first = 0;
	}
	if (q.copies.empty() && groups_under_way == 0)
		q.group = 0;
}

void forget_copies()
{
	if (queues)
		for (Queue &q : *queues) {
			q.copies.clear();
			q.first = 0;
			q.group = 0;
		}
}

} // namespace emulation
