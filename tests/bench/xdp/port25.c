// SPDX-License-Identifier: Apache-2.0
// The least that an XDP program has to do for gate25's main job: up to two VLAN tags, IPv4 or IPv6 without extension
// headers, SYN to port 25, longest prefix match of the source; dropped if it is found. A peer for bench, not a product:
// no fragments, tunnels, options of IPv6, PPPoE, MPLS, exemptions, counters or records.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct key4 { __u32 length; __u8 address[4]; };
struct key6 { __u32 length; __u8 address[16]; };

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1 << 20);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct key4);
	__type(value, __u32);
} sources4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1 << 20);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct key6);
	__type(value, __u32);
} sources6 SEC(".maps");

// Whether TCP's 14 bytes at `tcp` are a SYN to port 25 without ACK.
static __always_inline int candidate(const __u8 *tcp, const __u8 *end)
{
	return tcp + 14 <= end && tcp[2] == 0 && tcp[3] == 25 && (tcp[13] & 0x12) == 0x02;
}

SEC("xdp")
int port25(struct xdp_md *context)
{
	const __u8 *at = (const __u8 *)(long)context->data;
	const __u8 *end = (const __u8 *)(long)context->data_end;
	__u16 type;

	if (at + 14 > end)
		return XDP_PASS;
	type = at[12] << 8 | at[13];
	at += 14;
#pragma unroll
	for (int tag = 0; tag < 2; tag++) {
		if (type != 0x8100 && type != 0x88a8)
			break;
		if (at + 4 > end)
			return XDP_PASS;
		type = at[2] << 8 | at[3];
		at += 4;
	}
	if (type == 0x0800) {
		struct key4 key = { .length = 32 };

		if (at + 20 > end || at[0] != 0x45 || at[9] != 6 || !candidate(at + 20, end))
			return XDP_PASS;
		__builtin_memcpy(key.address, at + 12, 4);
		return bpf_map_lookup_elem(&sources4, &key) ? XDP_DROP : XDP_PASS;
	}
	if (type == 0x86dd) {
		struct key6 key = { .length = 128 };

		if (at + 40 > end || at[6] != 6 || !candidate(at + 40, end))
			return XDP_PASS;
		__builtin_memcpy(key.address, at + 8, 16);
		return bpf_map_lookup_elem(&sources6, &key) ? XDP_DROP : XDP_PASS;
	}
	return XDP_PASS;
}

char program_license[] SEC("license") = "Apache-2.0";
