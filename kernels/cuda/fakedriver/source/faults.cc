#include "faults.h"

#include <setjmp.h>
#include <signal.h>

namespace fake {
namespace {

thread_local sigjmp_buf escape;
thread_local volatile bool guarded;
struct sigaction before[2]; // SIGSEGV and SIGBUS

void handle(int signal, siginfo_t *info, void *context)
{
	if (guarded) {
		guarded = false;
		siglongjmp(escape, 1); // also off a fiber's stack, which is used from its top the next time
	}
	// Somebody else's: Go's runtime, which makes a panic or a crash of it.
	struct sigaction &old = before[signal == SIGBUS];
	if (old.sa_flags & SA_SIGINFO) {
		old.sa_sigaction(signal, info, context);
		return;
	}
	sigaction(signal, &old, nullptr); // the instruction runs again and meets the old handler
}

bool install()
{
	struct sigaction action = {};
	action.sa_sigaction = handle;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER; // Go insists on ONSTACK
	sigaction(SIGSEGV, &action, &before[0]);
	sigaction(SIGBUS, &action, &before[1]);
	return true;
}

} // namespace

CUresult run_guarded(const std::function<CUresult()> &work)
{
	static bool installed = install();
	(void)installed;
	if (sigsetjmp(escape, 1) != 0)
		return CUDA_ERROR_ILLEGAL_ADDRESS;
	guarded = true;
	CUresult code = work();
	guarded = false;
	return code;
}

} // namespace fake
