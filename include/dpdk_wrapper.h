/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bindgen reads: the DPDK calls that gate25-dataplane makes, and no more.
 *
 * Calls that are exported functions are bound from DPDK's own headers (allowlist in
 * dataplane/dpdk-sys/build.rs). Static inlines, bit fields and structures whose members moved between
 * 22.11 and 24.11 are reached through dpdk_shim.h only.
 */
#ifndef GATE25_DPDK_WRAPPER_H
#define GATE25_DPDK_WRAPPER_H

#include <rte_config.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_version.h>

#include "dpdk_shim.h"

/* RTE_BIT64() hides a constant from bindgen: name it again with a type. */
static const uint64_t GATE25_RX_OFFLOAD_SCATTER = RTE_ETH_RX_OFFLOAD_SCATTER;
static const uint64_t GATE25_RX_OFFLOAD_RSS_HASH = RTE_ETH_RX_OFFLOAD_RSS_HASH;
static const uint64_t GATE25_TX_OFFLOAD_MULTI_SEGS = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
static const uint64_t GATE25_TX_OFFLOAD_FAST_FREE = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
static const uint64_t GATE25_RSS_IP = RTE_ETH_RSS_IP;
static const uint64_t GATE25_RSS_IPV4 = RTE_ETH_RSS_IPV4;
static const uint64_t GATE25_RSS_IPV6 = RTE_ETH_RSS_IPV6;
static const uint64_t GATE25_RSS_INNERMOST = RTE_ETH_RSS_LEVEL_INNERMOST;

#endif
