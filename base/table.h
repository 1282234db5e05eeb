/* base/table.h: tables for people, on standard output. */
#pragma once
#include <stddef.h>
struct error;

/* Writes rows of cells, the titles first, each column as wide as its widest cell. A full disk or a closed pipe is an error. */
int table_print(const char *const *cells, size_t columns, size_t rows, struct error *err);
