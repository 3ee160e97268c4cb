/* SPDX-License-Identifier: Apache-2.0
 * Jobs from HTTP threads to the logic thread: a list under a lock, and an eventfd that wakes the loop. */
#include "base/cleanup.h"
#include "lugd/lugd-int.h"
#include <sys/eventfd.h>

int queue_init(struct queue *q, struct err *e)
{
	pthread_mutex_init(&q->lock, NULL);
	q->first = NULL;
	q->last = &q->first;
	q->closed = false;
	q->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return q->event_fd < 0 ? err_set(e, err_errno(errno), NULL, "Cannot make an eventfd: %s",
					 strerror(errno))
			       : 0;
}

void queue_done(struct queue *q)
{
	if (q->event_fd >= 0)
		close(TAKE_FD(q->event_fd));
	pthread_mutex_destroy(&q->lock);
}

int queue_put(struct queue *q, struct http_job *job)
{
	const uint64_t one = 1;
	job->next = NULL;
	pthread_mutex_lock(&q->lock);
	bool closed = q->closed;
	if (!closed) {
		*q->last = job;
		q->last = &job->next;
	}
	pthread_mutex_unlock(&q->lock);
	if (closed)
		return -ERR_AGAIN;
	/* It can only fail when the counter is full, and then the loop is awake already. */
	ssize_t n = write(q->event_fd, &one, sizeof(one));
	(void)n;
	return 0;
}

struct http_job *queue_take(struct queue *q)
{
	uint64_t count;
	ssize_t n = read(q->event_fd, &count, sizeof(count));
	(void)n;
	pthread_mutex_lock(&q->lock);
	struct http_job *jobs = q->first;
	q->first = NULL;
	q->last = &q->first;
	pthread_mutex_unlock(&q->lock);
	return jobs;
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_mutex_unlock(&q->lock);
}
