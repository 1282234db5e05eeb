/* images/image/store.h: how the store is filled (what it holds: images/images.h).
 *
 * Whatever is made is made in a folder of its maker's beneath tmp/, is written down (fsync, or syncfs for a tree), and then gets
 * its name by rename(2): layers and blobs first, then the record that needs them, then the name that needs the record. So at
 * any moment a crash leaves a whole store, and at worst a folder in tmp/, whose lock died with its maker: whoever comes next
 * removes it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/images.h"
struct arena;
struct error;
struct userns_ids;

/* A folder of its own in which a command makes things. */
struct work {
	int parent;    /* the folder it lies in; borrowed */
	int dir;       /* owned; holds the lock */
	char name[32]; /* in parent */
};

/* Makes one in `parent`, and removes those whose makers are gone. */
int work_open(int parent, struct work *ret, struct error *err);
void work_close(struct work *work); /* and removes what is in it; not opened (dir -1) is fine */

/* Opens tmp/ of the store for work_open(); the caller's. */
int store_open_tmp(int store, struct error *err);

/* One at a time makes an image: waits for the others who make this one. The lock is the descriptor, which goes to
 * store_unlock_image(); -1 is fine there. */
int store_lock_image(int store, const struct digest *digest, struct error *err);
void store_unlock_image(int store, const struct digest *digest, int *lock);

/* Gives what lies in `work` as `name` its place as a blob. It must have been synced; what is there already stays. */
int store_place_blob(
	int store, const struct work *work, const char *name, const struct digest *digest, struct error *err);

/* Writes a text and places it. */
int store_put_blob(int store, const struct work *work, const struct digest *digest, const char *text, size_t len,
	struct error *err);

/* 1 if the blob is there, with this size; else 0. */
int store_has_blob(int store, const struct digest *digest, uint64_t size);

/* What is known of a layer beside its tree. */
struct layer_info {
	uint64_t unpacked; /* bytes */
	bool rests_on_lower;
};

/* Writes the info into the folder `name` of `work`, where the tree is; and for a user (else NULL) what the ids of its files are
 * on the host. */
int store_write_info(const struct work *work, const char *name, const struct layer_info *info,
	const struct userns_ids *ids, struct error *err);

/* Gives such a folder its place as a layer. It must have been synced, with all that is in it; what is there already stays. */
int store_place_layer(int store, const struct work *work, const char *name, const struct digest *id, const char *form,
	struct error *err);

/* 1 and its info where the layer is there, in this form ("" as a rule), else 0. */
int store_has_layer(int store, const struct digest *id, const char *form, struct layer_info *ret);

/* Writes the record, after everything that has been placed has reached the disk. */
int store_put_record(int store, const struct work *work, const struct image *image, struct error *err);

/* Lets `name` be the image's, whosever it was. */
int store_put_name(
	int store, const struct work *work, const char *name, const struct digest *digest, struct error *err);

/* Calls `each` with the name of every entry of a folder of the store but "." and "..", until it returns less than 0. */
int store_list(int store, const char *folder, int (*each)(void *data, const char *name, struct error *err), void *data,
	struct error *err);

/* All records, in the order of their files' names; damaged ones are an error. In the arena. */
int store_read_images(int store, struct arena *arena, struct image **ret, size_t *ret_count, struct error *err);

/* The names that lead to an image, sorted. */
int store_names_of(
	int store, const struct digest *digest, struct arena *arena, struct spec_strings *ret, struct error *err);
