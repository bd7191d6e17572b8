// Graphs: the work that a capture collected, in order. A capture of one stream is a chain, and nothing else is needed.
#ifndef INFERD_FAKE_GRAPH_H
#define INFERD_FAKE_GRAPH_H

#include "driver.h"

struct CUgraph_st {
	explicit CUgraph_st(CUcontext context) : context(context) {}
	CUcontext context;
	std::vector<fake::Work> nodes;
};

struct CUgraphExec_st {
	CUcontext context;
	std::vector<fake::Work> nodes;
};

namespace fake {

Table<CUgraph_st> &graphs();
Table<CUgraphExec_st> &executables();

} // namespace fake

#endif
