/* runtime/cli/image_ids.c: whose the files of an image are, for a user: his ids in the container, and layers that fit them.
 *
 * A layer is unpacked for a map of ids (images/images.h), as a rule the one that is wanted now. Where it is not, because
 * /etc/subuid has changed or the container keeps the user's own id, husk-image unpacks it once more, without a registry. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/cli/from_image.h"

/* ---- which ids ---- */

/* "uid=N", "gid=N" */
static int take_setting(char *setting, uint32_t *uid, uint32_t *gid, struct error *err)
{
	uint64_t value = 0;
	char *number = strchr(setting, '=');
	uint32_t *id = text_starts_with(setting, "uid=") ? uid : text_starts_with(setting, "gid=") ? gid : NULL;

	if (!id || text_to_u64(number + 1, 0, UINT32_MAX - 1, &value) < 0)
		return error_bad(err, EINVAL, "expected uid=N or gid=N, found \"%s\"", setting);
	*id = (uint32_t)value;
	return 0;
}

static int keep_id(struct from_image *from, const char *settings, const struct error *why, struct error *err)
{
	const struct userns_ids own = from->ids;
	uint32_t uid = geteuid(), gid = getegid();
	char *rest = arena_strdup(from->arena, settings);
	int r = 0;

	if (!from->many_ids) {
		*err = *why;
		return error_at(err, "--userns keep-id");
	}
	for (char *setting; r == 0 && *settings && (setting = strsep(&rest, ","));)
		r = take_setting(setting, &uid, &gid, err);
	if (r == 0)
		r = userns_keep(&own, uid, gid, &from->ids, err);
	from->keep_id = arena_printf(from->arena, "%u:%u", uid, gid);
	return r < 0 ? error_at(err, "--userns keep-id") : 0;
}

int image_ids_decide(struct from_image *from, struct error *err)
{
	const char *userns = from->flags->userns;
	size_t len = userns ? strcspn(userns, ":") : 0;
	struct error why = { 0 };

	if (!from->rootless)
		return 0;
	from->many_ids = userns_ids(&from->ids, &why) == USERNS_MANY_IDS;
	if (!userns || len != strlen("keep-id") || strncmp(userns, "keep-id", len) != 0)
		return 0;
	return keep_id(from, userns + len + (userns[len] == ':'), &why, err);
}

/* ---- layers that fit ---- */

static bool fits(const struct from_image *from, const char *form, const char *wanted)
{
	struct userns_ids one = { { { { 0, geteuid(), 1 } }, 1 }, { { { 0, getegid(), 1 } }, 1 } };
	char ids[USERNS_IDS_TEXT_MAX];

	for (size_t i = 0; i < from->image.layer_count; i++) {
		struct image_layer *layer = &from->image.layers[i];
		layer->form = form;
		if (image_layer_ids(from->store, layer, ids, sizeof(ids)) == 0) {
			if (form) /* not made yet */
				return false;
			userns_ids_text(&one, ids); /* made by a husk that knew no others */
		}
		if (strcmp(ids, wanted) != 0)
			return false;
	}
	return true;
}

int image_ids_fit(struct from_image *from, struct error *err)
{
	char wanted[USERNS_IDS_TEXT_MAX], digest[DIGEST_TEXT_MAX];
	const char *argv[5] = { "image", "fit" }, *output, *form;
	size_t count = 2;
	int r;

	if (!from->rootless)
		return 0;
	userns_ids_text(&from->ids, wanted);
	if (fits(from, NULL, wanted))
		return 0;
	form = image_form(wanted, from->arena);
	if (fits(from, form, wanted))
		return 0;
	if (from->flags->quiet)
		argv[count++] = "--quiet";
	if (from->keep_id)
		argv[count++] = arena_printf(from->arena, "--keep-id=%s", from->keep_id);
	argv[count++] = digest_text(&from->image.digest, digest);
	r = from_image_ask(from, argv, count, &output, err);
	if (r < 0)
		return r;
	return fits(from, form, wanted)
		? 0
		: error_bad(
			  err, EIO, "the image \"%s\" was unpacked for your ids, but is not there", from->flags->image);
}
