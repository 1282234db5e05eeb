/* runtime/self.h: whether our own file is out of a container's reach. */
#pragma once
struct error;

/* 0 where it is: run from an overlay or a sealed copy (launcher.c), or from a file that we could not write ourselves.
 * Else -EPERM. Asked before anything of ours enters a container [CVE-2019-5736]. */
int self_check(struct error *err);
