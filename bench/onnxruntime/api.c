#include "api.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Positions in OrtApi, version 16 and later.
enum {
	GET_ERROR_MESSAGE = 2,
	CREATE_ENV = 3,
	CREATE_SESSION = 7,
	RUN = 9,
	CREATE_SESSION_OPTIONS = 10,
	SET_OPTIMIZATION_LEVEL = 23,
	SET_INTRA_THREADS = 24,
	SET_INTER_THREADS = 25,
	INPUT_COUNT = 30,
	OUTPUT_COUNT = 31,
	INPUT_NAME = 36,
	OUTPUT_NAME = 37,
	CREATE_TENSOR = 48,
	CREATE_TENSOR_WITH_DATA = 49,
	MUTABLE_DATA = 51,
	FILL_STRINGS = 52,
	CREATE_CPU_MEMORY_INFO = 69,
	DEFAULT_ALLOCATOR = 78,
	RELEASE_STATUS = 93,
	RELEASE_SESSION = 95,
	RELEASE_VALUE = 96,
	RELEASE_SESSION_OPTIONS = 100,
};

enum { API_VERSION = 16, ENABLE_ALL = 99, ARENA_ALLOCATOR = 1, DEFAULT_MEMORY = 0, ERROR = 3, STRING_TYPE = 8, MAX_PORTS = 64 };

typedef struct {
	const void *(*get_api)(uint32_t version);
	const char *(*version)(void);
} api_base;

struct peer {
	void *const *api;
	const char *version;
	void *environment, *memory, *allocator;
};

struct session {
	peer *peer;
	void *session;
	size_t inputs, outputs;
	char *input_names[MAX_PORTS], *output_names[MAX_PORTS];
};

typedef void status;

static char *failure(peer *p, status *s)
{
	if (s == NULL)
		return NULL;
	char *message = strdup(((const char *(*)(const status *))p->api[GET_ERROR_MESSAGE])(s));
	((void (*)(status *))p->api[RELEASE_STATUS])(s);
	return message;
}

#define CALL(p, index, types, ...)                                                                                                                   \
	do {                                                                                                                                             \
		char *message = failure(p, ((status * (*) types)(p)->api[index])(__VA_ARGS__));                                                              \
		if (message != NULL)                                                                                                                         \
			return message;                                                                                                                          \
	} while (0)

char *peer_open(const char *library, peer **out)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL)
		return strdup(dlerror());
	const api_base *(*get_base)(void) = (const api_base *(*)(void))dlsym(handle, "OrtGetApiBase");
	if (get_base == NULL)
		return strdup("the library has no OrtGetApiBase");
	peer *p = calloc(1, sizeof *p);
	p->version = get_base()->version();
	p->api = get_base()->get_api(API_VERSION);
	if (p->api == NULL)
		return strdup("the library does not offer the interface version");
	CALL(p, CREATE_ENV, (int, const char *, void **), ERROR, "bench", &p->environment);
	CALL(p, CREATE_CPU_MEMORY_INFO, (int, int, void **), ARENA_ALLOCATOR, DEFAULT_MEMORY, &p->memory);
	CALL(p, DEFAULT_ALLOCATOR, (void **), &p->allocator);
	*out = p;
	return NULL;
}

char *peer_session(peer *p, const char *model, int threads, session **out)
{
	session *s = calloc(1, sizeof *s);
	void *options;
	s->peer = p;
	CALL(p, CREATE_SESSION_OPTIONS, (void **), &options);
	CALL(p, SET_OPTIMIZATION_LEVEL, (void *, int), options, ENABLE_ALL);
	CALL(p, SET_INTRA_THREADS, (void *, int), options, threads);
	CALL(p, SET_INTER_THREADS, (void *, int), options, 1);
	CALL(p, CREATE_SESSION, (void *, const char *, void *, void **), p->environment, model, options, &s->session);
	((void (*)(void *))p->api[RELEASE_SESSION_OPTIONS])(options);
	CALL(p, INPUT_COUNT, (void *, size_t *), s->session, &s->inputs);
	CALL(p, OUTPUT_COUNT, (void *, size_t *), s->session, &s->outputs);
	if (s->inputs > MAX_PORTS || s->outputs > MAX_PORTS)
		return strdup("the model has too many inputs or outputs for the comparison");
	for (size_t i = 0; i < s->inputs; i++)
		CALL(p, INPUT_NAME, (void *, size_t, void *, char **), s->session, i, p->allocator, &s->input_names[i]);
	for (size_t i = 0; i < s->outputs; i++)
		CALL(p, OUTPUT_NAME, (void *, size_t, void *, char **), s->session, i, p->allocator, &s->output_names[i]);
	*out = s;
	return NULL;
}

char *peer_tensor(peer *p, void *data, size_t bytes, const int64_t *shape, size_t rank, int dtype, value **out)
{
	CALL(p, CREATE_TENSOR_WITH_DATA, (void *, void *, size_t, const int64_t *, size_t, int, void **), p->memory, data, bytes, shape, rank, dtype, (void **)out);
	return NULL;
}

char *peer_strings(peer *p, const char *const *texts, size_t count, const int64_t *shape, size_t rank, value **out)
{
	CALL(p, CREATE_TENSOR, (void *, const int64_t *, size_t, int, void **), p->allocator, shape, rank, STRING_TYPE, (void **)out);
	CALL(p, FILL_STRINGS, (void *, const char *const *, size_t), *out, texts, count);
	return NULL;
}

char *peer_run(session *s, value *const *inputs, void *const *copies, const size_t *bytes)
{
	peer *p = s->peer;
	void *outputs[MAX_PORTS] = {0};
	CALL(p, RUN, (void *, void *, const char *const *, const void *const *, size_t, const char *const *, size_t, void **), s->session, NULL,
		(const char *const *)s->input_names, (const void *const *)inputs, s->inputs, (const char *const *)s->output_names, s->outputs, outputs);
	for (size_t i = 0; i < s->outputs; i++) {
		if (copies != NULL && copies[i] != NULL) {
			void *data;
			CALL(p, MUTABLE_DATA, (void *, void **), outputs[i], &data);
			memcpy(copies[i], data, bytes[i]);
		}
		((void (*)(void *))p->api[RELEASE_VALUE])(outputs[i]);
	}
	return NULL;
}

size_t peer_inputs(const session *s) { return s->inputs; }
size_t peer_outputs(const session *s) { return s->outputs; }
const char *peer_input_name(const session *s, size_t i) { return s->input_names[i]; }
const char *peer_output_name(const session *s, size_t i) { return s->output_names[i]; }
const char *peer_version(const peer *p) { return p->version; }
void peer_release_value(peer *p, value *v) { ((void (*)(void *))p->api[RELEASE_VALUE])(v); }

void peer_release_session(session *s)
{
	((void (*)(void *))s->peer->api[RELEASE_SESSION])(s->session);
	free(s);
}
