/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C side of dpdk-sys: DPDK's static inlines that are called once per burst, and accessors for what moved
 * between DPDK 22.11 and 24.11. Every structure here is ours, so that Rust sees one layout for all versions.
 */
#ifndef GATE25_DPDK_SHIM_H
#define GATE25_DPDK_SHIM_H

#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

/* What a port can do and where it is; from rte_eth_dev_info_get(). */
struct gate25_port_info {
	const char *driver;           /* static string of the driver, or NULL */
	uint32_t if_index;            /* kernel interface behind the port, 0 if none */
	uint32_t max_rx_frame;        /* bytes, as the driver claims */
	uint32_t min_rx_buffer;       /* bytes */
	uint16_t min_mtu, max_mtu;
	uint16_t max_rx_queues, max_tx_queues;
	uint16_t rx_desc, tx_desc;    /* the driver's recommended ring sizes, 0 if it has no opinion */
	uint64_t rx_offloads, tx_offloads;
	uint64_t rss_types;           /* RTE_ETH_RSS_* the port can hash on */
	uint32_t rss_key_size;        /* bytes */
	int32_t socket;               /* NUMA node, -1 if unknown */
};

/* How to configure a port; for rte_eth_dev_configure(). */
struct gate25_port_conf {
	uint16_t rx_queues, tx_queues;
	uint32_t mtu;                 /* 0: leave the driver's */
	uint64_t rx_offloads, tx_offloads;
	uint64_t rss_types;           /* 0: no RSS */
	uint8_t *rss_key;             /* NULL: the driver's own */
	uint8_t rss_key_len;
	uint8_t rx_interrupts;        /* 1: receive interrupts can be enabled later */
};

struct gate25_link_state {
	uint32_t speed_mbps;          /* UINT32_MAX: unknown */
	uint8_t up;
	uint8_t full_duplex;
};

/* Per burst. Same contracts as the rte_ functions they wrap. */
uint16_t gate25_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n);
uint16_t gate25_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n);
uint64_t gate25_rdtsc(void);
void gate25_pause(void);

/* Rare packets: rejects and chains of segments. */
struct rte_mbuf *gate25_mbuf_alloc(struct rte_mempool *pool);
void gate25_mbuf_free(struct rte_mbuf *m);
/* Room for `len` bytes at the tail, or NULL; lengths are already advanced. */
uint8_t *gate25_mbuf_append(struct rte_mbuf *m, uint16_t len);
struct rte_mbuf *gate25_mbuf_next(const struct rte_mbuf *m);

/* Set-up and housekeeping. Errors are negative errno values. */
int gate25_port_info(uint16_t port, struct gate25_port_info *out);
int gate25_port_configure(uint16_t port, const struct gate25_port_conf *conf);
int gate25_port_link(uint16_t port, struct gate25_link_state *out);
/* errno of the last failed rte_ call on this thread (rte_errno). */
int gate25_errno(void);
/* DPDK logs to `fd` from now on, line by line; fd is owned by the callee afterwards. */
int gate25_log_to(int fd);
/* Kernel interfaces: 1 up and running, 0 not, or negative errno. */
int gate25_if_running(const char *name);
/* Set or clear IFF_UP of a kernel interface. */
int gate25_if_set_up(const char *name, int up);

#endif
