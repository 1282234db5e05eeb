/* runtime/pasta.h: pasta for one container: started while its first process mounts, gone with its state. */
#pragma once
struct container;
struct error;
struct faults;
struct net_request;
struct plan;
struct record;

/* Plans it, for a request of that mode. */
void pasta_plan_for(struct plan *plan, const struct net_request *request, struct faults *faults);

/* The namespaces of the first process, opened while it waits for us: soon it hides. */
struct pasta_ends {
	int netns, userns; /* owned; -1 = none */
};
int pasta_look(const struct plan *plan, int child, struct pasta_ends *ret_ends, struct error *err);
void pasta_close(struct pasta_ends *ends);

/* Starts it for the container with the state directory `dir`, and puts it into the record. */
int pasta_serve(
	const struct plan *plan, int dir, const struct pasta_ends *ends, struct record *record, struct error *err);

/* Ends it and waits until it has. */
void pasta_erase(const struct container *container);
