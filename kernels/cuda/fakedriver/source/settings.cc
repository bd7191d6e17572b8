#include "settings.h"

#include <stdlib.h>

namespace fake {
namespace {

long number(const char *name, long otherwise)
{
	const char *text = getenv(name);
	return text && *text ? strtol(text, nullptr, 10) : otherwise;
}

Settings *read()
{
	auto *s = new Settings; // never freed: streams use it until the process ends
	s->version = static_cast<int>(number("INFERD_FAKE_VERSION", 13000));
	s->initialisation = static_cast<CUresult>(number("INFERD_FAKE_INIT", CUDA_SUCCESS));
	s->devices = static_cast<int>(number("INFERD_FAKE_DEVICES", 1));
	s->capability = static_cast<int>(number("INFERD_FAKE_CAPABILITY", 80));
	s->partitioned = number("INFERD_FAKE_MIG", 0) != 0;
	s->protects = number("INFERD_FAKE_PROTECT", 1) != 0;
	s->memory = static_cast<size_t>(number("INFERD_FAKE_MEMORY", 8L << 30));
	s->latency_ns = number("INFERD_FAKE_LATENCY", 0);
	const char *kernels = getenv("INFERD_FAKE_KERNELS");
	s->kernels = kernels ? kernels : "";
	return s;
}

} // namespace

Settings &settings()
{
	static Settings *s = read();
	return *s;
}

} // namespace fake
