/* images/image/root.c: a plain root, a folder or a tar, as an image of one layer. */
#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/text.h"
#include "images/image/made.h"
#include "images/image/source.h"
#include "images/image/spool.h"
#include "images/image/tar_write.h"

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* As old as what it was made of, so that the same root is the same image. */
static void write_created(struct json_writer *w, const struct stat *st)
{
	char buf[64];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	text_add_time(&text, &st->st_mtim, 0);
	json_string(w, "created", buf);
}

static const char *write_config(const struct platform *platform, const struct stat *st, const struct digest *diff_id,
	struct arena *arena, size_t *ret_len)
{
	char digest[DIGEST_TEXT_MAX];
	struct json_writer w;
	const char *text;

	json_write_init(&w);
	json_object(&w, NULL);
	write_created(&w, st);
	json_string(&w, "architecture", platform->architecture);
	if (*platform->variant)
		json_string(&w, "variant", platform->variant);
	json_string(&w, "os", platform->os);
	json_object(&w, "config");
	json_array(&w, "Env");
	json_string(&w, NULL, PATH_DEFAULT);
	json_array_end(&w);
	json_object_end(&w);
	json_object(&w, "rootfs");
	json_string(&w, "type", "layers");
	json_array(&w, "diff_ids");
	json_string(&w, NULL, digest_text(diff_id, digest));
	json_array_end(&w);
	json_object_end(&w);
	json_object_end(&w);
	text = json_write_end(&w, ret_len);
	text = text ? arena_copy(arena, text, *ret_len) : NULL;
	json_write_done(&w);
	return text;
}

static int archive_folder(struct source *source, int spool, struct error *err)
{
	cleanup_close int file = spool_make(spool, err);
	int r = file < 0 ? file
			 : tar_write_tree(source->file, file, source->reference->path, source->strangers_are_root, err);

	if (r < 0)
		return r;
	fd_closep(&source->file);
	source->file = fd_take(&file);
	return 0;
}

int source_begin_root(struct source *source, int spool, struct arena *arena, struct error *err)
{
	struct spool_digests digests = { 0 };
	const char *config = NULL;
	struct stat st;
	size_t len = 0;
	int r = 0;

	if (fstat(source->file, &st) < 0)
		return error_sys(err, errno, "look at %s", source->reference->path);
	if (S_ISDIR(st.st_mode))
		r = archive_folder(source, spool, err);
	if (r == 0 && lseek(source->file, 0, SEEK_SET) < 0)
		r = error_sys(err, errno, "read %s", source->reference->path);
	if (r == 0)
		r = spool_digest(source->file, &digests, err);
	if (r < 0)
		return r;
	source->made = ARENA_ARRAY(arena, 2, struct made_blob);
	source->made[source->made_count++] = (struct made_blob){ .digest = digests.digest, .size = digests.size };
	config = write_config(source->platform, &st, &digests.diff_id, arena, &len);
	return config ? made_finish(source, config, len, arena, err) : error_sys(err, ENOMEM, "write a config");
}
