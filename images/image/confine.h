/* images/image/confine.h: what a command may still do once it has opened what it needs (sandbox.h). */
#pragma once
struct call;
struct error;
struct source;

/* For those that fill the store, or a bundle (`target`), from a source. */
int confine_take(const struct call *call, int target, const struct source *source, struct error *err);

/* For those that write from the store to `target`; -1 = only to what is open. */
int confine_export(const struct call *call, int store, int target, struct error *err);

/* For those that look at or change the store alone. */
int confine_store(const struct call *call, int store, struct error *err);
