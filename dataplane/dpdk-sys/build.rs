//! Finds the distribution's libdpdk by pkg-config, compiles the C shim of include/ against it and binds the
//! calls that gate25-dataplane makes. Drivers are not linked: EAL opens them itself from its own folder.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    if let Err(cause) = build() {
        println!("cargo::error={cause}");
        std::process::exit(1);
    }
}

fn build() -> Result<(), String> {
    let include = include_dir()?;
    for file in ["dpdk_wrapper.h", "dpdk_shim.h", "dpdk_shim.c", "dpdk_peers.h", "dpdk_peers.c"] {
        println!("cargo::rerun-if-changed={}", include.join(file).display());
    }
    let library = pkg_config::Config::new()
        .atleast_version(OLDEST)
        .probe("libdpdk")
        .map_err(|_| format!("DPDK {OLDEST} or newer is needed, {}: {APT}", found()))?;
    // pkg-config's crate keeps -I, -D, -l and -L; DPDK also says -march and -include.
    let other = other_cflags()?;
    compile("gate25_dpdk_shim", "dpdk_shim.c", &include, &library.include_paths, &other);
    if has_peers() {
        compile("gate25_dpdk_peers", "dpdk_peers.c", &include, &library.include_paths, &other);
    }
    bind(&include, &library.include_paths, &other)
}

fn include_dir() -> Result<PathBuf, String> {
    let here = env::var("CARGO_MANIFEST_DIR").map_err(|error| error.to_string())?;
    let include = Path::new(&here).join("../../include");
    include.canonicalize().map_err(|error| format!("{}: {error}", include.display()))
}

fn other_cflags() -> Result<Vec<String>, String> {
    let text = pkg_config("--cflags-only-other")?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

/// What pkg-config has instead of a DPDK that will do.
fn found() -> String {
    match pkg_config("--modversion") {
        Err(error) => error,
        Ok(version) if version.trim().is_empty() => "pkg-config knows no libdpdk".into(),
        Ok(version) => format!("pkg-config knows libdpdk {}", version.trim()),
    }
}

fn pkg_config(question: &str) -> Result<String, String> {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let output = Command::new(&program).args([question, "libdpdk"]).output();
    let output = output.map_err(|error| format!("{program} does not run ({error})"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether DPDK's look-ups are wanted too: scripts/bench compares with them.
fn has_peers() -> bool {
    env::var_os("CARGO_FEATURE_PEERS").is_some()
}

fn compile(name: &str, file: &str, include: &Path, paths: &[PathBuf], other: &[String]) {
    let mut cc = cc::Build::new();
    cc.file(include.join(file)).include(include).opt_level(2).warnings(true);
    for path in paths {
        // DPDK's inlines are not free of warnings; ours shall be.
        cc.flag("-isystem").flag(path);
    }
    for flag in other {
        cc.flag(flag);
    }
    cc.compile(name);
}

fn bind(include: &Path, paths: &[PathBuf], other: &[String]) -> Result<(), String> {
    let mut builder = bindgen::Builder::default()
        .header(include.join("dpdk_wrapper.h").to_string_lossy())
        .clang_arg(format!("-I{}", include.display()))
        .clang_args(paths.iter().map(|path| format!("-I{}", path.display())))
        .clang_args(other)
        .generate_comments(false)
        .use_core()
        .layout_tests(true)
        .derive_default(true)
        .prepend_enum_name(false)
        .opaque_type("rte_mbuf.*")
        .opaque_type("rte_mempool.*")
        .allowlist_type("rte_eth_stats")
        .allowlist_function("gate25_.*")
        .allowlist_var("GATE25_.*")
        .allowlist_var("RTE_(MAX_ETHPORTS|PKTMBUF_HEADROOM|MBUF_DEFAULT_BUF_SIZE|LOG_.*)");
    for function in FUNCTIONS {
        builder = builder.allowlist_function(function);
    }
    if has_peers() {
        builder = builder.header(include.join("dpdk_peers.h").to_string_lossy());
        for pattern in PEERS {
            builder = builder.allowlist_function(pattern).allowlist_type(pattern);
        }
    }
    let bindings = builder
        .generate()
        .map_err(|error| format!("bindgen over DPDK's headers: {error}; libclang comes with: {APT}"))?;
    let out = env::var("OUT_DIR").map_err(|error| error.to_string())?;
    bindings.write_to_file(Path::new(&out).join("bindings.rs")).map_err(|error| error.to_string())
}

const OLDEST: &str = "22.11";
const APT: &str = "apt-get install libdpdk-dev libclang-dev pkg-config";

/// DPDK's look-ups: functions and types.
const PEERS: &[&str] = &["rte_fib6?_(create|free|add|lookup_bulk|select_lookup|conf|lookup_type)", "rte_lpm6_.*"];

/// Exported functions of DPDK, all of them stable ABI since 22.11.
const FUNCTIONS: &[&str] = &[
    "rte_dev_probe",
    "rte_eal_cleanup",
    "rte_eal_init",
    "rte_eal_remote_launch",
    "rte_eal_wait_lcore",
    "rte_eth_allmulticast_enable",
    "rte_eth_dev_adjust_nb_rx_tx_desc",
    "rte_eth_dev_close",
    "rte_eth_dev_get_mtu",
    "rte_eth_dev_get_port_by_name",
    "rte_eth_dev_rx_intr_ctl_q_get_fd",
    "rte_eth_dev_rx_intr_disable",
    "rte_eth_dev_rx_intr_enable",
    "rte_eth_dev_set_link_down",
    "rte_eth_dev_set_link_up",
    "rte_eth_dev_set_mtu",
    "rte_eth_dev_start",
    "rte_eth_dev_stop",
    "rte_eth_promiscuous_enable",
    "rte_eth_rx_queue_setup",
    "rte_eth_stats_get",
    "rte_eth_tx_queue_setup",
    "rte_get_tsc_hz",
    "rte_lcore_to_socket_id",
    "rte_log_set_global_level",
    "rte_mempool_avail_count",
    "rte_mempool_free",
    "rte_pktmbuf_free_bulk",
    "rte_pktmbuf_pool_create",
    "rte_strerror",
    "rte_version",
];
