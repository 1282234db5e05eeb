/* runtime/cli/state.h: the state document of a container that was looked up. */
#pragma once
#include "runtime/container.h"

/* Borrows everything from the container's record. */
static inline struct spec_state state_of(const struct container *container)
{
	const struct record *record = &container->record;

	return (struct spec_state){
		.id = container->id,
		.status = container->status,
		.pid = container->pid,
		.bundle = record->bundle ? record->bundle : "",
		.rootfs = record->rootfs,
		.created = record->created,
		.owner = record->owner,
		.annotations = record->annotations,
		.annotation_count = record->annotation_count,
	};
}
