/* SPDX-License-Identifier: Apache-2.0
 * Event streams. A stream's reader runs on the HTTP thread: it hands out what is pending, else it suspends its connection; telling
 * something, from the logic thread, resumes it. A stream costs its connection and one page of memory. */
#include "base/cleanup.h"
#include "http/web-int.h"
#include <string.h>

enum { BLOCK_LEN = 1024 };

struct stream {
	struct streams *all;
	struct stream *next;
	struct MHD_Connection *connection;
	bool suspended;
	size_t len;
	char pending[STREAM_PENDING_MAX];
};

void streams_init(struct streams *s)
{
	pthread_mutex_init(&s->lock, NULL);
}

void streams_done(struct streams *s)
{
	pthread_mutex_destroy(&s->lock);
}

static ssize_t on_read(void *cls, uint64_t pos, char *out, size_t max)
{
	struct stream *t = cls;
	ssize_t n = 0;
	pthread_mutex_lock(&t->all->lock);
	if (t->len) {
		n = (ssize_t)(t->len < max ? t->len : max);
		memcpy(out, t->pending, (size_t)n);
		t->len -= (size_t)n;
		memmove(t->pending, t->pending + n, t->len);
	} else if (t->all->closing) {
		n = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		t->suspended = true;
		MHD_suspend_connection(t->connection);
	}
	pthread_mutex_unlock(&t->all->lock);
	return n;
}

static void on_free(void *cls)
{
	struct stream *t = cls;
	struct streams *s = t->all;
	pthread_mutex_lock(&s->lock);
	for (struct stream **p = &s->first; *p; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			s->n--;
			break;
		}
	pthread_mutex_unlock(&s->lock);
	free(t);
}

static void put(struct stream *t, const char *text, size_t len)
{
	if (len > sizeof(t->pending) - t->len)
		return;
	memcpy(t->pending + t->len, text, len);
	t->len += len;
}

static void wake(struct stream *t)
{
	if (t->suspended) {
		t->suspended = false;
		MHD_resume_connection(t->connection);
	}
}

struct MHD_Response *streams_open(struct streams *s, struct MHD_Connection *c)
{
	static const char begin[] = "retry: 2000\nevent: ping\ndata:\n\n";
	struct stream *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->all = s;
	t->connection = c;
	put(t, begin, sizeof(begin) - 1);
	pthread_mutex_lock(&s->lock);
	bool room = s->n < STREAMS_MAX && !s->closing;
	if (room) {
		t->next = s->first;
		s->first = t;
		s->n++;
	}
	pthread_mutex_unlock(&s->lock);
	struct MHD_Response *r = room ? MHD_create_response_from_callback(
						MHD_SIZE_UNKNOWN, BLOCK_LEN, on_read, t, on_free)
				      : NULL;
	if (!r)
		on_free(t);
	return r;
}

void streams_tell(struct streams *s, const char *text)
{
	pthread_mutex_lock(&s->lock);
	for (struct stream *t = s->first; t; t = t->next) {
		put(t, text, strlen(text));
		wake(t);
	}
	pthread_mutex_unlock(&s->lock);
}

void streams_end(struct streams *s)
{
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	for (struct stream *t = s->first; t; t = t->next)
		wake(t);
	pthread_mutex_unlock(&s->lock);
}
