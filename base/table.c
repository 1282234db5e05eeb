/* base/table.c: see the header. */
#include "base/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int table_print(const char *const *cells, size_t columns, size_t rows, struct error *err)
{
	size_t *widths = calloc(columns, sizeof(*widths));

	if (!widths)
		return error_sys(err, ENOMEM, "write a table");
	for (size_t i = 0; i < columns * rows; i++)
		if (strlen(cells[i]) > widths[i % columns])
			widths[i % columns] = strlen(cells[i]);
	for (size_t i = 0; i < columns * rows; i++)
		if (i % columns < columns - 1)
			(void)printf("%-*s   ", (int)widths[i % columns], cells[i]);
		else
			(void)printf("%s\n", cells[i]);
	free(widths);
	return fflush(stdout) < 0 || ferror(stdout) ? error_sys(err, errno, "write to standard output") : 0;
}
