/* SPDX-License-Identifier: Apache-2.0 */
/* rte_lpm for dpdk_peers.h: its look-ups are static inlines. */
#include "dpdk_peers.h"

#include <string.h>

#include <rte_lpm.h>
#include <rte_vect.h>

struct rte_lpm *gate25_lpm_create(const char *name, int socket, uint32_t max_rules, uint32_t number_tbl8s)
{
	struct rte_lpm_config config = { .max_rules = max_rules, .number_tbl8s = number_tbl8s, .flags = 0 };

	return rte_lpm_create(name, socket, &config);
}

int gate25_lpm_add(struct rte_lpm *lpm, uint32_t ip, uint8_t depth, uint32_t next_hop)
{
	return rte_lpm_add(lpm, ip, depth, next_hop);
}

void gate25_lpm_free(struct rte_lpm *lpm)
{
	rte_lpm_free(lpm);
}

/* A constant burst, as applications have it, lets the compiler unroll the inlines. */
#define BURST 32

static inline void bulk(const struct rte_lpm *lpm, const uint32_t *ips, uint32_t *next_hops, const unsigned int n)
{
	rte_lpm_lookup_bulk(lpm, ips, next_hops, n);
	for (unsigned int i = 0; i < n; i++)
		next_hops[i] = next_hops[i] & RTE_LPM_LOOKUP_SUCCESS ? next_hops[i] & 0x00ffffff : 0;
}

void gate25_lpm_lookup_bulk(const struct rte_lpm *lpm, const uint32_t *ips, uint32_t *next_hops, uint32_t n)
{
	if (n == BURST)
		bulk(lpm, ips, next_hops, BURST);
	else
		bulk(lpm, ips, next_hops, n);
}

void gate25_lpm_lookup_x4(const struct rte_lpm *lpm, const uint32_t *ips, uint32_t *next_hops, uint32_t n)
{
	for (uint32_t i = 0; i + 4 <= n; i += 4) {
		xmm_t four;

		memcpy(&four, ips + i, sizeof(four));
		rte_lpm_lookupx4(lpm, four, next_hops + i, 0);
	}
}
