/* base/tree.h: whole trees of files, and their end. */
#pragma once
struct error;

/* Removes `name` beneath `dir` and all that is in it. What is gone already is fine. Links are not followed and no other file
 * system is entered: a mount inside is -EXDEV or -EBUSY, what is immutable -EPERM, and what could be removed is gone then.
 * Neither depth nor number of files matters: nothing here recurses, and at most three descriptors are open. */
int tree_erase(int dir, const char *name, struct error *err);
