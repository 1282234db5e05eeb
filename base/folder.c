/* base/folder.c: where the programs are, which only the build knows: compiled once for the build tree, and once for
 * `make install`. */
#include "base/program.h"

const char program_folder[] = HUSK_FOLDER;
