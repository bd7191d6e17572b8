#include "memory.h"

#include "stream.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

namespace fake {
namespace {

constexpr size_t kPage = 4096, kAlignment = 256;
constexpr unsigned char kUnwritten = 0xff; // NaN in every type of floating point
constexpr unsigned char kSlack = 0xa7;     // around an allocation within its pages

size_t rounded(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

// One allocation. It ends, aligned, at a guard page; what is left before and behind it within its pages is filled with a pattern.
struct Allocation {
	CUcontext context;
	unsigned char *pages;
	size_t page_bytes; // without the guard
	unsigned char *start;
	size_t bytes;

	bool intact() const
	{
		for (unsigned char *p = pages; p < pages + page_bytes; p++)
			if (p == start)
				p += bytes - 1;
			else if (*p != kSlack)
				return false;
		return true;
	}
};

struct Memory {
	std::mutex mutex;
	std::map<uintptr_t, Allocation> device, pinned; // by start
	int accesses = 0;
};

Memory &memory()
{
	static auto *m = new Memory;
	return *m;
}

void protect(const Allocation &a, bool accessible)
{
	if (settings().protects)
		mprotect(a.pages, a.page_bytes, accessible ? PROT_READ | PROT_WRITE : PROT_NONE);
}

bool map_pages(size_t bytes, Allocation *a)
{
	a->page_bytes = rounded(bytes, kPage);
	void *pages = mmap(nullptr, a->page_bytes + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pages == MAP_FAILED)
		return false;
	a->pages = static_cast<unsigned char *>(pages);
	a->bytes = bytes;
	a->start = a->pages + a->page_bytes - rounded(bytes, kAlignment);
	memset(a->pages, kSlack, a->page_bytes);
	memset(a->start, kUnwritten, bytes);
	return mprotect(a->pages + a->page_bytes, kPage, PROT_NONE) == 0;
}

void unmap(const Allocation &a, bool device)
{
	if (device)
		protect(a, true);
	if (!a.intact()) {
		corruptions++;
		fprintf(stderr, "fake driver: an allocation of %zu bytes was written to beyond its ends\n", a.bytes);
	}
	munmap(a.pages, a.page_bytes + kPage);
}

int64_t sum(const std::map<uintptr_t, Allocation> &allocations, const CUctx_st *context)
{
	int64_t bytes = 0;
	for (auto &entry : allocations)
		if (!context || entry.second.context->device == context->device)
			bytes += static_cast<int64_t>(entry.second.bytes);
	return bytes;
}

bool contains(const std::map<uintptr_t, Allocation> &allocations, uintptr_t address, size_t bytes)
{
	auto at = allocations.upper_bound(address);
	if (at == allocations.begin())
		return false;
	const Allocation &a = (--at)->second;
	return address - at->first <= a.bytes && bytes <= a.bytes - (address - at->first);
}

int64_t free_all(std::map<uintptr_t, Allocation> *allocations, CUcontext context, bool device)
{
	int64_t count = 0;
	for (auto at = allocations->begin(); at != allocations->end();)
		if (at->second.context == context) {
			unmap(at->second, device);
			at = allocations->erase(at);
			count++;
		} else {
			++at;
		}
	return count;
}

CUresult release(std::map<uintptr_t, Allocation> *allocations, uintptr_t address, bool device)
{
	Lock lock(memory().mutex);
	auto at = allocations->find(address);
	if (at == allocations->end())
		return CUDA_ERROR_INVALID_VALUE;
	unmap(at->second, device);
	allocations->erase(at);
	return CUDA_SUCCESS;
}

} // namespace

Access::Access()
{
	Memory &m = memory();
	Lock lock(m.mutex);
	if (m.accesses++ == 0)
		for (auto &entry : m.device)
			protect(entry.second, true);
}

Access::~Access()
{
	Memory &m = memory();
	Lock lock(m.mutex);
	if (--m.accesses == 0)
		for (auto &entry : m.device)
			protect(entry.second, false);
}

bool is_device(CUdeviceptr address, size_t bytes)
{
	Lock lock(memory().mutex);
	return contains(memory().device, static_cast<uintptr_t>(address), bytes);
}

bool is_pinned(const void *address, size_t bytes)
{
	Lock lock(memory().mutex);
	return contains(memory().pinned, reinterpret_cast<uintptr_t>(address), bytes);
}

int64_t free_memory(CUcontext context)
{
	Memory &m = memory();
	Lock lock(m.mutex);
	return free_all(&m.device, context, true) + free_all(&m.pinned, context, false);
}

void count_memory(struct inferd_fake_report *report)
{
	Memory &m = memory();
	Lock lock(m.mutex);
	report->device_allocations = static_cast<int64_t>(m.device.size());
	report->pinned_allocations = static_cast<int64_t>(m.pinned.size());
	report->device_bytes = sum(m.device, nullptr);
	report->pinned_bytes = sum(m.pinned, nullptr);
}

} // namespace fake

using namespace fake;

extern "C" {

CUresult cuMemAlloc(CUdeviceptr *address, size_t bytes)
{
	ENTER(context);
	CUresult code = prohibited_while_capturing();
	if (code != CUDA_SUCCESS)
		return code;
	if (!address || bytes == 0)
		return CUDA_ERROR_INVALID_VALUE;
	Memory &m = memory();
	Lock lock(m.mutex);
	size_t used = static_cast<size_t>(sum(m.device, current())), total = settings().memory;
	Allocation a = {current(), nullptr, 0, nullptr, 0};
	if (used > total || bytes > total - used || !map_pages(bytes, &a))
		return CUDA_ERROR_OUT_OF_MEMORY;
	protect(a, m.accesses > 0);
	*address = reinterpret_cast<uintptr_t>(a.start);
	m.device[static_cast<uintptr_t>(*address)] = a;
	return CUDA_SUCCESS;
}

// The real driver waits for the context's work too.
CUresult cuMemFree(CUdeviceptr address)
{
	ENTER_RELEASE;
	CUresult code = prohibited_while_capturing();
	if (code != CUDA_SUCCESS)
		return code;
	if (address == 0)
		return call.code;
	if (current() && !current()->destroyed)
		drain_context(current());
	code = release(&memory().device, static_cast<uintptr_t>(address), true);
	return code != CUDA_SUCCESS ? code : call.code;
}

CUresult cuMemHostAlloc(void **address, size_t bytes, unsigned)
{
	ENTER(context);
	CUresult code = prohibited_while_capturing();
	if (code != CUDA_SUCCESS)
		return code;
	if (!address || bytes == 0)
		return CUDA_ERROR_INVALID_VALUE;
	Lock lock(memory().mutex);
	Allocation a = {current(), nullptr, 0, nullptr, 0};
	if (!map_pages(bytes, &a))
		return CUDA_ERROR_OUT_OF_MEMORY;
	*address = a.start;
	memory().pinned[reinterpret_cast<uintptr_t>(a.start)] = a;
	return CUDA_SUCCESS;
}

CUresult cuMemFreeHost(void *address)
{
	ENTER_RELEASE;
	if (current() && !current()->destroyed)
		drain_context(current());
	CUresult code = release(&memory().pinned, reinterpret_cast<uintptr_t>(address), false);
	return code != CUDA_SUCCESS ? code : call.code;
}

CUresult cuMemGetInfo(size_t *free, size_t *total)
{
	ENTER(context);
	Lock lock(memory().mutex);
	size_t used = static_cast<size_t>(sum(memory().device, current()));
	*total = settings().memory;
	*free = used < *total ? *total - used : 0;
	return CUDA_SUCCESS;
}

CUresult cuMemGetAddressRange(CUdeviceptr *base, size_t *bytes, CUdeviceptr address)
{
	ENTER(context);
	Lock lock(memory().mutex);
	if (!contains(memory().device, static_cast<uintptr_t>(address), 1))
		return CUDA_ERROR_NOT_FOUND;
	auto at = --memory().device.upper_bound(static_cast<uintptr_t>(address));
	if (base)
		*base = at->first;
	if (bytes)
		*bytes = at->second.bytes;
	return CUDA_SUCCESS;
}
}
