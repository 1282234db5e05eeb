/* images/image/confine.c: see the header. */
#include "images/image/confine.h"

#include <unistd.h>

#include "images/image/files.h"
#include "images/image/sandbox.h"
#include "images/image/source.h"

/* -1 is a folder that is not there. */
static int confine(int writable, int readable, struct error *err)
{
	const struct sandbox sandbox = {
		.writable = &writable,
		.writable_count = writable >= 0,
		.readable = &readable,
		.readable_count = readable >= 0,
		.trusted_xattrs = geteuid() == 0,
	};

	return sandbox_enter(&sandbox, err);
}

int confine_take(int target, const struct source *source, struct error *err)
{
	return confine(target, source->files ? files_folder(source->files) : source->folder, err);
}

int confine_export(int store, int target, struct error *err)
{
	return confine(target, store, err);
}

int confine_store(int store, struct error *err)
{
	return confine(store, -1, err);
}
