#include "images/image/confine.h"
int confine_take(int target, const struct source *source, struct error *err)
{
	(void)target, (void)source, (void)err;
	return 0;
}
int confine_export(int target, int source, struct error *err)
{
	(void)target, (void)source, (void)err;
	return 0;
}
int confine_store(int target, struct error *err)
{
	(void)target, (void)err;
	return 0;
}
