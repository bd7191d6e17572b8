#include "graph.h"

#include "stream.h"

namespace fake {

Table<CUgraph_st> &graphs()
{
	static auto *table = new Table<CUgraph_st>;
	return *table;
}

Table<CUgraphExec_st> &executables()
{
	static auto *table = new Table<CUgraphExec_st>;
	return *table;
}

} // namespace fake

using namespace fake;

extern "C" {

CUresult cuGraphInstantiateWithFlags(CUgraphExec *executable, CUgraph graph, unsigned long long)
{
	ENTER(context);
	auto found = graphs().find(graph);
	if (!found || !executable)
		return CUDA_ERROR_INVALID_VALUE;
	auto made = std::make_shared<CUgraphExec_st>();
	made->context = found->context;
	made->nodes = found->nodes;
	*executable = executables().add(made);
	return CUDA_SUCCESS;
}

CUresult cuGraphUpload(CUgraphExec executable, CUstream)
{
	ENTER(context);
	return executables().find(executable) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream)
{
	ENTER(context);
	auto found = executables().find(executable);
	if (!found)
		return CUDA_ERROR_INVALID_VALUE;
	for (auto &node : found->nodes) {
		CUresult code = submit(stream, node);
		if (code != CUDA_SUCCESS)
			return code;
	}
	return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph graph)
{
	ENTER_RELEASE;
	if (!graphs().take(graph))
		return CUDA_ERROR_INVALID_VALUE;
	return call.code;
}

CUresult cuGraphExecDestroy(CUgraphExec executable)
{
	ENTER_RELEASE;
	if (!executables().take(executable))
		return CUDA_ERROR_INVALID_VALUE;
	return call.code;
}
}
