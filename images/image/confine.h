/* images/image/confine.h: what a command may still do once it has opened what it needs. */
#pragma once
struct error;
struct source;

/* For those that fill the store, or a bundle (`target`), from a source. */
int confine_take(int target, const struct source *source, struct error *err);
