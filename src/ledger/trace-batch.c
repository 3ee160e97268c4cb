/* SPDX-License-Identifier: Apache-2.0
 * Rows for the dense engine, batch after batch. A second thread reads ahead into a ring of a few batches, so that waiting for
 * the columns' random rows (the amounts of what is spent) and following the taint go on at once. */
#include "ledger/pages.h"
#include "ledger/trace-int.h"
#include <pthread.h>
#include <string.h>

enum { TOUCH_AHEAD = 4 << 20 /* bytes; some batches' worth of entries */ };
enum { RING = 4, THREAD_BATCHES_MIN = 8 /* below, a thread costs more than it gains */ };

struct batches {
	const struct trace_source *s;
	uint32_t first, end, batch_n;
	struct wait_range range;
	bool back, threaded, stop;
	uint32_t made, handed, done; /* batches: read, given to the caller, given back */
	int result;		     /* of the batch that could not be made */
	struct touch touch;	     /* as the caller said last */
	size_t touched;
	struct sweep ring[RING];
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

static bool grow32(uint32_t **p, uint64_t n)
{
	uint32_t *q = reallocarray(*p, n, sizeof(*q));
	if (q)
		*p = q;
	return q;
}

static bool grow64(uint64_t **p, uint64_t n)
{
	uint64_t *q = reallocarray(*p, n, sizeof(*q));
	if (q)
		*p = q;
	return q;
}

/* Half as much again, so that a batch whose rows come one by one is not moved each time. */
int trace_batch_room(struct trace_batch *b, uint32_t tx_n, uint64_t in_n, uint64_t out_n)
{
	if (in_n > UINT32_MAX / 2 || out_n > UINT32_MAX / 2)
		return -ERR_NOMEM;
	if (tx_n > b->tx_cap) {
		if (!grow32(&b->in_end, tx_n) || !grow32(&b->out_end, tx_n))
			return -ERR_NOMEM;
		b->tx_cap = tx_n;
	}
	if (in_n > b->in_cap) {
		in_n += in_n / 2;
		if (!grow64(&b->in_output, in_n) || !grow64(&b->in_value, in_n))
			return -ERR_NOMEM;
		b->in_cap = (uint32_t)in_n;
	}
	if (out_n > b->out_cap) {
		out_n += out_n / 2;
		if (!grow64(&b->out_value, out_n) || !grow32(&b->out_spender, out_n))
			return -ERR_NOMEM;
		b->out_cap = (uint32_t)out_n;
	}
	return 0;
}

void trace_batch_done(struct trace_batch *b)
{
	free(b->in_end);
	free(b->out_end);
	free(b->in_output);
	free(b->in_value);
	free(b->out_value);
	free(b->out_spender);
	memset(b, 0, sizeof(*b));
}

/* One transaction's rows through the source's single questions. */
static int read_tx(const struct trace_source *s, struct trace_batch *b, uint32_t k)
{
	struct trace_tx tx;
	uint32_t in = k ? b->in_end[k - 1] : 0, out = k ? b->out_end[k - 1] : 0;
	s->tx(s->ctx, b->first_tx + k, &tx);
	if (!k)
		b->first_out = tx.first_out;
	if (tx.in_n > TRACE_ROWS_MAX || tx.out_n > TRACE_ROWS_MAX ||
	    tx.first_out != b->first_out + out)
		return -ERR_CORRUPT;
	int r = trace_batch_room(b, b->tx_n, (uint64_t)in + tx.in_n, (uint64_t)out + tx.out_n);
	for (uint32_t i = 0; r == 0 && i < tx.in_n; i++) {
		uint64_t o = s->in_output(s->ctx, tx.first_in + i);
		if (!output_valid(s, o))
			return -ERR_CORRUPT;
		b->in_output[in + i] = o;
		b->in_value[in + i] =
			s->out_known(s->ctx, o) ? s->out_value(s->ctx, o) : TRACE_VALUE_UNKNOWN;
	}
	for (uint32_t i = 0; r == 0 && i < tx.out_n; i++) {
		b->out_value[out + i] = s->out_value(s->ctx, tx.first_out + i);
		b->out_spender[out + i] = s->out_spender(s->ctx, tx.first_out + i);
	}
	b->in_end[k] = in + tx.in_n;
	b->out_end[k] = out + tx.out_n;
	return r;
}

static int read_any(const struct trace_source *s, struct trace_batch *b)
{
	int r = trace_batch_room(b, b->tx_n, 0, 0);
	for (uint32_t k = 0; r == 0 && k < b->tx_n; k++)
		r = read_tx(s, b, k);
	return r;
}

/* ---- what can be said of a batch before its turn ---- */

static int sweep_room(struct sweep *x)
{
	const struct trace_batch *b = &x->b;
	uint32_t fees = b->out_end[b->tx_n - 1] + b->tx_n;
	if (b->tx_n > x->tx_cap) {
		if (!grow64(&x->line, b->tx_n))
			return -ERR_NOMEM;
		x->tx_cap = b->tx_n;
	}
	if (b->in_cap > x->in_cap) {
		if (!grow64(&x->in_slot, b->in_cap))
			return -ERR_NOMEM;
		x->in_cap = b->in_cap;
	}
	if (fees > x->out_fee_cap) {
		fees += fees / 2;
		if (!grow64(&x->out_fee, fees))
			return -ERR_NOMEM;
		x->out_fee_cap = fees;
	}
	return 0;
}

/* The line of a transaction, and the amounts of its right side. */
static uint64_t line_of(const struct trace_batch *b, const struct rows *at, uint64_t *out_fee)
{
	uint64_t in = 0, out = 0;
	bool look = at->in == at->in_end;
	for (uint32_t i = at->in; i < at->in_end; i++) {
		look |= b->in_value[i] == TRACE_VALUE_UNKNOWN;
		look |= __builtin_add_overflow(in, b->in_value[i], &in);
	}
	for (uint32_t o = at->out; o < at->out_end; o++) {
		*out_fee++ = b->out_value[o];
		look |= __builtin_add_overflow(out, b->out_value[o], &out);
	}
	*out_fee = in - out;
	return look || out > in ? LINE_LOOK : in;
}

static int sweep_make(const struct batches *r, struct sweep *x)
{
	const struct trace_batch *b = &x->b;
	uint32_t in_n = b->in_end[b->tx_n - 1];
	int rc = sweep_room(x);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < in_n; i++)
		x->in_slot[i] = wait_slot(r->s, &r->range, b->in_output[i]);
	for (uint32_t k = 0; k < b->tx_n; k++) {
		struct rows at = rows_of(b, k);
		x->line[k] = line_of(b, &at, x->out_fee + at.out + k);
	}
	return 0;
}

static void sweep_done(struct sweep *x)
{
	trace_batch_done(&x->b);
	free(x->in_slot);
	free(x->line);
	free(x->out_fee);
}

/* ---- one after another ---- */

static int batch_make(struct batches *r, uint32_t i)
{
	struct sweep *x = &r->ring[i % RING];
	struct trace_batch *b = &x->b;
	uint32_t n = r->end - r->first, off = i * TRACE_BATCH_TX;
	b->tx_n = n - off < TRACE_BATCH_TX ? n - off : TRACE_BATCH_TX;
	b->first_tx = r->back ? r->end - off - b->tx_n : r->first + off;
	int rc = r->s->read ? r->s->read(r->s->ctx, b) : read_any(r->s, b);
	return rc < 0 ? rc : sweep_make(r, x);
}

static void touch_ahead(struct batches *r, const struct touch *t)
{
	size_t to = t->len - t->used < TOUCH_AHEAD ? t->len : t->used + TOUCH_AHEAD;
	size_t from = r->touched > t->used ? r->touched : t->used;
	if (!t->p || from >= to)
		return;
	pages_touch(t->p, from, to);
	r->touched = to;
}

static void *read_ahead(void *arg)
{
	struct batches *r = arg;
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < r->batch_n; i++) {
		pthread_mutex_lock(&r->mutex);
		while (!r->stop && i - r->done >= RING)
			pthread_cond_wait(&r->changed, &r->mutex);
		bool stop = r->stop;
		struct touch touch = r->touch;
		pthread_mutex_unlock(&r->mutex);
		if (stop)
			break;
		touch_ahead(r, &touch);
		result = batch_make(r, i);
		pthread_mutex_lock(&r->mutex);
		r->result = result;
		r->made += result == 0;
		pthread_cond_signal(&r->changed);
		pthread_mutex_unlock(&r->mutex);
	}
	return NULL;
}

int batches_open(const struct trace_source *s, const struct wait_range *range, uint32_t first,
		 uint32_t end, bool back, struct batches **ret_r)
{
	struct batches *r = calloc(1, sizeof(*r));
	if (!r)
		return -ERR_NOMEM;
	*r = (struct batches){.s = s, .range = *range, .first = first, .end = end, .back = back};
	r->batch_n = (end - first + TRACE_BATCH_TX - 1) / TRACE_BATCH_TX;
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->changed, NULL);
	r->threaded = r->batch_n >= THREAD_BATCHES_MIN &&
		      pthread_create(&r->thread, NULL, read_ahead, r) == 0;
	*ret_r = r;
	return 0;
}

/* The batch handed out last is the caller's until now. */
static int next_ahead(struct batches *r, const struct touch *touch)
{
	pthread_mutex_lock(&r->mutex);
	if (touch)
		r->touch = *touch;
	r->done = r->handed;
	pthread_cond_signal(&r->changed);
	while (r->made <= r->handed && !r->result)
		pthread_cond_wait(&r->changed, &r->mutex);
	int result = r->made > r->handed ? 0 : r->result;
	pthread_mutex_unlock(&r->mutex);
	return result;
}

int batches_next(struct batches *r, const struct touch *touch, const struct sweep **ret_x)
{
	*ret_x = NULL;
	if (r->handed == r->batch_n)
		return 0;
	int result = r->threaded ? next_ahead(r, touch) : batch_make(r, r->handed);
	if (result == 0)
		*ret_x = &r->ring[r->handed++ % RING];
	return result;
}

struct batches *batches_close(struct batches *r)
{
	if (!r)
		return NULL;
	if (r->threaded) {
		pthread_mutex_lock(&r->mutex);
		r->stop = true;
		pthread_cond_signal(&r->changed);
		pthread_mutex_unlock(&r->mutex);
		pthread_join(r->thread, NULL);
	}
	for (int i = 0; i < RING; i++)
		sweep_done(&r->ring[i]);
	pthread_mutex_destroy(&r->mutex);
	pthread_cond_destroy(&r->changed);
	free(r);
	return NULL;
}
