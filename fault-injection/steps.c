/* fault-injection/steps.c - a table of cuts. */
#include "steps.h"

#include <inttypes.h>

FILE *steps_open(const char *name)
{
    FILE *file = fopen(name, "w");

    if (file != NULL)
        fputs("sequence\tnumber\toperation\tsite\tlog10_states\trecoveries\n", file);
    return file;
}

void steps_note(FILE *file, const char *sequence, size_t number, const struct cut *cut,
                uint64_t recoveries)
{
    double log10_states = 0;

    (void)disk_undecided(cut->disk, &log10_states);
    fprintf(file, "%s\t%zu\t%s\t%s\t%.3f\t%" PRIu64 "\n",
            sequence[0] != '\0' ? sequence : "make-store", number, sim_op_names[cut->op],
            cut->next != NULL ? cut->next : "", log10_states, recoveries);
}
