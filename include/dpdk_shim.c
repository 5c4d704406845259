/* SPDX-License-Identifier: Apache-2.0 */
/* See dpdk_shim.h. Compiled into dpdk-sys by its build.rs, against the DPDK that pkg-config finds. */
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dpdk_wrapper.h"

#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0)
#error "gate25 needs DPDK 22.11 or newer"
#endif

/* dpdk-sys reads these members of an mbuf in Rust (MbufHead in dpdk-sys/src/lib.rs). */
_Static_assert(offsetof(struct rte_mbuf, buf_addr) == 0, "rte_mbuf.buf_addr moved");
_Static_assert(offsetof(struct rte_mbuf, data_off) == 16, "rte_mbuf.data_off moved");
_Static_assert(offsetof(struct rte_mbuf, nb_segs) == 20, "rte_mbuf.nb_segs moved");
_Static_assert(offsetof(struct rte_mbuf, port) == 22, "rte_mbuf.port moved");
_Static_assert(offsetof(struct rte_mbuf, ol_flags) == 24, "rte_mbuf.ol_flags moved");
_Static_assert(offsetof(struct rte_mbuf, packet_type) == 32, "rte_mbuf.packet_type moved");
_Static_assert(offsetof(struct rte_mbuf, pkt_len) == 36, "rte_mbuf.pkt_len moved");
_Static_assert(offsetof(struct rte_mbuf, data_len) == 40, "rte_mbuf.data_len moved");
_Static_assert(sizeof(((struct rte_mbuf *)0)->pkt_len) == 4, "rte_mbuf.pkt_len resized");
_Static_assert(sizeof(((struct rte_mbuf *)0)->data_len) == 2, "rte_mbuf.data_len resized");
_Static_assert(sizeof(struct rte_mbuf) == 128, "rte_mbuf resized");

uint16_t gate25_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	return rte_eth_rx_burst(port, queue, mbufs, n);
}

uint16_t gate25_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	return rte_eth_tx_burst(port, queue, mbufs, n);
}

uint64_t gate25_rdtsc(void)
{
	return rte_rdtsc();
}

void gate25_pause(void)
{
	rte_pause();
}

struct rte_mbuf *gate25_mbuf_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

void gate25_mbuf_free(struct rte_mbuf *m)
{
	rte_pktmbuf_free(m);
}

uint8_t *gate25_mbuf_append(struct rte_mbuf *m, uint16_t len)
{
	return (uint8_t *)rte_pktmbuf_append(m, len);
}

struct rte_mbuf *gate25_mbuf_next(const struct rte_mbuf *m)
{
	return m->next;
}

int gate25_port_info(uint16_t port, struct gate25_port_info *out)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(port, &info);

	if (rc != 0)
		return rc;
	memset(out, 0, sizeof(*out));
	out->driver = info.driver_name;
	out->if_index = info.if_index;
	out->max_rx_frame = info.max_rx_pktlen;
	out->min_rx_buffer = info.min_rx_bufsize;
	out->min_mtu = info.min_mtu;
	out->max_mtu = info.max_mtu;
	out->max_rx_queues = info.max_rx_queues;
	out->max_tx_queues = info.max_tx_queues;
	out->rx_desc = info.default_rxportconf.ring_size;
	out->tx_desc = info.default_txportconf.ring_size;
	out->rx_offloads = info.rx_offload_capa;
	out->tx_offloads = info.tx_offload_capa;
	out->rss_types = info.flow_type_rss_offloads;
	out->rss_key_size = info.hash_key_size;
	out->socket = rte_eth_dev_socket_id(port);
	return 0;
}

int gate25_port_configure(uint16_t port, const struct gate25_port_conf *conf)
{
	struct rte_eth_conf eth;

	memset(&eth, 0, sizeof(eth));
	eth.rxmode.mtu = conf->mtu;
	eth.rxmode.offloads = conf->rx_offloads;
	eth.txmode.offloads = conf->tx_offloads;
	eth.intr_conf.rxq = conf->rx_interrupts;
	if (conf->rss_types != 0) {
		eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		eth.rx_adv_conf.rss_conf.rss_hf = conf->rss_types;
		eth.rx_adv_conf.rss_conf.rss_key = conf->rss_key;
		eth.rx_adv_conf.rss_conf.rss_key_len = conf->rss_key_len;
	}
	return rte_eth_dev_configure(port, conf->rx_queues, conf->tx_queues, &eth);
}

int gate25_port_link(uint16_t port, struct gate25_link_state *out)
{
	struct rte_eth_link link;
	int rc;

	memset(&link, 0, sizeof(link));
	rc = rte_eth_link_get_nowait(port, &link);
	if (rc != 0)
		return rc;
	out->speed_mbps = link.link_speed;
	out->up = link.link_status == RTE_ETH_LINK_UP;
	out->full_duplex = link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	return 0;
}

int gate25_errno(void)
{
	return rte_errno;
}

int gate25_log_to(int fd)
{
	FILE *f = fdopen(fd, "a");

	if (f == NULL)
		return -errno;
	setvbuf(f, NULL, _IOLBF, 0);
	return rte_openlog_stream(f);
}

/* Reads the flags of `name` into `ifr`; returns the socket used, or negative errno. */
static int if_flags(const char *name, struct ifreq *ifr)
{
	int s, rc;

	memset(ifr, 0, sizeof(*ifr));
	if (strlen(name) >= sizeof(ifr->ifr_name))
		return -ENAMETOOLONG;
	strcpy(ifr->ifr_name, name);
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return -errno;
	if (ioctl(s, SIOCGIFFLAGS, ifr) < 0) {
		rc = -errno;
		close(s);
		return rc;
	}
	return s;
}

int gate25_if_running(const char *name)
{
	struct ifreq ifr;
	int s = if_flags(name, &ifr);

	if (s < 0)
		return s;
	close(s);
	return (ifr.ifr_flags & IFF_UP) && (ifr.ifr_flags & IFF_RUNNING);
}

int gate25_if_set_up(const char *name, int up)
{
	struct ifreq ifr;
	int rc = 0;
	int s = if_flags(name, &ifr);

	if (s < 0)
		return s;
	if (up)
		ifr.ifr_flags |= IFF_UP;
	else
		ifr.ifr_flags &= ~IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &ifr) < 0)
		rc = -errno;
	close(s);
	return rc;
}
