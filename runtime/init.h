/* runtime/init.h: the container's first process, between clone and exec. */
#pragma once
struct plan;

struct init_args {
	const struct plan *plan;
	int sock;        /* the init's end of the pair */
	int parent_sock; /* husk's end, closed first: else the init would never see husk's end */
	int state_dir;   /* closed too: with it open, husk's lock would outlive husk */
};

/* Runs in the child; `args` is a struct init_args. Never returns. */
void init_walk(void *args);
