/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bindgen reads besides dpdk_wrapper.h when dpdk-sys is built with the feature `peers`: DPDK's own
 * look-ups, for scripts/bench lookup. No product is built with it.
 */
#ifndef GATE25_DPDK_PEERS_H
#define GATE25_DPDK_PEERS_H

#include <rte_config.h>

#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm6.h>

struct rte_lpm;

/* rte_lpm.h is not bound: its look-ups are static inlines and its structures bit fields. Results are next hops, 0 for a
 * miss; `n` is a multiple of 4. */
struct rte_lpm *gate25_lpm_create(const char *name, int socket, uint32_t max_rules, uint32_t number_tbl8s);
int gate25_lpm_add(struct rte_lpm *lpm, uint32_t ip, uint8_t depth, uint32_t next_hop);
void gate25_lpm_free(struct rte_lpm *lpm);
void gate25_lpm_lookup_bulk(const struct rte_lpm *lpm, const uint32_t *ips, uint32_t *next_hops, uint32_t n);
void gate25_lpm_lookup_x4(const struct rte_lpm *lpm, const uint32_t *ips, uint32_t *next_hops, uint32_t n);

#endif
