// Modules and kernels. Whatever image is loaded, its kernels are those of the emulation's library.
#ifndef INFERD_FAKE_MODULE_H
#define INFERD_FAKE_MODULE_H

#include "driver.h"

struct CUfunc_st {
	CUcontext context;
	std::string name;
	void (*kernel)(const void *);
	size_t argument_bytes;
	unsigned most_threads;
	unsigned dynamic_shared = 48 << 10; // that a launch may ask for
};

struct CUmod_st {
	CUcontext context;
	std::map<std::string, CUfunction> functions;
	~CUmod_st();
};

namespace fake {

Table<CUmod_st> &modules();
Table<CUfunc_st> &functions();

// The symbol of the emulation's library, nullptr where there is none.
void *kernel_symbol(const std::string &name);

} // namespace fake

#endif
