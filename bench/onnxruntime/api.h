// The part of onnxruntime's C interface that the comparison needs, declared by hand: the functions lie in a table whose order is stable from
// version to version, and the wheel ships the library without a header.
#ifndef INFERD_BENCH_ONNXRUNTIME_H
#define INFERD_BENCH_ONNXRUNTIME_H

#include <stddef.h>
#include <stdint.h>

typedef struct peer peer;       // the loaded library and its environment
typedef struct session session; // a model
typedef struct value value;     // OrtValue

// Every function returns NULL or a message that the caller frees with free().
char *peer_open(const char *library, peer **out);
char *peer_session(peer *p, const char *model, int threads, session **out);
char *peer_tensor(peer *p, void *data, size_t bytes, const int64_t *shape, size_t rank, int dtype, value **out);
char *peer_strings(peer *p, const char *const *texts, size_t count, const int64_t *shape, size_t rank, value **out);
// Runs once. Outputs are released again, but for those copied: where copies[i] is not NULL, bytes[i] bytes of output i are copied there.
char *peer_run(session *s, value *const *inputs, void *const *copies, const size_t *bytes);
size_t peer_inputs(const session *s);
size_t peer_outputs(const session *s);
const char *peer_input_name(const session *s, size_t i);
const char *peer_output_name(const session *s, size_t i);
void peer_release_value(peer *p, value *v);
void peer_release_session(session *s);
const char *peer_version(const peer *p);

#endif
