// Faults of kernels: what would end the process becomes the error that the real device reports.
#ifndef INFERD_FAKE_FAULTS_H
#define INFERD_FAKE_FAULTS_H

#include "driver.h"

namespace fake {

// Runs work on the calling thread. An access to memory that is not there ends it with CUDA_ERROR_ILLEGAL_ADDRESS.
CUresult run_guarded(const std::function<CUresult()> &work);

} // namespace fake

#endif
