//go:build cuda

#include "product.h"

static const struct inferd_cublas_functions *functions(void) { return &inferd_cublas_load()->functions; }

static cublasStatus_t make_layout(cublasLtMatrixLayout_t *layout, cudaDataType_t type, int64_t rows, int64_t columns, int64_t leading, int64_t batch,
	int64_t stride)
{
	const struct inferd_cublas_functions *f = functions();
	int32_t count = (int32_t)batch;
	cublasStatus_t status = f->MatrixLayoutCreate(layout, type, (uint64_t)rows, (uint64_t)columns, leading);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = f->MatrixLayoutSetAttribute(*layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = f->MatrixLayoutSetAttribute(*layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride);
	return status;
}

static cublasStatus_t make_operation(struct inferd_cublas_product *product, const struct inferd_cublas_problem *p)
{
	const struct inferd_cublas_functions *f = functions();
	uint32_t epilogue = p->epilogue;
	cublasStatus_t status = f->MatmulDescCreate(&product->operation, p->compute, p->scale);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = f->MatmulDescSetAttribute(product->operation, CUBLASLT_MATMUL_DESC_TRANSA, &p->transpose_a, sizeof p->transpose_a);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = f->MatmulDescSetAttribute(product->operation, CUBLASLT_MATMUL_DESC_TRANSB, &p->transpose_b, sizeof p->transpose_b);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = f->MatmulDescSetAttribute(product->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
	return status;
}

static cublasStatus_t make_layouts(struct inferd_cublas_product *product, const struct inferd_cublas_problem *p)
{
	int64_t a_rows = p->transpose_a ? p->k : p->m, a_columns = p->transpose_a ? p->m : p->k;
	int64_t b_rows = p->transpose_b ? p->n : p->k, b_columns = p->transpose_b ? p->k : p->n;
	cublasStatus_t status = make_layout(&product->a_layout, p->operands, a_rows, a_columns, p->lda, p->batch, p->stride_a);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = make_layout(&product->b_layout, p->operands, b_rows, b_columns, p->ldb, p->batch, p->stride_b);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = make_layout(&product->c_layout, p->results, p->m, p->n, p->ldc, p->batch, p->stride_c);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = make_layout(&product->d_layout, p->results, p->m, p->n, p->ldd, p->batch, p->stride_d);
	return status;
}

static union inferd_cublas_scalar scalar(cudaDataType_t type, double value)
{
	union inferd_cublas_scalar s;
	if (type == CUDA_R_32I)
		s.integer = (int32_t)value;
	else
		s.real = (float)value;
	return s;
}

cublasStatus_t inferd_cublas_product_new(cublasLtHandle_t handle, const struct inferd_cublas_problem *problem, struct inferd_cublas_product **made)
{
	struct inferd_cublas_product *product = calloc(1, sizeof *product);
	if (product == NULL)
		return CUBLAS_STATUS_ALLOC_FAILED;
	product->handle = handle;
	product->alpha = scalar(problem->scale, problem->alpha);
	product->beta = scalar(problem->scale, problem->beta);
	cublasStatus_t status = make_operation(product, problem);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = make_layouts(product, problem);
	if (status != CUBLAS_STATUS_SUCCESS) {
		inferd_cublas_product_free(product);
		return status;
	}
	*made = product;
	return CUBLAS_STATUS_SUCCESS;
}

void inferd_cublas_product_free(struct inferd_cublas_product *product)
{
	const struct inferd_cublas_functions *f = functions();
	cublasLtMatrixLayout_t layouts[] = {product->a_layout, product->b_layout, product->c_layout, product->d_layout};
	for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
		if (layouts[i] != NULL)
			f->MatrixLayoutDestroy(layouts[i]);
	if (product->operation != NULL)
		f->MatmulDescDestroy(product->operation);
	free(product);
}

cublasStatus_t inferd_cublas_set_bias(struct inferd_cublas_product *product, const void *bias)
{
	return functions()->MatmulDescSetAttribute(product->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
}

static cublasStatus_t prefer(cublasLtMatmulPreference_t preference, uint64_t workspace_bytes, uint32_t alignment)
{
	const struct inferd_cublas_functions *f = functions();
	// Parts of a split sum are added in the type of the sum, not in that of the results.
	uint32_t reduction = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
	cublasStatus_t status =
		f->MatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace_bytes, sizeof workspace_bytes);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = f->MatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reduction, sizeof reduction);
	for (int i = CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES; i <= CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES && status == CUBLAS_STATUS_SUCCESS; i++)
		status = f->MatmulPreferenceSetAttribute(preference, (cublasLtMatmulPreferenceAttributes_t)i, &alignment, sizeof alignment);
	return status;
}

cublasStatus_t inferd_cublas_candidates(const struct inferd_cublas_product *product, uint64_t workspace_bytes, uint32_t alignment, int most,
	cublasLtMatmulHeuristicResult_t results[], int *count)
{
	const struct inferd_cublas_functions *f = functions();
	cublasLtMatmulPreference_t preference;
	cublasStatus_t status = f->MatmulPreferenceCreate(&preference);
	if (status != CUBLAS_STATUS_SUCCESS)
		return status;
	*count = 0;
	status = prefer(preference, workspace_bytes, alignment);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = f->MatmulAlgoGetHeuristic(product->handle, product->operation, product->a_layout, product->b_layout, product->c_layout, product->d_layout,
			preference, most, results, count);
	f->MatmulPreferenceDestroy(preference);
	return status;
}

cublasStatus_t inferd_cublas_check(const struct inferd_cublas_product *product, const cublasLtMatmulAlgo_t *algorithm, size_t *workspace_bytes)
{
	cublasLtMatmulHeuristicResult_t result = {.state = CUBLAS_STATUS_SUCCESS};
	cublasStatus_t status = functions()->MatmulAlgoCheck(product->handle, product->operation, product->a_layout, product->b_layout, product->c_layout,
		product->d_layout, algorithm, &result);
	*workspace_bytes = result.workspaceSize;
	return status != CUBLAS_STATUS_SUCCESS ? status : result.state;
}

static int32_t configured(const cublasLtMatmulAlgo_t *algorithm, cublasLtMatmulAlgoConfigAttributes_t attribute)
{
	int32_t value = -1;
	size_t written;
	if (functions()->MatmulAlgoConfigGetAttribute(algorithm, attribute, &value, sizeof value, &written) != CUBLAS_STATUS_SUCCESS)
		return -1;
	return value;
}

struct inferd_cublas_configuration inferd_cublas_configuration_of(const cublasLtMatmulAlgo_t *algorithm)
{
	return (struct inferd_cublas_configuration){
		.id = configured(algorithm, CUBLASLT_ALGO_CONFIG_ID),
		.tile = configured(algorithm, CUBLASLT_ALGO_CONFIG_TILE_ID),
		.stages = configured(algorithm, CUBLASLT_ALGO_CONFIG_STAGES_ID),
		.split = configured(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM),
	};
}

int inferd_cublas_call(void *record, CUstream stream)
{
	const struct inferd_cublas_product *p = record;
	return functions()->Matmul(p->handle, p->operation, &p->alpha, p->a, p->a_layout, p->b, p->b_layout, &p->beta, p->c, p->c_layout, p->d, p->d_layout,
		&p->algorithm, p->workspace, p->workspace_bytes, stream);
}

cublasStatus_t inferd_cublas_create(cublasLtHandle_t *handle) { return functions()->Create(handle); }

cublasStatus_t inferd_cublas_destroy(cublasLtHandle_t handle) { return functions()->Destroy(handle); }

const char *inferd_cublas_status_name(cublasStatus_t status) { return functions()->GetStatusName(status); }

const char *inferd_cublas_status_text(cublasStatus_t status) { return functions()->GetStatusString(status); }
