// Primary contexts, one per device.
#ifndef INFERD_FAKE_CONTEXT_H
#define INFERD_FAKE_CONTEXT_H

#include "driver.h"

namespace fake {

int64_t live_contexts();

} // namespace fake

#endif
