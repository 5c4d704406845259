//! The HTTP server: one thread, few connections, a deadline for each, answers GET on three paths.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::{Encoder, Registry, TextEncoder};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::collector::{Telemetry, is_up};
use crate::supervise::Shared;

/// Limits of the HTTP server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; for one more the oldest is closed, so that slow clients keep no scrape out.
    pub connections: usize,
    /// How long a client may take to send its request's head.
    pub head: Duration,
    /// How long a connection may last altogether, its answer included.
    pub connection: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { connections: 64, head: Duration::from_secs(5), connection: Duration::from_secs(10) }
    }
}

/// Serves metrics at `address` from a thread of its own; gives the address it has.
///
/// # Errors
/// Any error of binding, or of starting the thread.
pub fn serve(address: SocketAddr, limits: Limits, shared: Arc<Shared>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let registry = Registry::new();
    registry.register(Box::new(Telemetry::new(Arc::clone(&shared)))).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let site = Arc::new(Site { registry, shared });
    let work = move || {
        if let Err(error) = runtime.block_on(accept(listener, limits, site)) {
            eprintln!("gate25-control: metrics are not served any more: {error}; restart gate25-control");
        }
    };
    std::thread::Builder::new().name("metrics".into()).spawn(work)?;
    Ok(address)
}

async fn accept(listener: TcpListener, limits: Limits, site: Arc<Site>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                open.retain(|connection| !connection.is_finished());
                let surplus = (open.len() + 1).saturating_sub(limits.connections.max(1));
                open.drain(..surplus).for_each(|oldest| oldest.abort());
                let served = tokio::time::timeout(limits.connection, connection(stream, limits, Arc::clone(&site)));
                open.push_back(tokio::spawn(served).abort_handle());
            }
            // Out of descriptors, say: what others hold comes free in time.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(stream: TcpStream, limits: Limits, site: Arc<Site>) -> hyper::Result<()> {
    let answer = service_fn(move |request: Request<Incoming>| {
        let response = site.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .keep_alive(false)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), answer)
        .await
}

/// What is served.
struct Site {
    registry: Registry,
    shared: Arc<Shared>,
}

impl Site {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/metrics" => self.metrics(),
            "/healthz" => text(StatusCode::OK, "ok\n".into()),
            "/readyz" => self.ready(),
            "/" => text(StatusCode::OK, "gate25: /metrics /healthz /readyz\n".into()),
            _ => text(StatusCode::NOT_FOUND, "not here; try /metrics, /healthz or /readyz\n".into()),
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let encoder = TextEncoder::new();
        let mut body = Vec::new();
        if let Err(error) = encoder.encode(&self.registry.gather(), &mut body) {
            return text(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot encode metrics: {error}\n"));
        }
        let mut response = Response::new(Full::from(body));
        if let Ok(kind) = HeaderValue::from_str(encoder.format_type()) {
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        response
    }

    /// Ready: the dataplane is up and runs the policy that control keeps.
    fn ready(&self) -> Response<Full<Bytes>> {
        let view = self.shared.view();
        let why = if !is_up(&view) {
            view.unreachable.unwrap_or_else(|| "the dataplane's main thread does not move".into())
        } else if view.digest_match() != Some(true) {
            view.problem.unwrap_or_else(|| "no policy is in force that control keeps".into())
        } else {
            return text(StatusCode::OK, "ready\n".into());
        };
        text(StatusCode::SERVICE_UNAVAILABLE, why + "\n")
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Most header fields of a request.
const HEADERS_MAX: usize = 64;
/// Most bytes of a request's head.
const HEAD_MAX: usize = 16 << 10;
