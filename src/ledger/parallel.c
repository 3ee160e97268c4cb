/* SPDX-License-Identifier: Apache-2.0
 * Fork and join. Threads live for one call: making one costs some 20 microseconds, and nothing has to be kept in order
 * between calls. */
#include "ledger/parallel.h"
#include <pthread.h>
#include <stdatomic.h>

struct run {
	parallel_fn *fn;
	void *arg;
	uint64_t task_n;
	atomic_uint_fast64_t next, failed; /* failed: the lowest task that did; task_n none */
	pthread_mutex_t lock;		   /* of r and e, which belong to failed */
	int r;
	struct err *e;
};
struct worker {
	struct run *run;
	unsigned index;
	pthread_t thread;
};

static void note_failure(struct run *run, uint64_t task, int r, const struct err *e)
{
	pthread_mutex_lock(&run->lock);
	if (task < atomic_load(&run->failed)) {
		atomic_store(&run->failed, task);
		run->r = r;
		if (run->e)
			*run->e = *e;
	}
	pthread_mutex_unlock(&run->lock);
}

static void *work(void *arg)
{
	const struct worker *w = arg;
	struct run *run = w->run;

	for (;;) {
		uint64_t task = atomic_fetch_add(&run->next, 1);
		struct err e = {0};
		int r;

		if (task >= atomic_load(&run->failed))
			return NULL;
		r = run->fn(run->arg, w->index, task, &e);
		if (r < 0)
			note_failure(run, task, r, &e);
	}
}

int parallel_run(unsigned threads, uint64_t task_n, parallel_fn *fn, void *arg, struct err *e)
{
	struct run run = {.fn = fn, .arg = arg, .task_n = task_n, .e = e};
	struct worker workers[PARALLEL_THREADS_MAX];
	unsigned n = 1;

	if (threads > task_n)
		threads = (unsigned)task_n;
	atomic_init(&run.next, 0);
	atomic_init(&run.failed, task_n);
	pthread_mutex_init(&run.lock, NULL);
	workers[0] = (struct worker){.run = &run};
	for (; n < threads && n < PARALLEL_THREADS_MAX; n++) {
		workers[n] = (struct worker){.run = &run, .index = n};
		if (pthread_create(&workers[n].thread, NULL, work, &workers[n]) != 0)
			break;
	}
	(void)work(&workers[0]);
	while (--n > 0)
		pthread_join(workers[n].thread, NULL);
	pthread_mutex_destroy(&run.lock);
	return run.r;
}
