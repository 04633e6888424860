/*
 * fault-injection/disk/sites.h - which calls in the sources that change or sync the disk had the
 * power cut before them, and behind them.
 */
#ifndef HF_FAULT_SITES_H
#define HF_FAULT_SITES_H

#include <stdint.h>

/* The call that this thread is making (site.h), which is forgotten by that; NULL: none is known. */
const char *sites_take(void);

/* The power is cut behind the call `last` and before `next`; either may be NULL. */
void sites_count(const char *last, const char *next);
/* One line for each site: "site FILE:LINE BEFORE BEHIND". */
void sites_print(void);

#endif
