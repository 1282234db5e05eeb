/* images/fetch/server.h: many jobs at once, in one thread. */
#pragma once
#include "images/fetch/job.h"

/* Serves the requests that come by `sock` until its other end is closed (0), or until something is wrong that no answer can
 * tell. [images/fetch_protocol.h] */
int serve(struct fetcher *fetcher, int sock, struct error *err);

/* Sends one answer; -EAGAIN where the socket is full. */
int serve_answer(int sock, unsigned id, const struct error *err, const char *text, int next_place);
