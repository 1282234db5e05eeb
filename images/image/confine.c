/* images/image/confine.c: see the header. */
#include "images/image/confine.h"

#include <stddef.h>

#include "images/image/files.h"
#include "images/image/sandbox.h"
#include "images/image/source.h"
#include "images/image/verb.h"

/* -1 is a folder that is not there. */
static int confine(const struct call *call, int writable, int readable, struct error *err)
{
	const struct sandbox sandbox = {
		.writable = &writable,
		.writable_count = writable >= 0,
		.readable = &readable,
		.readable_count = readable >= 0,
		.trusted_xattrs = !call->ids,
	};

	return sandbox_enter(&sandbox, err);
}

int confine_take(const struct call *call, int target, const struct source *source, struct error *err)
{
	return confine(call, target, source->files ? files_folder(source->files) : source->folder, err);
}

int confine_export(const struct call *call, int store, int target, struct error *err)
{
	return confine(call, target, store, err);
}

int confine_store(const struct call *call, int store, struct error *err)
{
	return confine(call, store, -1, err);
}
