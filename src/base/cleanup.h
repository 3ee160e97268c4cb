/* SPDX-License-Identifier: Apache-2.0
 * Locals that clean up after themselves: `_cleanup_(arena_freep) ...`, handed over with TAKE_PTR and TAKE_FD. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
/* Ownership marks for parameters: the callee keeps the object, or only looks at it during the call. */
#define STEALS
#define BORROWS

#define TAKE_PTR(p)                               \
	({                                        \
		__typeof__(p) *take_p_ = &(p);    \
		__typeof__(p) take_v_ = *take_p_; \
		*take_p_ = NULL;                  \
		take_v_;                          \
	})
#define TAKE_FD(fd)                     \
	({                              \
		int *take_p_ = &(fd);   \
		int take_v_ = *take_p_; \
		*take_p_ = -1;          \
		take_v_;                \
	})

/* DEFINE_CLEANUP(struct buf *, buf_free) makes buf_freep() for _cleanup_. */
#define DEFINE_CLEANUP(type, func)          \
	static inline void func##p(type *p) \
	{                                   \
		if (*p)                     \
			func(*p);           \
	}                                   \
	struct cleanup_semicolon_

static inline void freep(void *p)
{
	free(*(void **)p);
}
static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#endif
